package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// vainOffer is a description that a node answers, of a peer that is not there.
const vainOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:GKMk\r\na=ice-pwd:0123456789abcdefghijklmn\r\n" +
	"a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"

// A flood offers sessions to a node in the names of many peers and never goes on
// with one.
type flood struct {
	offers  atomic.Int64 // sent
	answers atomic.Int64 // that came
	wg      sync.WaitGroup
}

// There are as many flooders as open sockets at once without waiting, and what
// they offer a second is what a node reads that the race detector slows down.
const (
	flooders   = 80
	offerEvery = 100 * time.Millisecond
)

func startFlood(t *testing.T, archiver, node string) *flood {
	t.Helper()
	f := new(flood)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(f.wg.Wait)
	t.Cleanup(cancel)
	for range flooders { // all before the first offers, which slow the archiver down
		c, err := signaling.Dial(ctx, signaling.ClientConfig{URL: archiver + signaling.DefaultPath, Key: signaling.DefaultKey}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer f.wg.Go(func() { defer c.Close(); f.offer(ctx, c, node) })
		f.wg.Go(func() {
			for m := range c.Messages() {
				if m.Type == signaling.TypeAnswer {
					f.answers.Add(1)
				}
			}
		})
	}
	return f
}

func (f *flood) offer(ctx context.Context, c *signaling.Client, node string) {
	pace := time.NewTicker(offerEvery)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		payload, err := json.Marshal(map[string]any{"id": fmt.Sprint(i), "signal": map[string]string{"type": "offer", "sdp": vainOffer}})
		if err != nil || c.Send(ctx, signaling.Message{Type: signaling.TypeOffer, Dst: node, Payload: payload}) != nil {
			return
		}
		f.offers.Add(1)
	}
}

// A node that is flooded with thousands of offers through the archiver, from
// more peers than it has places for handshakes, is there for others within the
// time of a handshake.
func TestOfferFlood(t *testing.T) {
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url(), "--max-handshakes", "32")
	ask := func() time.Duration {
		t.Helper()
		began := time.Now()
		r := s.run("client", "account", "--archiver", archiver.url(), "--data", s.dir("client"), "--timeout", "10s",
			"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef").exits(4)
		if got := r.json().text("peer"); got != node.peerID {
			r.fatalf("peer = %q, want %q", got, node.peerID)
		}
		return time.Since(began)
	}
	quiet := ask()
	f := startFlood(t, archiver.url(), node.peerID)
	eventually(t, 20*time.Second, "thousands of offers", func() bool { return f.offers.Load() >= 3000 && f.answers.Load() >= 32 })
	var took []time.Duration
	for range 4 {
		took = append(took, ask().Round(time.Millisecond))
	}
	t.Logf("%d offers, %d of them answered; a client took %v before and %v meanwhile", f.offers.Load(), f.answers.Load(), quiet.Round(time.Millisecond), took)
}
