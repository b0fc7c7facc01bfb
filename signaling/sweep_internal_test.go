package signaling

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestWatchKeepsUp looks after 20,000 sockets that all came at once, as often as
// a machine with more or less to do gets to it, and demands that nobody is pinged
// much later than due, nor kept long who has gone.
func TestWatchKeepsUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rest  time.Duration // between two looks, where there is more to look at
		alive time.Duration
		speak time.Duration // between what half of the sockets say; 0: all are silent
		late  time.Duration // at most
	}{
		{"on a machine with nothing else to do", watchRest, time.Minute, 0, 2500 * time.Millisecond},
		{"on a busy one", 20 * time.Millisecond, time.Minute, 0, 2500 * time.Millisecond},
		{"on one that stalls", 400 * time.Millisecond, time.Minute, 0, 3 * time.Second},
		{"a short time of silence", watchRest, time.Second, 400 * time.Millisecond, 500 * time.Millisecond},
		{"the same on a busy one", 20 * time.Millisecond, time.Second, 400 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newWatchedCrowd(20_000, tt.alive)
			for c.now < 22*time.Second {
				c.step(tt.rest)
				if tt.speak > 0 {
					c.speak(tt.speak)
				}
			}
			if c.latePing > tt.late {
				t.Errorf("a ping was %v late, want at most %v", c.latePing, tt.late)
			}
			if c.lateEnd > tt.late {
				t.Errorf("somebody silent was kept %v too long, want at most %v", c.lateEnd, tt.late)
			}
			if tt.speak > 0 && (c.ended != len(c.sockets)/2 || c.wrongly > 0) {
				t.Errorf("%d ended, %d of them spoke; want the silent half of %d", c.ended, c.wrongly, len(c.sockets))
			}
		})
	}
}

// A watchedCrowd is a registry full of sockets, with a clock of its own. Those of
// odd number never answer a ping where others speak.
type watchedCrowd struct {
	r       *registry
	now     time.Duration
	spoken  time.Duration // when they last did
	sockets []*watchedSocket

	latePing, lateEnd time.Duration
	ended, wrongly    int
}

// A watchedSocket has a writer that takes no time.
type watchedSocket struct {
	crowd  *watchedCrowd
	s      session
	silent bool
	pinged time.Duration
	over   bool
}

func newWatchedCrowd(n int, alive time.Duration) *watchedCrowd {
	cfg := DefaultConfig()
	cfg.ConcurrentLimit, cfg.AliveTimeout = n, alive
	c := &watchedCrowd{r: newRegistry(newSettings(cfg), false, func(event) {})}
	for i := range n {
		w := &watchedSocket{crowd: c, silent: alive < cfg.PingInterval && i%2 == 1}
		w.s = session{id: fmt.Sprint(i), wire: w, out: newOutbox(&cfg, &c.r.places.all.out), holds: &c.r.places.all}
		w.s.out.writing = false
		c.sockets = append(c.sockets, w)
		if !c.r.open(&w.s, func() {}) || c.r.admit(&w.s, proof{}, 0).refusal != "" {
			panic("not admitted")
		}
	}
	return c
}

// step looks, and lets the time pass until the next look.
func (c *watchedCrowd) step(rest time.Duration) {
	wait := c.r.wheel.grain
	if c.r.watch(c.now) {
		wait = rest
	}
	c.now += wait
}

// speak lets all who do say something, if it is time.
func (c *watchedCrowd) speak(every time.Duration) {
	if c.now-c.spoken < every {
		return
	}
	c.spoken = c.now
	for _, w := range c.sockets {
		if !w.silent {
			w.s.touch(c.now, false)
		}
	}
}

// wake implements wire.
func (w *watchedSocket) wake() {
	for it, ok := w.s.out.next(); ok; it, ok = w.s.out.next() {
		switch it.kind {
		case itemPing:
			w.ping()
		case itemClose:
			w.end()
		}
	}
}

func (w *watchedSocket) ping() {
	c := w.crowd
	if !w.s.speaks() { // others are pinged seldom on purpose
		c.latePing = max(c.latePing, c.now-w.pinged-c.r.cfg.get().PingInterval)
	}
	w.pinged = c.now
	if !w.silent {
		w.s.touch(c.now, true)
	}
}

func (w *watchedSocket) end() {
	if w.over {
		return
	}
	w.over = true
	c := w.crowd
	c.ended++
	c.lateEnd = max(c.lateEnd, c.now-w.s.lastSeen()-c.r.cfg.get().AliveTimeout)
	if !w.silent {
		c.wrongly++
	}
}

func (*watchedSocket) abort() {}
func (*watchedSocket) cut()   {}

// Whoever expires many messages lets others to the registry between a few.
func TestExpireLetsOthersIn(t *testing.T) {
	c := newWatchedCrowd(1, time.Minute)
	const absent = 3*expireMost + 1
	for i := range absent {
		f := frame{src: "0", data: []byte("{}")}
		if drop, _ := c.r.queues.add(fmt.Sprintf("absent%d", i), f, c.sockets[0].s.waiter(), netip.Addr{}, 0); drop != "" {
			t.Fatal(drop)
		}
	}
	var left []int
	for more := true; more; left = append(left, len(c.r.queues.byDst)) {
		more = c.r.expireSome(time.Hour)
	}
	if want := []int{2*expireMost + 1, expireMost + 1, 1, 0}; !slices.Equal(left, want) {
		t.Errorf("after each turn %v wait, want %v", left, want)
	}
}
