package client

import (
	"slices"
	"sync"
	"time"
)

const (
	paceWindow = 128 // reads whose times are kept
	paceEvery  = 16  // reads after which the limit is found anew

	hedgeFirst = 100 * time.Millisecond // before enough is known
	hedgeLeast = 5 * time.Millisecond
	hedgeMost  = 400 * time.Millisecond

	silenceLeast = 250 * time.Millisecond
	silenceMost  = time.Second

	hedgeShare = 0.1 // of all reads may be sent twice for being slow,
	hedgeBurst = 20  // and so many at once
)

// A pace says from which time on a read is slow: longer than 95 in 100 of the
// latest took. Those may be sent to another node as well, as long as that is not
// many: a network that is slow as a whole is not to be asked twice for everything.
type pace struct {
	mu     sync.Mutex
	times  []time.Duration // guarded by mu; the latest, as a ring
	next   int             // guarded by mu
	count  int             // guarded by mu
	slow   time.Duration   // guarded by mu; 0 before enough is known
	budget float64         // guarded by mu; reads that may be sent twice
}

func newPace() *pace { return &pace{budget: hedgeBurst} }

// took notes how long a read has taken.
func (p *pace) took(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.times) < paceWindow {
		p.times = append(p.times, d)
	} else {
		p.times[p.next] = d
		p.next = (p.next + 1) % paceWindow
	}
	if p.count++; p.count%paceEvery == 0 {
		sorted := slices.Sorted(slices.Values(p.times))
		p.slow = sorted[len(sorted)*95/100]
	}
}

// hedge returns after how long a read is slow.
func (p *pace) hedge() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slow == 0 {
		return hedgeFirst
	}
	return min(max(p.slow, hedgeLeast), hedgeMost)
}

// silence returns after how long a node that owes replies is taken for gone,
// until it says something.
func (p *pace) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(max(4*p.slow, silenceLeast), silenceMost)
}

// read notes that a read begins, which allows a share of another one.
func (p *pace) read() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = min(p.budget+hedgeShare, hedgeBurst)
}

// spend reports whether a slow read may be sent twice.
func (p *pace) spend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget < 1 {
		return false
	}
	p.budget--
	return true
}
