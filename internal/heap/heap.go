// Package heap lets a process that holds little make more garbage before it is
// collected. A collection costs by what is held and by how many goroutines there
// are, not by what is freed: at a few megabytes a busy node would collect dozens
// of times a second, for a fifth of its processor time.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// usual is Go's default: the garbage is at most as much as what is held.
const usual = 100

// least is below what Go never collects, at its default; in proportion at others.
const least = 4 << 20

// Floor has the heap collected when it reaches so many bytes, and from half of
// them in use as Go does by default, so that a large heap is no larger than
// without it. It returns what ends that. Where the environment sets GOGC,
// nothing is done.
func Floor(bytes uint64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	k := &keeper{floor: bytes, before: debug.SetGCPercent(usual), percent: usual}
	k.collected(struct{}{})
	return k.stop
}

// A keeper sets the percentage anew after each collection.
type keeper struct {
	floor  uint64 // fixed
	before int    // fixed; the percentage to go back to

	mu      sync.Mutex
	percent int             // guarded by mu
	stopped bool            // guarded by mu
	next    runtime.Cleanup // guarded by mu
}

// A bell is garbage from the start, so that the next collection rings it.
type bell struct{ _ *bell }

// collected is called after each collection.
func (k *keeper) collected(struct{}) {
	want := percent(k.floor, inUse())
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	if d := want - k.percent; d > k.percent/8 || -d > k.percent/8 { // setting it stops the world
		debug.SetGCPercent(want)
		k.percent = want
	}
	k.next = runtime.AddCleanup(&bell{}, k.collected, struct{}{})
}

func (k *keeper) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	k.stopped = true
	k.next.Stop()
	debug.SetGCPercent(k.before)
}

// percent is GOGC for a heap of so many bytes in use to be collected at floor.
func percent(floor, inUse uint64) int {
	most := max(usual, int(usual*(floor/least)))
	if inUse < least {
		return most
	}
	return min(max(int(usual*floor/inUse)-usual, usual), most)
}

// inUse is what Go's pacing goes by: what the last collection left, and what it
// went through to find that.
func inUse() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	var n uint64
	for _, v := range s {
		if v.Value.Kind() == metrics.KindUint64 {
			n += v.Value.Uint64()
		}
	}
	return n
}
