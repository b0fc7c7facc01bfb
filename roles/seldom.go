package roles

import (
	"sync"
	"time"
)

// seldomEvery is the time between two warnings of one kind.
const seldomEvery = time.Minute

// A seldom bounds how often a warning of one kind is logged: at its first
// cause, and then once a minute with the number of causes.
type seldom struct {
	mu   sync.Mutex
	said time.Time // guarded by mu
	n    int       // guarded by mu: causes not said yet
}

// due counts a cause. It is true if the warning is to be logged now, for n
// causes.
func (s *seldom) due(now time.Time) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if !s.said.IsZero() && now.Sub(s.said) < seldomEvery {
		return 0, false
	}
	n, s.n, s.said = s.n, 0, now
	return n, true
}
