package telemetry

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// keptRefusals is how many refusals are remembered.
const keptRefusals = 100

// A Refusal is somebody who was refused something, and why.
type Refusal struct {
	Time   time.Time
	Part   string // that refused it
	Reason string
	Who    string // an address, or a peer id
}

// Refusals are the last ones of a process: the counts tell how many there were,
// these who they were. A nil *Refusals takes note of nothing. The methods may be
// called from any goroutine.
type Refusals struct {
	mu   sync.Mutex
	list [keptRefusals]Refusal // guarded by mu
	n    int                   // guarded by mu; so far
}

// Note takes note of a refusal.
func (r *Refusals) Note(part, reason, who string) {
	if r == nil {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list[r.n%keptRefusals] = Refusal{now, part, reason, who}
	r.n++
}

// NoteAddr is Note for an address.
func (r *Refusals) NoteAddr(part, reason string, addr netip.Addr) {
	if r != nil {
		r.Note(part, reason, addr.String())
	}
}

// Last returns what is remembered, the newest first.
func (r *Refusals) Last() []Refusal {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Refusal
	for i := max(0, r.n-keptRefusals); i < r.n; i++ {
		list = append(list, r.list[i%keptRefusals])
	}
	slices.Reverse(list)
	return list
}
