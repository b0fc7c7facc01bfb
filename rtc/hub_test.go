package rtc_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// hub stands for a PeerJS server: it passes messages between wires by id.
type hub struct {
	mu    sync.Mutex
	wires map[string]*wire
	// tamper, if set, may change a message, or drop it by returning false.
	tamper func(*signaling.Message) bool
}

func newHub() *hub { return &hub{wires: make(map[string]*wire)} }

// wire is one peer's connection to the hub.
type wire struct {
	hub  *hub
	id   string
	in   chan signaling.Message
	once sync.Once
}

func (h *hub) join(id string) *wire {
	w := &wire{hub: h, id: id, in: make(chan signaling.Message, 1024)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wires[id] = w
	return w
}

func (w *wire) Messages() <-chan signaling.Message { return w.in }

func (w *wire) Send(_ context.Context, m signaling.Message) error {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	m.Src = w.id
	if w.hub.tamper != nil && !w.hub.tamper(&m) {
		return nil
	}
	dst := w.hub.wires[m.Dst]
	if dst == nil {
		w.in <- signaling.Message{Type: signaling.TypeExpire, Src: m.Dst, Dst: w.id}
		return nil
	}
	dst.in <- m
	return nil
}

// end is the end of the connection; what is sent to it from now on is lost.
func (w *wire) end() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.once.Do(func() {
		delete(w.hub.wires, w.id)
		close(w.in)
	})
}

// keyring signs and verifies identities as the roles do.
type keyring struct {
	key *signing.NodeKey
	// lie, if set, changes the claims before they are signed.
	lie func(*rtc.Claims)
}

func (k keyring) SignIdentity(c rtc.Claims) (json.RawMessage, error) {
	c.PeerID, c.NetworkID, c.Timestamp = k.key.Public(), "net", time.Now().UnixMilli()
	if k.lie != nil {
		k.lie(&c)
	}
	o, err := k.key.Sign(signing.Object{
		"peerId": c.PeerID, "connectionId": c.ConnectionID, "networkId": c.NetworkID,
		"fingerprint": c.Fingerprint, "remoteFingerprint": c.RemoteFingerprint, "timestamp": c.Timestamp,
	})
	if err != nil {
		return nil, err
	}
	return signing.Canonical(o)
}

type verifier struct{}

func (verifier) VerifyIdentity(raw json.RawMessage) (rtc.Claims, string, error) {
	o, err := signing.ParseObject(raw)
	if err != nil {
		return rtc.Claims{}, "", err
	}
	owner, err := signing.Verify(o)
	if err != nil {
		return rtc.Claims{}, "", err
	}
	text := func(name string) string { s, _ := o[name].(string); return s }
	ts, _ := o["timestamp"].(float64)
	return rtc.Claims{
		PeerID: text("peerId"), ConnectionID: text("connectionId"), NetworkID: text("networkId"),
		Fingerprint: text("fingerprint"), RemoteFingerprint: text("remoteFingerprint"), Timestamp: int64(ts),
	}, owner, nil
}

// node is a Peer on a hub.
type node struct {
	*rtc.Peer
	id   string
	wire *wire
}

// start runs a Peer under id until the test ends.
func start(t *testing.T, h *hub, id string, change func(*rtc.Config)) *node {
	t.Helper()
	return startLogging(t, h, id, change, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})))
}

func startLogging(t *testing.T, h *hub, id string, change func(*rtc.Config), log *slog.Logger) *node {
	t.Helper()
	cfg := rtc.DefaultConfig()
	cfg.Loopback = true
	cfg.GatherWait = 5 * time.Second // proxies learn addresses from descriptions alone, however slow the machine is
	cfg.Verifier = verifier{}
	if change != nil {
		change(&cfg)
	}
	p, err := rtc.New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Peer: p, id: id, wire: h.join(id)}
	var wg sync.WaitGroup
	link, err := p.Attach("hub", n.wire)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() { _ = link.Run(t.Context()) })
	t.Cleanup(func() {
		p.Close()
		n.wire.end()
		wg.Wait()
	})
	return n
}

// echo answers each message with itself until the session ends.
func echo(ctx context.Context, s *rtc.Session) {
	for {
		msg, err := s.Recv()
		switch {
		case errors.Is(err, rtc.ErrTooLarge):
			msg, err = []byte("too large"), nil
		case errors.Is(err, rtc.ErrMalformed):
			msg, err = []byte("malformed"), nil
		}
		if err != nil || s.Send(ctx, msg) != nil {
			return
		}
	}
}

// startEcho runs an echoing node under its key, as consensors do.
func startEcho(t *testing.T, h *hub, change func(*rtc.Config)) (*node, *signing.NodeKey) {
	t.Helper()
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, h, key.Public(), func(c *rtc.Config) {
		c.Signer, c.Serve = keyring{key: key}, echo
		if change != nil {
			change(c)
		}
	}), key
}

// roundTrip sends msg and returns what comes back.
func roundTrip(t *testing.T, s *rtc.Session, msg string) string {
	t.Helper()
	if err := s.Send(t.Context(), []byte(msg)); err != nil {
		t.Fatalf("Send = %v", err)
	}
	got, err := s.Recv()
	if err != nil {
		t.Fatalf("Recv = %v", err)
	}
	return string(got)
}

func target(n *node) rtc.Target {
	return rtc.Target{Server: "hub", PeerID: n.id, PublicKey: n.id, NetworkID: "net"}
}

// echoed starts a node that echoes and a client, and opens a session between them.
func echoed(t *testing.T, h *hub) (n, c *node, s *rtc.Session) {
	t.Helper()
	n, _ = startEcho(t, h, nil)
	c = start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	return n, c, s
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
