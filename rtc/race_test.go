package rtc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// An offer that nobody answers is made again, under another connection id and
// within the time of the whole dial.
func TestLostOffersAreMadeAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		lost        int64
		wait, limit time.Duration
		least, most int64 // offers
		err         error
	}{
		// The answer may take its time on a machine that does much else.
		{"none is lost", 0, 15 * time.Second, 20 * time.Second, 1, 1, nil},
		{"two are lost", 2, 500 * time.Millisecond, 20 * time.Second, 3, 4, nil},
		{"all are lost", 1 << 30, 500 * time.Millisecond, 5 * time.Second, 4, 4, rtc.ErrNoAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			var offers atomic.Int64
			ids := map[string]bool{}
			h.tamper = func(m *signaling.Message) bool {
				if m.Type != signaling.TypeOffer {
					return true
				}
				ids[string(m.Payload)] = true
				return offers.Add(1) > tt.lost
			}
			n, _ := startEcho(t, h, nil)
			c := start(t, h, "client", func(c *rtc.Config) { c.AnswerWait, c.HandshakeTimeout = tt.wait, tt.limit })
			began := time.Now()
			s, err := c.Dial(t.Context(), target(n))
			if !errors.Is(err, tt.err) {
				t.Fatalf("Dial = %v, want %v", err, tt.err)
			}
			if took := time.Since(began); took > 2*tt.limit {
				t.Errorf("Dial took %v with a timeout of %v", took, tt.limit)
			}
			left := 0
			if err == nil {
				left = 1
				roundTrip(t, s, "hello")
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if got := offers.Load(); got < tt.least || got > tt.most || len(ids) != int(got) {
				t.Errorf("%d offers, %d of them different, want %d to %d", got, len(ids), tt.least, tt.most)
			}
			if got := c.Connections(); got != left {
				t.Errorf("%d connections are left, want %d", got, left)
			}
		})
	}
}

// A node that is flooded with offers of fake peers, more than it has places,
// serves others at once.
func TestFakePeersKeepNobodyOut(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxHandshakes = 8 })
	var ids []string
	for i := range 40 {
		ids = append(ids, h.join(fmt.Sprint("fake", i)).id)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			raw, err := json.Marshal(map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
			if err != nil {
				t.Error(err)
				return
			}
			rtc.Handle(n.Peer, signaling.Message{Type: signaling.TypeOffer, Src: ids[i%len(ids)], Payload: raw})
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	flooded := func() uint64 { s := n.Stats(); return s.Declined[rtc.DeclineCrowded] + s.Ended[rtc.EndCrowded] }
	eventually(t, "the flood is on", func() bool { return flooded() >= uint64(len(ids)) })
	for i := range 5 {
		s, err := start(t, h, fmt.Sprint("client", i), nil).Dial(t.Context(), target(n))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, s, "hello")
		s.Close()
	}
}
