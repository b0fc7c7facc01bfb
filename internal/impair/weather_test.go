package impair_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/impair"
)

// Each datagram comes never, once or twice, no sooner than its delay and no
// later than delay, jitter and what it is held for together.
func TestFate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 1)
		length := rapid.Map(rapid.IntRange(0, 500), func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond })
		w := impair.Weather{
			Loss: share.Draw(t, "loss"), Duplicate: share.Draw(t, "duplicate"), Reorder: share.Draw(t, "reorder"),
			Delay: length.Draw(t, "delay"), Jitter: length.Draw(t, "jitter"), Held: length.Draw(t, "held"),
		}
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 50 {
			after, held := w.Fate(r)
			if len(after) > 2 {
				t.Fatalf("%d copies", len(after))
			}
			for i, d := range after {
				least, most := w.Delay, w.Delay+w.Jitter
				if held[i] {
					least, most = least+w.Held, most+w.Held
				}
				if d < least || d > most {
					t.Fatalf("on its way for %v, want %v to %v", d, least, most)
				}
			}
		}
	})
}

// The shares are what they say.
func TestShares(t *testing.T) {
	const n = 20000
	w := impair.Weather{Loss: 0.3, Duplicate: 0.1, Reorder: 0.2}
	r := rand.New(rand.NewPCG(1, 1))
	var lost, doubled, copies, held float64
	for range n {
		after, h := w.Fate(r)
		switch len(after) {
		case 0:
			lost++
		case 2:
			doubled++
		}
		copies += float64(len(h))
		for _, one := range h {
			if one {
				held++
			}
		}
	}
	for _, s := range []struct {
		name      string
		got, want float64
	}{{"lost", lost / n, 0.3}, {"doubled", doubled / (n - lost), 0.1}, {"held", held / copies, 0.2}} {
		if math.Abs(s.got-s.want) > 0.02 {
			t.Errorf("%s %.3f, want %.1f", s.name, s.got, s.want)
		}
	}
}

func TestWeatherIsChecked(t *testing.T) {
	for name, w := range map[string]impair.Weather{
		"a loss of more than all": {Loss: 1.1},
		"no number":               {Duplicate: math.NaN()},
		"a negative share":        {Reorder: -0.1},
		"a negative time":         {Delay: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if w.Validate() == nil {
				t.Errorf("%+v is taken", w)
			}
		})
	}
}

// Jitter keeps the order, and only what is held is overtaken.
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after []time.Duration
		held  []bool
		want  []int
	}{
		{"all alike", []time.Duration{5, 5, 5}, []bool{false, false, false}, []int{0, 1, 2}},
		{"jitter", []time.Duration{9, 3, 5}, []bool{false, false, false}, []int{0, 1, 2}},
		{"one is held", []time.Duration{9, 3, 5}, []bool{true, false, false}, []int{1, 2, 0}},
		{"held for less than the others take", []time.Duration{3, 9}, []bool{true, false}, []int{0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := impair.NewQueue(10)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { q.Run(ctx) })
				var got []int // owned by Run until it has ended
				began := time.Now()
				for i, d := range tt.after {
					q.Put(d*time.Second, tt.held[i], func() {
						got = append(got, i)
						if time.Since(began) < d*time.Second {
							t.Errorf("%d came after %v", i, time.Since(began))
						}
					})
				}
				time.Sleep(time.Minute) // of the bubble
				cancel()
				wg.Wait()
				if !slices.Equal(got, tt.want) {
					t.Errorf("came in order %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := impair.NewQueue(2)
	for i, want := range []bool{true, true, false} {
		if got := q.Put(time.Hour, false, func() {}); got != want {
			t.Errorf("put %d = %v, want %v", i, got, want)
		}
	}
}
