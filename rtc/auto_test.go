package rtc_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// isPeerJS tells the dialect of a message.
func isPeerJS(m *signaling.Message) bool { return bytes.Contains(m.Payload, []byte(`"connectionId"`)) }

// deafTo makes a hub drop the offers of a dialect, as peers that speak only the
// other do. It counts those that came.
func deafTo(h *hub, d rtc.Dialect, offers map[rtc.Dialect]int) {
	h.tamper = func(m *signaling.Message) bool {
		if m.Type != signaling.TypeOffer {
			return true
		}
		dialect := rtc.DialectSimplePeer
		if isPeerJS(m) {
			dialect = rtc.DialectPeerJS
		}
		offers[dialect]++
		return dialect != d
	}
}

func TestDialects(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ask    rtc.Dialect
		deafTo rtc.Dialect
		want   rtc.Dialect
		offers map[rtc.Dialect]int
	}{
		{name: "none named", want: rtc.DialectSimplePeer, offers: map[rtc.Dialect]int{rtc.DialectSimplePeer: 1}},
		{name: "simple-peer", ask: rtc.DialectSimplePeer, want: rtc.DialectSimplePeer, offers: map[rtc.Dialect]int{rtc.DialectSimplePeer: 1}},
		{name: "peerjs", ask: rtc.DialectPeerJS, want: rtc.DialectPeerJS, offers: map[rtc.Dialect]int{rtc.DialectPeerJS: 1}},
		{name: "auto, a peer of both", ask: rtc.DialectAuto, want: rtc.DialectSimplePeer, offers: map[rtc.Dialect]int{rtc.DialectSimplePeer: 1}},
		{name: "auto, a PeerJS peer", ask: rtc.DialectAuto, deafTo: rtc.DialectSimplePeer, want: rtc.DialectPeerJS, offers: map[rtc.Dialect]int{rtc.DialectSimplePeer: 1, rtc.DialectPeerJS: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			offers := map[rtc.Dialect]int{}
			deafTo(h, tt.deafTo, offers)
			n, _ := startEcho(t, h, nil)
			c := start(t, h, "client", func(c *rtc.Config) { c.AnswerWait = 300 * time.Millisecond })
			to := target(n)
			to.Dialect = tt.ask
			s, err := c.Dial(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			if s.Dialect() != tt.want || s.ProvenKey() != n.id {
				t.Errorf("dialect %s, proven %q, want %s and the node's key", s.Dialect(), s.ProvenKey(), tt.want)
			}
			msg := `{"a":"` + strings.Repeat("x", 200_000) + `"}`
			if got := roundTrip(t, s, msg); got != msg {
				t.Errorf("echo of %d bytes came back as %d", len(msg), len(got))
			}
			if got := c.Connections(); got != 1 {
				t.Errorf("%d connections, want 1", got)
			}
			if len(offers) != len(tt.offers) || offers[tt.want] != tt.offers[tt.want] {
				t.Errorf("offers = %v, want %v", offers, tt.offers)
			}
		})
	}
}

// The dialect that a peer answered in is the first one the next time.
func TestDialectIsRemembered(t *testing.T) {
	h := newHub()
	offers := map[rtc.Dialect]int{}
	deafTo(h, rtc.DialectSimplePeer, offers)
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", func(c *rtc.Config) { c.AnswerWait = 300 * time.Millisecond })
	to := target(n)
	to.Dialect = rtc.DialectAuto
	dial := func(want rtc.Dialect) {
		t.Helper()
		s, err := c.Dial(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if s.Dialect() != want {
			t.Errorf("dialect = %s, want %s", s.Dialect(), want)
		}
		s.Close()
	}
	dial(rtc.DialectPeerJS)
	dial(rtc.DialectPeerJS)
	if offers[rtc.DialectSimplePeer] != 1 {
		t.Errorf("%d offers in the dialect that was not answered, want 1", offers[rtc.DialectSimplePeer])
	}
	h.mu.Lock()
	deafTo(h, rtc.DialectPeerJS, offers) // another program has taken the id
	h.mu.Unlock()
	dial(rtc.DialectSimplePeer)
	dial(rtc.DialectSimplePeer)
	if got := c.Connections(); got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

// An answer that comes after the other dialect was tried too leaves one
// connection, whichever it is.
func TestDialectsAnsweredBoth(t *testing.T) {
	h := newHub()
	answers := make(chan signaling.Message, 2)
	h.tamper = func(m *signaling.Message) bool {
		if m.Type == signaling.TypeAnswer && len(answers) < 2 {
			answers <- *m
			return false
		}
		return true
	}
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", func(c *rtc.Config) { c.AnswerWait = 100 * time.Millisecond })
	to := target(n)
	to.Dialect = rtc.DialectAuto
	go func() { // both answers at once, when both are there
		first, second := <-answers, <-answers
		first.Src, second.Src = n.id, n.id
		c.wire.in <- first
		c.wire.in <- second
	}()
	s, err := c.Dial(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, s, `"one is left"`); got != `"one is left"` {
		t.Errorf("echo = %q", got)
	}
	if got := c.Connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestDialectsUnanswered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve bool
		id    string
		limit time.Duration
		want  error
	}{
		{name: "nobody holds the id", serve: true, id: "nobody", want: rtc.ErrPeerAbsent},
		{name: "the peer accepts nobody", want: rtc.ErrNoAnswer},
		{name: "the caller does not wait", limit: 300 * time.Millisecond, want: context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				if !tt.serve {
					c.Serve = nil
				}
			})
			c := start(t, h, "client", func(c *rtc.Config) { c.AnswerWait, c.HandshakeTimeout = 100*time.Millisecond, 600*time.Millisecond })
			to := target(n)
			to.Dialect = rtc.DialectAuto
			if tt.id != "" {
				to.PeerID = tt.id
			}
			ctx := t.Context()
			if tt.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.limit)
				defer cancel()
			}
			_, err := c.Dial(ctx, to)
			e := new(rtc.Error)
			if !errors.Is(err, tt.want) || !errors.As(err, &e) || e.Hop != rtc.HopSignalling {
				t.Errorf("Dial = %v, want %v at the signalling", err, tt.want)
			}
			if got := c.Connections(); got != 0 {
				t.Errorf("%d connections are left", got)
			}
		})
	}
}
