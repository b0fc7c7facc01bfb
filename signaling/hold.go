package signaling

import (
	"container/list"
	"net/netip"
	"time"
)

// A hold keeps an id free for somebody who is not here now: for the address
// that GET /id gave it to, or for the token that held it when its connection
// was lost.
type hold struct {
	id    string
	until time.Duration
	place netip.Addr // of whoever asked for the id
	token [32]byte   // of whoever lost it
}

// holds are holds of one kind, each for the same time. When there are too many
// the oldest is given up: an id that is not held is what PeerJS always has.
type holds struct {
	time  time.Duration // fixed; 0 = nothing is held
	limit int           // fixed

	byID  map[string]*list.Element // of *hold
	byAge list.List
}

func newHolds(d time.Duration, limit int) *holds {
	return &holds{time: d, limit: limit, byID: make(map[string]*list.Element)}
}

// add begins a hold on h.id, in place of an older one.
func (s *holds) add(h hold, now time.Duration) {
	if s.time <= 0 {
		return
	}
	s.end(h.id)
	if s.byAge.Len() >= s.limit {
		s.end(s.byAge.Front().Value.(*hold).id)
	}
	h.until = now + s.time
	s.byID[h.id] = s.byAge.PushBack(&h)
}

// of returns the hold on id, nil if there is none.
func (s *holds) of(id string, now time.Duration) *hold {
	e := s.byID[id]
	if e == nil {
		return nil
	}
	h := e.Value.(*hold)
	if h.until <= now {
		return nil
	}
	return h
}

func (s *holds) end(id string) {
	if e := s.byID[id]; e != nil {
		s.byAge.Remove(e)
		delete(s.byID, id)
	}
}

func (s *holds) purge(now time.Duration) {
	for e := s.byAge.Front(); e != nil && e.Value.(*hold).until <= now; e = s.byAge.Front() {
		s.end(e.Value.(*hold).id)
	}
}

// elsewhere reports whether a and b cannot be one client. A client that has
// both IPv4 and IPv6 may well use one for a request and the other for the next.
func elsewhere(a, b netip.Addr) bool {
	return a.IsValid() && b.IsValid() && a.Is4() == b.Is4() && a != b
}
