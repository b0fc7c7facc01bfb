package signaling

import "time"

// A meter limits how often something happens. It is one word, the time until
// which it is charged: an event of some weight charges it by that much further,
// and may happen if the charge then reaches no further ahead than a capacity.
// With weight = 1s/rate and capacity = burst×weight it is a token bucket of
// that rate and burst.
//
// A charge that has run out is the same as none, so a meter may be forgotten
// then. golang.org/x/time/rate does the same in 80 bytes and with a lock; there
// are three meters for each socket here, and two for each address.
type meter time.Duration

// wait returns how long an event must wait; 0 or less if it may happen now.
func (m meter) wait(now, weight, capacity time.Duration) time.Duration {
	return max(time.Duration(m), now) + weight - now - capacity
}

// charge notes an event.
func (m *meter) charge(now, weight time.Duration) {
	*m = meter(max(time.Duration(*m), now) + weight)
}

// take charges the meter if the event may happen now, and says so.
func (m *meter) take(now time.Duration, r rate) bool {
	if m.wait(now, r.every, r.capacity()) > 0 {
		return false
	}
	m.charge(now, r.every)
	return true
}

// idle reports whether the meter may be forgotten.
func (m meter) idle(now time.Duration) bool { return time.Duration(m) <= now }

// A rate is how often something may happen: burst times at once, then again
// after every interval.
type rate struct {
	every time.Duration
	burst int
}

func perSecond(n, burst int) rate { return rate{every: time.Second / time.Duration(n), burst: burst} }

func (r rate) capacity() time.Duration { return time.Duration(r.burst) * r.every }
