package telemetry

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// keptRefusals is how many refusals are remembered.
const keptRefusals = 100

// A Refusal is somebody who was refused something, and why.
type Refusal struct {
	Time   time.Time // of the last time
	Times  int       // as long as it is remembered
	Part   string    // that refused it
	Reason string
	Who    string // an address, or a peer id
}

// Refusals are the last ones of a process: the counts tell how many there were,
// these who they were. Whoever is refused again and again is remembered once, or
// nobody else would be. A nil *Refusals takes note of nothing. The methods may be
// called from any goroutine.
type Refusals struct {
	mu    sync.Mutex
	list  list.List                   // guarded by mu; of *Refusal, the newest first
	known map[refusalOf]*list.Element // guarded by mu; the same
}

type refusalOf struct{ part, reason, who string }

// Note takes note of a refusal.
func (r *Refusals) Note(part, reason, who string) {
	if r == nil {
		return
	}
	now, of := time.Now(), refusalOf{part, reason, who}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.known[of]; e != nil {
		again := e.Value.(*Refusal)
		again.Time = now
		again.Times++
		r.list.MoveToFront(e)
		return
	}
	if r.known == nil {
		r.known = make(map[refusalOf]*list.Element)
	}
	r.known[of] = r.list.PushFront(&Refusal{now, 1, part, reason, who})
	if r.list.Len() > keptRefusals {
		old := r.list.Remove(r.list.Back()).(*Refusal)
		delete(r.known, refusalOf{old.Part, old.Reason, old.Who})
	}
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
	all := make([]Refusal, 0, r.list.Len())
	for e := r.list.Front(); e != nil; e = e.Next() {
		all = append(all, *e.Value.(*Refusal))
	}
	return all
}
