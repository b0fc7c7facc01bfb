package rtc_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// Messages of one byte cost far more than the window counts. A peer that sends
// them faster than they are read is closed before they are many.
func TestTinyMessagesAreBounded(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.MaxUnread = 256 << 10
		c.Serve = func(ctx context.Context, _ *rtc.Session) { <-ctx.Done() } // as one that keeps a pace
	})
	p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "json"})
	if !ok {
		t.Fatal("no connection")
	}
	flooded := func() bool { return n.Stats().Ended[rtc.EndFlooded] == 1 }
	before, most := heap(), uint64(0)
	end := time.Now().Add(30 * time.Second)
	for i := 0; !flooded() && p.dc.Send([]byte("1")) == nil; i++ {
		if i == 100_000 {
			t.Fatalf("%d messages were sent, and the session lives", i)
		}
		for p.dc.BufferedAmount() > 4096 && !flooded() {
			if time.Now().After(end) {
				t.Fatalf("the node takes no more after %d messages, and the session lives", i)
			}
			time.Sleep(time.Millisecond)
		}
		if i%2000 == 0 {
			most = max(most, heap())
		}
	}
	for deadline := time.Now().Add(5 * time.Second); !flooded(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("ended: %v, want one flooded", n.Stats().Ended)
		}
	}
	if most > before+24<<20 {
		t.Errorf("the heap grew by %d MiB, want 24 at most", (most-before)>>20)
	}
	if got := rtc.Unread(n.Peer); got != 0 {
		t.Errorf("%d bytes count as unread of nobody", got)
	}
}

// heap returns the live heap.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Much traffic that is read leaves nothing behind that counts against a session.
func TestReadTrafficIsNotUnread(t *testing.T) {
	h := newHub()
	n, c, s := echoed(t, h)
	for i := range 50 {
		for _, size := range []int{1, 100, 3000, 60_000} {
			if got := roundTrip(t, s, strings.Repeat("x", size)); len(got) != size {
				t.Fatalf("round %d: %d bytes came back of %d", i, len(got), size)
			}
		}
	}
	for name, p := range map[string]*rtc.Peer{"node": n.Peer, "client": c.Peer} {
		if got := rtc.Unread(p); got > 32<<10 {
			t.Errorf("%s: %d bytes count as unread", name, got)
		}
	}
}
