package rtc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// A peer that vanishes without a word is noticed at both ends within 15 s, with
// the settings that are in force everywhere.
func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	h := newHub()
	p := proxied(t, h)
	ended := make(chan error, 1)
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(ctx context.Context, s *rtc.Session) { echo(ctx, s); ended <- s.Err() }
	})
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, "hello")
	if addr := s.RemoteAddr(); addr.Port() != uint16(portOf(p.ends[1].LocalAddr())) {
		t.Errorf("RemoteAddr = %v, want the proxy's %v", addr, p.ends[1].LocalAddr())
	}
	p.goDeaf()
	deadline := time.After(15 * time.Second)
	here := make(chan error, 1)
	go func() { _, err := s.Recv(); here <- err }()
	for _, end := range []struct {
		name string
		err  <-chan error
		of   *node
	}{{"the dialler", here, c}, {"the node", ended, n}} {
		select {
		case err := <-end.err:
			if err == nil || !strings.Contains(err.Error(), "silent") {
				t.Errorf("%s: %v, want it to say that the peer fell silent", end.name, err)
			}
		case <-deadline:
			t.Fatalf("%s has not noticed after 15 s", end.name)
		}
		eventually(t, "the end counted", func() bool { return end.of.Stats().Ended[rtc.EndSilent] == 1 })
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// Each phase of a connection has its end, and the error names the phase.
func TestPhasesEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		drops func(datagram []byte) bool
		hop   rtc.Hop
	}{
		{"no datagram passes", func([]byte) bool { return true }, rtc.HopICE},
		{"no handshake passes", func(b []byte) bool { return b[0] == 22 }, rtc.HopDTLS}, // RFC 6347: handshake
		{"no application data passes", func(b []byte) bool { return b[0] == 23 }, rtc.HopChannel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			p := proxied(t, h)
			p.drops = tt.drops
			short := func(c *rtc.Config) { c.HandshakeTimeout = 2 * time.Second }
			n, _ := startEcho(t, h, short)
			c := start(t, h, "client", short)
			began := time.Now()
			_, err := c.Dial(t.Context(), target(n))
			if e, ok := errors.AsType[*rtc.Error](err); !ok || e.Hop != tt.hop {
				t.Errorf("Dial = %v, want an error at %s", err, tt.hop)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("Dial took %v with a timeout of 2s", took)
			}
			for _, n := range []*node{c, n} {
				eventually(t, "nothing left", func() bool {
					s := n.Stats()
					return s.Connections == 0 && s.PeerConnections == 0 && s.Handshakes == 0 && s.Sessions == 0
				})
				if got := n.Stats().Ended[rtc.EndTimeout]; got != 1 {
					t.Errorf("ended: %v, want 1 timeout", n.Stats().Ended)
				}
			}
		})
	}
}

func TestSessionsPerAddressAreLimited(t *testing.T) {
	for _, tt := range []struct {
		name   string
		exempt []netip.Prefix
		third  bool // is served
	}{
		{"none is exempt", nil, false},
		{"loopback is exempt", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			proxies(t, h)
			n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxSessionsPerAddress, c.LimitExempt = 2, tt.exempt })
			short := func(c *rtc.Config) { c.HandshakeTimeout = 2 * time.Second }
			dial := func(i int) (*rtc.Session, error) {
				return start(t, h, fmt.Sprint("client", i), short).Dial(t.Context(), target(n))
			}
			var first *rtc.Session
			for i := range 2 { // of different peer ids
				s, err := dial(i)
				if err != nil {
					t.Fatal(err)
				}
				roundTrip(t, s, "hello")
				first = s
			}
			works := func(i int) bool {
				s, err := dial(i)
				if err != nil || s.Send(t.Context(), []byte("hello")) != nil {
					return false
				}
				_, err = s.Recv()
				return err == nil
			}
			if got := works(2); got != tt.third {
				t.Errorf("a third session of the address works: %v, want %v", got, tt.third)
			}
			if got := n.Stats().Ended[rtc.EndAddress]; (got == 0) != tt.third {
				t.Errorf("%d connections ended for their address", got)
			}
			first.Close()
			eventually(t, "room after a close", func() bool { return n.Connections() < 3 })
			if !works(3) {
				t.Error("a session after another has ended does not work")
			}
		})
	}
}

