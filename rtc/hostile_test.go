package rtc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// An offer may not make a node send to any number of addresses.
func TestCandidatesInADescriptionAreLimited(t *testing.T) {
	for _, tt := range []struct {
		candidates int
		answered   bool
	}{{40, true}, {41, false}} {
		t.Run(fmt.Sprint(tt.candidates), func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, nil)
			w := h.join("stranger")
			var sdp strings.Builder
			sdp.WriteString(offerSDP)
			for i := range tt.candidates {
				fmt.Fprintf(&sdp, "a=candidate:%d 1 udp 1 127.0.0.1 %d typ host\r\n", i, 9+i)
			}
			send(t, w, n.id, signaling.TypeOffer, map[string]any{"id": "a", "signal": map[string]string{"type": "offer", "sdp": sdp.String()}})
			select {
			case m := <-w.in:
				if !tt.answered {
					t.Errorf("the node answered with %s", m.Type)
				}
			case <-time.After(time.Second):
				if tt.answered {
					t.Error("the node did not answer")
				}
			}
		})
	}
}

// A session whose peer has gone ends at once, whatever its owner waits for.
func TestClosePeerIsNoticedAtOnce(t *testing.T) {
	h := newHub()
	ended := make(chan error, 1)
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(ctx context.Context, s *rtc.Session) {
			if err := s.Send(ctx, []byte("open")); err != nil {
				t.Error(err)
			}
			<-ctx.Done() // does not read
			ended <- s.Err()
		}
	})
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); err != nil { // else its end could come before the node has a session
		t.Fatal(err)
	}
	s.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, rtc.ErrClosed) {
			t.Errorf("Err = %v, want ErrClosed", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the session has not ended 5 s after its peer closed it")
	}
}

// A peer that never stops sending does not keep a node from stopping.
func TestShutdownOfAChattyPeer(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(_ context.Context, s *rtc.Session) {
			for {
				if _, err := s.Recv(); err != nil {
					return
				}
			}
		}
	})
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for s.Send(t.Context(), make([]byte, 1000)) == nil {
		}
	}()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n.Shutdown(ctx)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
	<-sent
}

// Offers that are declined leave nothing behind.
func TestDeclinedOffersCostNothing(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxSessionsPerPeer, c.HandshakeTimeout = 1, time.Minute })
	payload := func(i int) json.RawMessage {
		raw, err := json.Marshal(map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	h.join("stranger")
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	offer := func(from, to int) {
		for i := from; i < to; i++ {
			rtc.Handle(n.Peer, signaling.Message{Type: signaling.TypeOffer, Src: "stranger", Payload: payload(i)})
		}
	}
	offer(0, 2000)
	before := heap()
	offer(2000, 12_000)
	if after := heap(); after > before+5000 {
		t.Errorf("10,000 declined offers left %d objects", after-before)
	}
	if got := n.Connections(); got != 1 {
		t.Errorf("%d connections, want the one that is allowed", got)
	}
}

// A signalling connection that takes nothing costs a dial its timeout, no more.
func TestStuckSignalling(t *testing.T) {
	cfg := rtc.DefaultConfig()
	cfg.Loopback, cfg.HandshakeTimeout = true, 300*time.Millisecond
	p, err := rtc.New(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Attach("hub", stuck{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := p.Dial(context.Background(), rtc.Target{Server: "hub", PeerID: "x"}); err == nil {
		t.Error("Dial = nil, want an error")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Dial took %v with a timeout of 300ms", took)
	}
}

type stuck struct{}

func (stuck) Messages() <-chan signaling.Message { return nil }

func (stuck) Send(ctx context.Context, _ signaling.Message) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// A peer may open a few data channels beside the first, not thousands.
func TestFurtherChannelsAreClosed(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "json"})
	if !ok {
		t.Fatal("no connection")
	}
	for i := range 100 {
		if _, err := p.pc.CreateDataChannel(fmt.Sprint(i), &webrtc.DataChannelInit{}); err != nil {
			break // the node has closed
		}
	}
	select {
	case <-p.closed:
	case <-time.After(5 * time.Second):
		t.Error("the node keeps a session with 100 data channels")
	}
}

// simple-peer renegotiates under the same id; the session lives on.
func TestRenegotiation(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", nil)
	var first signaling.Message
	h.tamper = func(m *signaling.Message) bool {
		if m.Type == signaling.TypeOffer && first.Type == "" {
			first = *m
		}
		return true
	}
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the same offer again changes nothing, and is answered
		rtc.Handle(n.Peer, first)
		if got := roundTrip(t, s, "still here"); got != "still here" {
			t.Errorf("echo = %q", got)
		}
	}
}

// Strangers who never finish their handshakes keep nobody else out.
func TestUnfinishedHandshakesMakeRoom(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxHandshakes = 4 })
	for i := range 40 {
		w := h.join(fmt.Sprint("stranger", i))
		send(t, w, n.id, signaling.TypeOffer, map[string]any{"id": "a", "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
	}
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, s, "hello"); got != "hello" {
		t.Errorf("echo = %q", got)
	}
	// Those that had to make room are gone as soon as they are closed, long
	// before their own deadline.
	const want = 5 // the session and 4 handshakes
	for deadline := time.Now().Add(5 * time.Second); n.Connections() > want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, want %d at most", n.Connections(), want)
		}
	}
}
