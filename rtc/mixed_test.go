package rtc_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/rtc"
)

// stray opens one more data channel of pc, whose channels are detached: nobody
// closes this end of it when the node closes its own.
func stray(t *testing.T, pc *webrtc.PeerConnection) io.Writer {
	t.Helper()
	dc, err := pc.CreateDataChannel("stray", nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan io.Writer, 1)
	dc.OnOpen(func() {
		w, err := dc.Detach()
		if err != nil {
			t.Error(err)
		}
		opened <- w
	})
	select {
	case w := <-opened:
		return w
	case <-time.After(5 * time.Second):
		t.Fatal("no further channel opens")
		return nil
	}
}

// What can never be read is bounded also among messages that are read at once:
// those must not count for more than they are.
func TestUnreadAmongReadIsBounded(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.MaxSessions = 1
		c.Serve = func(_ context.Context, s *rtc.Session) {
			for { // reads as fast as it can
				if _, err := s.Recv(); err != nil {
					return
				}
			}
		}
	})
	var own webrtc.SettingEngine
	own.DetachDataChannels()
	p, ok := dialPeerJSWith(t, own, h, n, "dc_1", map[string]any{"serialization": "json"})
	if !ok {
		t.Fatal("no connection")
	}
	hidden := stray(t, p.pc)
	flooded := func() bool { return n.Stats().Ended[rtc.EndFlooded] == 1 }
	before, most := heap(), uint64(0)
	sent, one := 0, []byte{'1'}
	for ; !flooded() && sent < 200_000; sent++ {
		if _, err := hidden.Write(one); err != nil {
			break
		}
		if sent%4 == 0 && p.dc.Send(one) != nil {
			break
		}
		if sent%1024 == 0 {
			most = max(most, heap())
		}
		for deadline := time.Now().Add(5 * time.Second); p.dc.BufferedAmount() > 4096 && !flooded() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	t.Logf("%d chunks, the heap grew by %d MiB", sent, (most-before)>>20)
	eventually(t, "the session to be closed as flooded", flooded)
	if most > before+32<<20 {
		t.Errorf("the heap grew by %d MiB, want 32 at most", (most-before)>>20)
	}
}
