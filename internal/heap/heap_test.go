package heap_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/heap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const floor = 32 << 20

// TestFloor looks at what collects, rather than at what was asked for: the heap's goal.
func TestFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	stop := heap.Floor(floor)
	defer stop()

	t.Run("a small heap grows to the floor", func(t *testing.T) {
		await(t, func(live, goal uint64) bool { return goal > floor*3/4 && goal < floor*5/4 })
	})
	held := hold(2 * floor)
	t.Run("a large one to twice what is held", func(t *testing.T) {
		await(t, func(live, goal uint64) bool { return live > 2*floor && goal > live*3/2 && goal < live*9/4 })
	})
	runtime.KeepAlive(held)
	held = nil
	t.Run("and again to the floor", func(t *testing.T) {
		await(t, func(live, goal uint64) bool { return goal > floor*3/4 && goal < floor*5/4 })
	})
	t.Run("stopped, to what it was before", func(t *testing.T) {
		stop()
		await(t, func(live, goal uint64) bool { return goal < floor/2 })
		if got := debug.SetGCPercent(100); got != 100 {
			t.Errorf("GOGC is %d", got)
		}
	})
}

// TestFloorYieldsToTheOperator: whoever sets GOGC knows better.
func TestFloorYieldsToTheOperator(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := debug.SetGCPercent(50)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	heap.Floor(floor)()
	if got := debug.SetGCPercent(50); got != 50 {
		t.Errorf("GOGC is %d", got)
	}
}

func hold(n int) [][]byte {
	var held [][]byte
	for range n >> 16 {
		held = append(held, make([]byte, 1<<16))
	}
	return held
}

// await collects until the heap is as wanted.
func await(t *testing.T, want func(live, goal uint64) bool) {
	t.Helper()
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"}}
	for end := time.Now().Add(20 * time.Second); ; {
		runtime.GC()
		metrics.Read(s)
		live, goal := s[0].Value.Uint64(), s[1].Value.Uint64()
		if want(live, goal) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes held, collected at %d", live, goal)
		}
	}
}
