package signaling

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes and goes, the shares are what a recount of the queues gives,
// and none is above its limit.
func TestSharesAgainstRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := queueLimits{messages: 4, bytes: 300, total: 800, count: 8, sender: share{queues: 3, messages: 5, bytes: 250}}
		s := newQueueSet(limits)
		now := time.Duration(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				src := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "src")
				place := netip.Addr{}
				if n := rapid.IntRange(0, 2).Draw(t, "place"); n > 0 {
					place = netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
				}
				dst := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "dst"))
				s.add(dst, frame{src: src, data: make([]byte, rapid.IntRange(1, 120).Draw(t, "size"))}, waiter{id: src}, place, now)
			},
			"take":   func(t *rapid.T) { s.take(fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "dst"))) },
			"expire": func(*rapid.T) { s.takeExpired(now - 3) },
			"wait":   func(*rapid.T) { now++ },
			"": func(t *rapid.T) {
				senders, places := map[string]share{}, map[netip.Addr]share{}
				count := func(o origin, more share) {
					senders[o.src] = senders[o.src].plus(more)
					if o.place.IsValid() {
						places[o.place] = places[o.place].plus(more)
					}
				}
				for _, e := range s.byDst {
					q := e.Value.(*queue)
					count(q.first, share{queues: 1})
					for i, f := range q.frames {
						count(q.origins[i], share{messages: 1, bytes: len(f.data)})
					}
				}
				if !maps.Equal(s.shares.senders, senders) || !maps.Equal(s.shares.places, places) {
					t.Fatalf("shares %v %v, want %v %v", s.shares.senders, s.shares.places, senders, places)
				}
				for src, sh := range senders {
					if !sh.within(limits.sender) {
						t.Fatalf("%s has %+v", src, sh)
					}
				}
				for addr, sh := range places {
					if !sh.within(s.shares.perPlace) {
						t.Fatalf("%v has %+v", addr, sh)
					}
				}
			},
		})
	})
}

// What places remember never exceeds its limit, and their counts return to
// nothing when all have left.
func TestPlacesAgainstModel(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxAddresses, cfg.SocketsPerAddress, cfg.PendingPerAddress, cfg.ConnectBurst, cfg.ConnectRate = 3, 3, 2, 4, 2
	type socket struct {
		addr    netip.Addr
		place   *place // nil: it was spared when it came
		pending bool
	}
	rapid.Check(t, func(t *rapid.T) {
		live := newSettings(cfg)
		p := newPlaces(live)
		var open []socket
		now := time.Duration(0)
		addrs := rapid.Custom(func(t *rapid.T) netip.Addr {
			return netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(1, 9).Draw(t, "addr"))})
		})
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				addr := addrs.Draw(t, "from")
				sockets, pending := 0, 0
				for _, s := range open {
					if s.addr == addr && s.place != nil {
						sockets++
						if s.pending {
							pending++
						}
					}
				}
				switch pl, why := p.enter(addr, now); {
				case (pl == nil) != (why != "" || p.spares(addr)):
					t.Fatalf("%v counts at %+v: %q", addr, pl, why)
				case p.spares(addr):
					open = append(open, socket{addr, pl, true})
				case (why == RefusedSockets) != (sockets >= cfg.SocketsPerAddress):
					t.Fatalf("with %d sockets: %q", sockets, why)
				case (why == RefusedOpening) != (sockets < cfg.SocketsPerAddress && pending >= cfg.PendingPerAddress):
					t.Fatalf("with %d pending: %q", pending, why)
				case why == "":
					open = append(open, socket{addr, pl, true})
				}
			},
			"admit": func(t *rapid.T) {
				for i := range open {
					if open[i].pending {
						open[i].pending = false
						open[i].place.admitted()
						return
					}
				}
			},
			"leave": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("nobody is here")
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "who")
				p.leave(open[i].place, open[i].pending, now)
				open = append(open[:i], open[i+1:]...)
			},
			// Who is spared changes while sockets are open.
			"spare": func(t *rapid.T) {
				next := cfg
				next.LimitExempt = nil
				if rapid.Bool().Draw(t, "some") {
					next.LimitExempt = []netip.Prefix{netip.PrefixFrom(addrs.Draw(t, "spared"), 32)}
				}
				live.now.Store(&next)
			},
			"call":  func(t *rapid.T) { p.call(addrs.Draw(t, "from"), now) },
			"wait":  func(t *rapid.T) { now += time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond },
			"purge": func(*rapid.T) { p.purge(now) },
			"": func(t *rapid.T) {
				sockets := 0
				for addr, pl := range p.known {
					sockets += pl.sockets
					if pl.addr != addr || pl.pending < 0 || pl.pending > pl.sockets || (pl.idle == nil) != (pl.sockets > 0) {
						t.Fatalf("%v: %+v", addr, pl)
					}
				}
				counted := 0
				for _, s := range open {
					if s.place != nil {
						counted++
					}
				}
				if sockets != counted || p.idle.Len() > cfg.MaxAddresses {
					t.Fatalf("%d sockets are counted, %d are open; %d places are kept", sockets, counted, p.idle.Len())
				}
			},
		})
		for _, s := range open {
			p.leave(s.place, s.pending, now)
		}
		p.purge(now + time.Hour)
		if len(p.known) != 0 {
			t.Fatalf("%d places are remembered of nobody", len(p.known))
		}
	})
}
