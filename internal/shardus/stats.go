package shardus

import (
	"errors"
	"time"

	"github.com/liberdus/liberdus/internal/tally"
)

// A Way is one of those on which the node is asked.
type Way string

// The ways.
const (
	WayRead   Way = "read"   // of callers
	WayInject Way = "inject" // of callers
	WayLook   Way = "look"   // of this node itself
	WayProbe  Way = "probe"  // how the node is
)

var allWays = [...]Way{WayRead, WayInject, WayLook, WayProbe}

// An Outcome says how a request to the node ended.
type Outcome string

// The closed set of outcomes.
const (
	OutcomeAnswered Outcome = "answered"  // whatever the status
	OutcomeBusy     Outcome = "busy"      // no place to wait: it was not sent
	OutcomeTooLarge Outcome = "too_large" // more of an answer than may be
	OutcomeTimeout  Outcome = "timeout"
	OutcomeBroken   Outcome = "broken" // no connection, or no HTTP
)

var allOutcomes = [...]Outcome{OutcomeAnswered, OutcomeBusy, OutcomeTooLarge, OutcomeTimeout, OutcomeBroken}

// Stats say how busy the ways to a [Node] are, all together, and what came of
// them. The maps have every name of their sets.
type Stats struct {
	Busy, Most     int // requests that are at the node, and may be
	Waiting, Queue int // that wait for their turn, and may

	Ended map[Outcome]uint64
	Took  map[Way]tally.Snapshot // from when a request had its turn to its end, however it ended
}

// counters count requests to the node.
type counters struct {
	ended tally.Counts[Outcome]
	took  map[Way]*tally.Histogram // fixed
}

func newCounters() counters {
	c := counters{ended: tally.Of(allOutcomes[:]), took: make(map[Way]*tally.Histogram)}
	for _, way := range allWays {
		c.took[way] = tally.Times(time.Millisecond, 3*time.Millisecond, 10*time.Millisecond, 30*time.Millisecond, 100*time.Millisecond,
			300*time.Millisecond, time.Second, 3*time.Second, 10*time.Second)
	}
	return c
}

// end counts how a request ended, whose context is over or not.
func (c counters) end(err error, late bool) {
	outcome := OutcomeBroken
	switch {
	case err == nil:
		outcome = OutcomeAnswered
	case errors.Is(err, errBusy):
		outcome = OutcomeBusy
	case errors.Is(err, errTooLarge):
		outcome = OutcomeTooLarge
	case late:
		outcome = OutcomeTimeout
	}
	c.ended[outcome].Add(1)
}

// Stats returns how busy they are.
func (n *Node) Stats() Stats {
	s := Stats{Ended: n.counts.ended.Load(), Took: make(map[Way]tally.Snapshot, len(allWays))}
	for way, took := range n.counts.took {
		s.Took[way] = took.Load()
	}
	for _, l := range []*lane{n.reads.lane, n.injects.lane, n.own.lane} {
		l.mu.Lock()
		s.Busy += l.busy
		s.Waiting += l.waiting
		l.mu.Unlock()
		s.Most += l.most
		s.Queue += l.queue
	}
	return s
}

// Fullest returns how many addresses have anything on a way of callers, and which
// part of what one may have at the node the one has that has the most there.
func (n *Node) Fullest(way Way) (addresses int, part float64) {
	l := n.reads.lane
	if way == WayInject {
		l = n.injects.lane
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for place, line := range l.lines {
		if place.IsValid() {
			addresses++
			most = max(most, line.busy)
		}
	}
	return addresses, float64(most) / float64(l.share)
}
