package client

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/rtc"
)

// Tune changes how the sessions of cfg's client are set up.
func Tune(cfg *Config, f func(*rtc.Config)) { cfg.tune = f }

// A Conversation is a conversation.
type Conversation = conversation

// NewConversation makes a conversation over s.
func NewConversation(peer string, s rpc.Stream, ended, worn <-chan struct{}) *conversation {
	conv := &conversation{Client: rpc.NewClient(s, "me"), peerID: peer, ended: ended, worn: worn}
	conv.close = func() {}
	return conv
}

// OnClose says what closing conv does.
func OnClose(conv *conversation, f func()) { conv.close = f }

// ErrNoOther is errNoOther.
var ErrNoOther = errNoOther

// NewPooled returns a client whose sessions open opens.
func NewPooled(open func(ctx context.Context, avoid []string) (*Conversation, error), cfg Config) *Client {
	c := &Client{cfg: cfg, log: slog.New(slog.DiscardHandler), nodes: newRecords()}
	c.cfg.Progress = func(string) {}
	c.pool = newPool(func(ctx context.Context, s *search) (*conversation, error) { return open(ctx, (&seeker{s}).avoided()) }, c.nodes, c.log)
	return c
}

// NewSearching is NewPooled for an open that dials only whom it has claimed.
func NewSearching(open func(ctx context.Context, claim func(peer string) bool) (*Conversation, error), cfg Config) *Client {
	c := NewPooled(nil, cfg)
	c.pool.open = func(ctx context.Context, s *search) (*conversation, error) {
		return open(ctx, func(peer string) bool { return (&seeker{s}).claim("archiver", peer) })
	}
	return c
}

// NewSearch returns a search, which waits for who is absent if it is patient.
func NewSearch(patient bool) *search {
	s := besides(nil)
	s.patient = patient
	return s
}

// Attempt goes through s for one of the peers. It tells ended whose session
// was closed.
func Attempt(ctx, back context.Context, s *search, peers []string, dial func(ctx context.Context, peer string) error, ended func(peer string)) (peer string, err error) {
	c := NewPooled(nil, Config{})
	a := attempt{c: c, k: &seeker{s}, server: "archiver", back: back, dial: func(ctx context.Context, t rtc.Target) (*conversation, error) {
		return &conversation{peerID: t.PeerID, end: func() { ended(t.PeerID) }}, dial(ctx, t.PeerID)
	}}
	var targets []rtc.Target
	for _, p := range peers {
		targets = append(targets, rtc.Target{PeerID: p})
	}
	conv, err := a.run(ctx, targets)
	if err != nil {
		return "", err
	}
	return conv.peerID, nil
}

// Keep has c keep so many sessions open.
func Keep(c *Client, n int) { c.pool.keep(n) }

// CountOpened counts the sessions that c opens.
func CountOpened(c *Client, n *atomic.Int64) {
	open := c.pool.open
	c.pool.open = func(ctx context.Context, s *search) (*conversation, error) {
		n.Add(1)
		return open(ctx, s)
	}
}

// InjectBody gives the network a transaction that is no object, for tests with nodes
// that do not look.
func InjectBody(ctx context.Context, c *Client, id string) (Injected, error) {
	return c.inject(ctx, id, []byte(`{}`))
}

// Follow follows an account over the sessions of c.
func Follow(ctx context.Context, c *Client, account string, since int64, told func(e rpc.Event, peer string) error) error {
	f := &follower{p: c.pool, account: account, since: since, timeout: c.cfg.Timeout, told: told, begun: func(string) {}}
	return f.run(ctx)
}

// InHand returns the requests in hand on each session that is not forgotten.
func InHand(c *Client) (list []int) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, m := range c.pool.members {
		list = append(list, m.users)
	}
	return list
}

// Drop ends the sessions of the moment, as a lost network would.
func Drop(c *Client) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, m := range c.pool.members {
		if m.session != nil {
			m.session.Close()
		}
	}
}

// Connect opens a session as the pool of c does.
func Connect(ctx context.Context, c *Client) (*Conversation, error) {
	return c.pool.open(ctx, besides(nil))
}
