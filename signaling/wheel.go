package signaling

import "time"

// A wheel holds sessions by the time at which they must be looked at next, in
// slots of one grain each. Adding, removing and taking out cost the same
// however many there are. A time too far ahead for the wheel is brought
// forward: whoever takes a session out looks whether something is due.
type wheel struct {
	grain time.Duration
	slots []*session // heads of lists linked through session.wheelPrev, wheelNext
	tick  int64      // the first tick not yet passed
}

const (
	maxSlots = 4096
	maxGrain = 25 * time.Millisecond // pings that are due at once hold up what comes after
)

// newWheel makes a wheel that reaches reach ahead.
func newWheel(grain, reach time.Duration) *wheel {
	n := min(int64(reach/grain)+2, maxSlots)
	return &wheel{grain: grain, slots: make([]*session, n)}
}

// add puts s in to come out at or after the given time.
func (w *wheel) add(s *session, at time.Duration) {
	tick := int64((at + w.grain - 1) / w.grain)
	tick = min(max(tick, w.tick), w.tick+int64(len(w.slots))-1)
	s.slot = int(tick % int64(len(w.slots)))
	s.wheelNext = w.slots[s.slot]
	if s.wheelNext != nil {
		s.wheelNext.wheelPrev = s
	}
	w.slots[s.slot] = s
	s.onWheel = true
}

// remove takes s out if it is in.
func (w *wheel) remove(s *session) {
	if !s.onWheel {
		return
	}
	if s.wheelPrev != nil {
		s.wheelPrev.wheelNext = s.wheelNext
	} else {
		w.slots[s.slot] = s.wheelNext
	}
	if s.wheelNext != nil {
		s.wheelNext.wheelPrev = s.wheelPrev
	}
	s.wheelPrev, s.wheelNext, s.onWheel = nil, nil, false
}

// take removes and returns a session whose time has come, or nil.
func (w *wheel) take(now time.Duration) *session {
	for ; w.tick <= int64(now/w.grain); w.tick++ {
		if s := w.slots[w.tick%int64(len(w.slots))]; s != nil {
			w.remove(s)
			return s
		}
	}
	return nil
}
