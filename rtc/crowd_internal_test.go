package rtc

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What holds of a crowd whatever happens.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newCrowd(rapid.IntRange(1, 5).Draw(t, "places"))
		now := time.Unix(1e9, 0)
		var in []*handshake // that have a place
		drop := func(h *handshake) {
			for i, o := range in {
				if o == h {
					in = append(in[:i:i], in[i+1:]...)
				}
			}
		}
		pick := func() *handshake {
			if len(in) == 0 {
				t.Skip("nobody is there")
			}
			return rapid.SampledFrom(in).Draw(t, "who")
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 90_000).Draw(t, "ms")) * time.Millisecond)
			},
			"an offer": func(t *rapid.T) {
				h := &handshake{who: connPeer{"", fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"))}}
				first := !w.suspect(h.who, now)
				weak, old := false, false // whether there is one that may be taken the place of
				for _, o := range w.fresh {
					first = first && o.who != h.who
					weak = weak || o.spare && !o.heard.Load()
					old = old || !o.heard.Load() && now.Sub(o.since) >= handshakeGrace
				}
				full := len(w.fresh) == w.max
				victim, ok := w.admit(h, now)
				switch {
				case first && (!full || weak || old) != ok:
					t.Fatalf("admitted: %v; full %v, of little worth %v, old %v", ok, full, weak, old)
				case victim != nil && (victim.heard.Load() || !victim.spare && (h.spare || now.Sub(victim.since) < handshakeGrace)):
					t.Fatalf("%+v made room for %+v", victim, h)
				case victim != nil && !full:
					t.Fatal("one made room though there was some")
				}
				if victim != nil {
					drop(victim)
					w.leave(victim, false, now)
				}
				if ok {
					in = append(in, h)
				}
			},
			"a check": func(t *rapid.T) {
				h := pick()
				h.heard.Store(true)
				addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(1, 3).Draw(t, "address"))})
				of := func(g netip.Prefix) (n int) {
					for _, o := range w.checked {
						if o.group == g {
							n++
						}
					}
					return n
				}
				victim := w.check(h, network(addr), now)
				if victim == nil {
					return
				}
				if others, own := of(victim.group), of(h.group); victim != h && others+1 < own {
					t.Fatalf("one of %d of its address made room for one of %d", others+1, own)
				}
				drop(victim)
				w.leave(victim, false, now)
			},
			"an end": func(t *rapid.T) {
				h := pick()
				good := rapid.Bool().Draw(t, "good")
				drop(h)
				w.leave(h, good, now)
				if good && w.suspect(h.who, now) {
					t.Fatal("a session was held against its peer")
				}
			},
			"": func(t *rapid.T) {
				if len(w.fresh) > w.max || len(w.checked) > w.max || w.count() != len(in) {
					t.Fatalf("%d and %d handshakes of %d, want %d", len(w.fresh), len(w.checked), w.max, len(in))
				}
			},
		})
	})
}

// The memory of what ids did is bounded.
func TestCrowdForgets(t *testing.T) {
	w := newCrowd(1)
	now := time.Unix(1e9, 0)
	for i := range 2 * maxBuckets {
		w.leave(&handshake{who: connPeer{"", fmt.Sprint(i)}}, false, now)
	}
	if got := len(w.records); got > maxBuckets || got < maxBuckets/2 {
		t.Errorf("%d records, want %d at most, and half of that at least", got, maxBuckets)
	}
	w.leave(&handshake{who: connPeer{"", "late"}}, false, now.Add(2*recordAge))
	if got := len(w.records); got != 1 {
		t.Errorf("%d records after all but one are old, want 1", got)
	}
}

// What ids did is forgotten in time, long before there are too many.
func TestCrowdForgetsTheOld(t *testing.T) {
	w := newCrowd(1)
	now := time.Unix(1e9, 0)
	for i := range 1000 {
		w.leave(&handshake{who: connPeer{"", fmt.Sprint(i)}}, false, now)
		now = now.Add(time.Second)
	}
	if got, want := len(w.records), int(recordAge/time.Second)*5/4+2; got > want {
		t.Errorf("%d records, want %d at most", got, want)
	}
}

// What thousands of ids cost while they are remembered is given back afterwards:
// maps by themselves never get smaller.
func TestFloodsCostNothingAfterwards(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	w, g := newCrowd(1), newGate(1, 1)
	now := time.Unix(1e9, 0)
	for i := range maxBuckets {
		who := connPeer{"", fmt.Sprint(i)}
		w.leave(&handshake{who: who}, false, now)
		g.pass(who, now)
	}
	flooded := heap() - before
	now = now.Add(2 * recordAge)
	w.leave(&handshake{who: connPeer{"", "late"}}, false, now)
	g.sweep(now)
	if after := heap() - before; after > flooded/20 {
		t.Errorf("%d bytes are held after a flood that took %d", after, flooded)
	}
	runtime.KeepAlive(w)
	runtime.KeepAlive(g)
}