// Offers beyond a peer's pace are dropped and counted; other peers go on.
func TestOffersPerPeerAreLimited(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.OffersAtOnce, c.OffersPerSecond = 3, 0.001 })
	w := h.join("stranger")
	for i := range 10 {
		send(t, w, n.id, signaling.TypeOffer, map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
	}
	eventually(t, "offers dropped", func() bool { return n.Stats().Declined[rtc.DeclineRate] == 7 })
	s, err := start(t, h, "client", nil).Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, "hello")
}

// A peer with many unfinished handshakes makes room before one that has one,
// even if the latter's is older, and gets no more of them.
func TestFloodersMakeRoomFirst(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxHandshakes = 4 })
	offer := func(peer *wire, i int) {
		send(t, peer, n.id, signaling.TypeOffer, map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
	}
	offer(h.join("patient"), 0)
	flooder := h.join("flooder")
	for i := range 8 {
		offer(flooder, i)
	}
	eventually(t, "offers declined", func() bool { return n.Stats().Declined[rtc.DeclineCrowded] == 5 })
	s, err := start(t, h, "client", nil).Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, "hello")
	if got := n.Stats().Ended[rtc.EndCrowded]; got != 1 {
		t.Errorf("%d handshakes made room, want 1", got)
	}
	for id, want := range map[string]int{"patient": 1, "flooder": 2} {
		if got := rtc.Handshaking(n.Peer, id); got != want {
			t.Errorf("%d handshakes of the %s peer are left, want %d", got, id, want)
		}
	}
}

// What is declined is counted by its reason.
func TestDeclinesAreCounted(t *testing.T) {
	for _, tt := range []struct {
		why    rtc.Decline
		change func(*rtc.Config)
		offers int
		offer  map[string]any
	}{
		{why: rtc.DeclineNobody, offers: 1, change: func(c *rtc.Config) { c.Serve = nil }},
		{why: rtc.DeclineSessions, offers: 2, change: func(c *rtc.Config) { c.MaxSessions = 1 }},
		{why: rtc.DeclinePeer, offers: 2, change: func(c *rtc.Config) { c.MaxSessionsPerPeer = 1 }},
		{why: rtc.DeclineMalformed, offers: 1, offer: map[string]any{"id": "a", "signal": map[string]any{"type": "offer", "sdp": 7}}},
		{why: rtc.DeclineForm, offers: 1, offer: map[string]any{
			"sdp": map[string]string{"type": "offer", "sdp": offerSDP}, "type": "data", "connectionId": "dc_1", "serialization": "MsgPack",
		}},
	} {
		t.Run(string(tt.why), func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, tt.change)
			w := h.join("stranger")
			for i := range tt.offers {
				offer := tt.offer
				if offer == nil {
					offer = map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": offerSDP}}
				}
				send(t, w, n.id, signaling.TypeOffer, offer)
			}
			eventually(t, "the decline counted", func() bool { return n.Stats().Declined[tt.why] == 1 })
		})
	}
}

// Whoever makes offers cannot fill the log of a node with them.
func TestDeclinedOffersAreNotLogged(t *testing.T) {
	var book logbook
	h := newHub()
	n := startLogging(t, h, "node", func(c *rtc.Config) { c.Serve, c.MaxSessions = echo, 1 }, slog.New(slog.NewTextHandler(&book, nil)))
	w := h.join("stranger")
	for i := range 50 {
		for _, serialization := range []string{"json", "MsgPack"} { // over a limit, and not spoken
			send(t, w, n.id, signaling.TypeOffer, map[string]any{
				"sdp": map[string]string{"type": "offer", "sdp": offerSDP}, "type": "data", "connectionId": fmt.Sprint(i), "serialization": serialization,
			})
		}
	}
	eventually(t, "offers declined", func() bool {
		s := n.Stats()
		return s.Declined[rtc.DeclineForm] == 50 && s.Declined[rtc.DeclineSessions] == 49
	})
	if lines := book.all(); len(lines) > 0 {
		t.Errorf("the log says %q and %d more lines", lines[0], len(lines)-1)
	}
}
