package roles

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// SetStartTime shortens how long n tries to reach its first archiver.
func SetStartTime(n *Consensor, d time.Duration) { n.startTime = d }

// NewVerifier returns what clients check identities with.
func NewVerifier() identityVerifier { return identityVerifier{} }

// NextLead is nextLead.
var NextLead = nextLead

// Tokens returns a maker of one link's tokens: given how far the archiver's
// clock is ahead, it returns how far ahead of that clock the token expires.
func Tokens(key *signing.NodeKey) func(skew time.Duration) time.Duration {
	l := &link{key: key}
	return func(skew time.Duration) time.Duration {
		token := l.token(located{info: nodelist.Info{Skew: skew}})
		unix, err := strconv.ParseInt(strings.Split(token, ".")[1], 10, 64)
		if err != nil {
			panic(err)
		}
		return time.Until(time.Unix(unix, 0).Add(-skew))
	}
}

// NetworkID returns the id of d's network.
func NetworkID(d *Devnet) string { return d.ledger.NetworkID() }

// Waits returns what one link waits between attempts, one after the other.
func Waits() func() time.Duration { return new(link).wait }

// A Gate is a gate of connections that a test makes.
type Gate struct{ g *gate }

// NewGate returns a gate with networks that are spared and that are proxies.
func NewGate(total, perAddress int, spared, proxies string, log *slog.Logger) Gate {
	nets := func(text string) clientip.Networks {
		n, err := clientip.Parse([]string{text})
		if err != nil {
			panic(err)
		}
		return n
	}
	return Gate{newGate(total, perAddress, nets(spared), nets(proxies), log)}
}

// Watch is watch.
func (g Gate) Watch(c net.Conn, state http.ConnState) { g.g.watch(c, state) }

// Left returns what is still counted: connections, and their addresses.
func (g Gate) Left() (conns, addresses int) { return len(g.g.conns), len(g.g.places) }

// MaxIdle is maxIdle.
const MaxIdle = maxIdle

// Front returns what tells whom a request comes from.
func Front(trusted []string, log *slog.Logger) (func(*http.Request) netip.Addr, error) {
	proxies, err := clientip.Parse(trusted)
	return (&front{proxies: proxies, log: log}).addrOf, err
}

// Tally runs a tally of counts that the caller changes while it waits.
func Tally(ctx context.Context, refused, dropped map[string]uint64, log *slog.Logger) error {
	return tally(func() counts { return counts{maps.Clone(refused), maps.Clone(dropped)} }, log).run(ctx)
}

// Declined returns what n has declined, and what it ended, so far.
func Declined(n *Consensor) (declined, ended map[string]uint64) {
	c := n.counts()
	return c.refused, c.dropped
}

// Refused returns what a has refused so far.
func Refused(a *Archiver) map[string]uint64 { return a.counts().refused }

// Dropped returns what a has dropped so far.
func Dropped(a *Archiver) map[string]uint64 { return a.counts().dropped }

// Narrow lets fewer connections be open at a's public listeners.
func Narrow(a *Archiver, total int) {
	a.gate.mu.Lock()
	defer a.gate.mu.Unlock()
	a.gate.total = total
}

// PeerServer returns the peer server of a.
func PeerServer(a *Archiver) *signaling.Server { return a.peers }

// Socket returns what d's peer server knows of the socket that holds id.
func Socket(d *Devnet, id string) (signaling.Peer, bool) { return d.Archiver.peers.Peer(id) }

// Connect opens a session as the commands do, for requests that none makes.
func Connect(ctx context.Context, c *Client) (ask func(context.Context, rpc.Request) (rpc.Reply, error), s *rtc.Session, err error) {
	conv, err := c.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, conv.close)
	return conv.Do, conv.session, nil
}

// Converse opens a session as the commands do, for what none does.
func Converse(ctx context.Context, c *Client) (client *rpc.Client, done func(), err error) {
	conv, err := c.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	return conv.Client, conv.close, nil
}

// PeerConfig is peerConfig.
var PeerConfig = peerConfig

// NodeAddr returns the address of a's listener for nodes.
func NodeAddr(a *Archiver) string { return a.nodes.Addr().String() }

// Online is closed when n has joined its first archiver.
func Online(n *Consensor) <-chan struct{} { return n.online }

// Tune changes how c's sessions are set up.
func Tune(c *Client, f func(*rtc.Config)) { c.tune = f }

// A Line is a line over conversations that a test makes.
type Line struct{ l *line }

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

// Opener opens conversations.
type Opener = func(context.Context) (*conversation, error)

// NewLine is newLine.
func NewLine(open Opener, log *slog.Logger) Line { return Line{newLine(open, log)} }

// ClientLine returns a line of c, and counts the sessions it opens.
func ClientLine(c *Client, opened *atomic.Int64) Line {
	return NewLine(func(ctx context.Context) (*conversation, error) {
		opened.Add(1)
		return c.connect(ctx)
	}, c.log)
}

// Do sends a request and returns the answer and who gave it.
func (l Line) Do(ctx context.Context, r rpc.Request) (rpc.Reply, string, error) {
	a, err := l.l.do(ctx, r)
	return a.Reply, a.peer, err
}

// Inject is inject.
func (l Line) Inject(ctx context.Context, c *Client, id string) (Injected, error) {
	return c.inject(ctx, l.l, id, []byte(`{}`))
}

// Follow follows an account over the sessions of l.
func (l Line) Follow(ctx context.Context, account string, since int64, told func(e rpc.Event, peer string) error) error {
	f := &follower{l: l.l, account: account, since: since, timeout: 5 * time.Second, told: told, begun: func(string) {}}
	return f.run(ctx)
}

// InHand returns the requests in hand on each session that is not forgotten.
func (l Line) InHand() (list []int) {
	l.l.mu.Lock()
	defer l.l.mu.Unlock()
	return slices.Collect(maps.Values(l.l.users))
}

// Drop ends the session of the moment, as a lost network would.
func (l Line) Drop() {
	l.l.mu.Lock()
	conv := l.l.now
	l.l.mu.Unlock()
	if conv != nil {
		conv.session.Close()
	}
}

// Close is close.
func (l Line) Close() { l.l.close() }

// NewDoorway is newDoorway.
func NewDoorway(l net.Listener, log *slog.Logger) net.Listener { return newDoorway(l, log) }

// FitFiles returns what an archiver that may open so many files lets be open,
// where so many ids are wanted: sockets with an id and without, connections to
// the public listeners, and to that for nodes.
func FitFiles(files, ids int, log *slog.Logger) (most [4]int, err error) {
	p := signaling.DefaultConfig()
	p.ConcurrentLimit = ids
	public, nodes, err := gatesOf(config.Default().Archiver, log)
	if err == nil {
		err = fitFiles(files, &p, public, nodes, log)
	}
	return [4]int{p.ConcurrentLimit, p.MaxPending, public.total, nodes.total}, err
}
