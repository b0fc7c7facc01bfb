package client_test

import (
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

var rounds = flag.Int("rounds", 60, "sessions that TestSessionsComeAndGo opens, uses and closes")

// remembered is for how long more is held with each session: what its peer did is
// forgotten by the node and the archiver after a minute or so.
const remembered = 90 * time.Second

// Sessions that are opened, used and closed as they should be leave nothing behind
// in the network's process: the last quarter of the rounds finds it with no more
// than the first. With many (make soak), the memory that is live must not grow
// either.
func TestSessionsComeAndGo(t *testing.T) {
	const workers, batches = 4, 12
	p := startNetwork(t)
	soak := *rounds >= 2000
	batch := func(n int) {
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for range share(n, workers, w) {
					comeAndGo(t, p.archiver)
				}
			})
		}
		wg.Wait()
	}
	batch(2 * workers)
	for end := time.Now().Add(remembered); soak && time.Now().Before(end) && !t.Failed(); {
		batch(2 * workers)
	}
	var all []holding
	for b := range batches {
		batch(share(*rounds, batches, b))
		if t.Failed() {
			return
		}
		h := p.quiet(t)
		t.Logf("batch %2d: heap %9.0f, goroutines %3.0f, descriptors %3.0f", b, h.Heap, h.Goroutines, h.Descriptors)
		all = append(all, h)
	}
	compare(t, all, soak)
}

// share is how many of n are those of part i of k.
func share(n, k, i int) int { return n*(i+1)/k - n*i/k }

// comeAndGo is one session of a client of its own.
func comeAndGo(t *testing.T, archiver string) {
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data, cfg.Sessions = []string{archiver}, t.TempDir(), 1
	c, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for i := range 4 {
		r, check := oneOfTwo(0, i)
		a, err := c.Do(t.Context(), r)
		if err == nil {
			err = check(a)
		}
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
		}
	}
}

// quiet waits until p has ended what those did that have gone, which is when it
// holds the same for a while, and returns what that is.
func (p *process) quiet(t *testing.T) holding {
	t.Helper()
	const enough = 3 // readings
	last, same := p.holds(t), 1
	for end := time.Now().Add(10 * time.Second); same < enough && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		h := p.holds(t)
		if same++; h.Goroutines != last.Goroutines || h.Descriptors != last.Descriptors {
			same = 1
		}
		last = h
	}
	return last
}

// compare holds the last quarter against the first. A kept-alive connection of the
// node to its archiver is there or not, with three goroutines and two descriptors.
func compare(t *testing.T, all []holding, heap bool) {
	t.Helper()
	quarter := len(all) / 4
	mean := func(part []holding, of func(holding) float64) (sum float64) {
		for _, h := range part {
			sum += of(h)
		}
		return sum / float64(len(part))
	}
	for _, m := range []struct {
		name string
		of   func(holding) float64
		idle float64 // what comes and goes
		held bool
	}{
		{"live heap", func(h holding) float64 { return h.Heap }, 0, heap},
		{"goroutines", func(h holding) float64 { return h.Goroutines }, 3, true},
		{"descriptors", func(h holding) float64 { return h.Descriptors }, 2, true},
	} {
		first, last := mean(all[:quarter], m.of), mean(all[len(all)-quarter:], m.of)
		t.Logf("%-11s first quarter %10.0f, last quarter %10.0f: %+.1f %%", m.name, first, last, 100*(last/first-1))
		if m.held && last > first*1.05+m.idle {
			t.Errorf("%s grew from %.0f to %.0f, over 5 %%", m.name, first, last)
		}
	}
}
