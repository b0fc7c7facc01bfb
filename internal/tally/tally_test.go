package tally_test

import (
	"maps"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/tally"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type reason string

func TestCounts(t *testing.T) {
	c := tally.Of([]reason{"full", "late"})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				c["late"].Add(1)
			}
		})
	}
	group.Wait()
	if got, want := c.Load(), map[reason]uint64{"full": 0, "late": 400}; !maps.Equal(got, want) {
		t.Errorf("Load = %v, want %v", got, want)
	}
}

func TestHistogram(t *testing.T) {
	for _, tt := range []struct {
		name   string
		h      *tally.Histogram
		values []int64
		want   tally.Snapshot
	}{
		{"nothing yet", tally.Sizes(1, 2), nil, tally.Snapshot{Below: map[float64]uint64{1: 0, 2: 0}}},
		{
			"a bound is in its own bucket", tally.Sizes(1, 10, 100),
			[]int64{1, 2, 10, 11, 100, 101, 1000},
			tally.Snapshot{Below: map[float64]uint64{1: 1, 10: 3, 100: 5}, Count: 7, Sum: 1225},
		},
		{
			"durations are in seconds", tally.Times(time.Millisecond, time.Second),
			[]int64{int64(time.Millisecond), int64(500 * time.Millisecond), int64(2 * time.Second)},
			tally.Snapshot{Below: map[float64]uint64{0.001: 1, 1: 2}, Count: 3, Sum: 2.501},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, v := range tt.values {
				tt.h.Observe(v)
			}
			got := tt.h.Load()
			if !maps.Equal(got.Below, tt.want.Below) || got.Count != tt.want.Count || got.Sum != tt.want.Sum {
				t.Errorf("Load = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// What is measured must not be slowed by it.
func BenchmarkObserve(b *testing.B) {
	h := tally.Times(time.Microsecond, 10*time.Microsecond, 100*time.Microsecond, time.Millisecond, 10*time.Millisecond,
		100*time.Millisecond, time.Second, 10*time.Second)
	for b.Loop() {
		h.Observe(int64(20 * time.Millisecond))
	}
}

// As a request is measured: two looks at the clock are most of it.
func BenchmarkSince(b *testing.B) {
	h := tally.Times(time.Microsecond, 10*time.Microsecond, 100*time.Microsecond, time.Millisecond, 10*time.Millisecond,
		100*time.Millisecond, time.Second, 10*time.Second)
	for b.Loop() {
		h.Since(time.Now())
	}
}
