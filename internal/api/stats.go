package api

import (
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/tally"
)

// A Door is where a request comes in.
type Door string

// The doors.
const (
	DoorChannel Door = "channel" // a data channel
	DoorHTTP    Door = "http"
)

// A Class is the first digit of a status, of those that answers have.
type Class string

var (
	allDoors   = [...]Door{DoorChannel, DoorHTTP}
	allClasses = [...]Class{"1xx", "2xx", "3xx", "4xx", "5xx"}
)

// Stats are the counts of an [API] at one moment.
type Stats struct {
	Answered map[Door]map[Class]uint64
	Took     map[string]tally.Snapshot   // by the pattern of a route, those that were asked for
	ByRoute  map[string]map[Class]uint64 // answers of the same routes, by any door

	Bodies, MaxBodies   int64 // bytes of bodies over HTTP, but for the first few of each, and how many there may be
	Injects, MaxInjects int64 // bytes of transactions in hand, by any door
}

// counters count answers.
type counters map[Door]tally.Counts[Class]

func newCounters() counters {
	c := make(counters)
	for _, door := range allDoors {
		c[door] = tally.Of(allClasses[:])
	}
	return c
}

// newTimes returns where a route notes how long its answers take.
func newTimes() *tally.Histogram {
	return tally.Times(100*time.Microsecond, 300*time.Microsecond, time.Millisecond, 3*time.Millisecond, 10*time.Millisecond, 30*time.Millisecond,
		100*time.Millisecond, 300*time.Millisecond, time.Second, 3*time.Second, 10*time.Second, 30*time.Second)
}

// count notes an answer, and returns it. A node behind may have answered with any
// status.
func (a *API) count(door Door, resp rpc.Response) rpc.Response {
	if class, ok := classOf(resp); ok {
		a.counts[door][class].Add(1)
	}
	return resp
}

func classOf(resp rpc.Response) (class Class, ok bool) {
	n := resp.Status / 100
	if n < 1 || n > len(allClasses) {
		return "", false
	}
	return allClasses[n-1], true
}

// Fullest returns how many addresses have bodies over HTTP, and polls that are
// held, and which part of what one may have the one has that has the most.
func (a *API) Fullest() (bodies, polls int, ofBodies, ofPolls float64) {
	bodies, ofBodies = a.bodies.shares.Fullest()
	if room := a.polls.Load(); room != nil {
		polls, ofPolls = room.shares.Fullest()
	}
	return bodies, polls, ofBodies, ofPolls
}

// Stats returns the counts of this moment.
func (a *API) Stats() Stats {
	s := Stats{
		Answered: make(map[Door]map[Class]uint64), Took: make(map[string]tally.Snapshot), ByRoute: make(map[string]map[Class]uint64),
		Bodies: a.bodies.all.used.Load(), MaxBodies: a.bodies.all.most, Injects: a.injecting.used.Load(), MaxInjects: a.injecting.most,
	}
	for door, counts := range a.counts {
		s.Answered[door] = counts.Load()
	}
	for _, rt := range a.routes {
		if took := rt.took.Load(); took.Count > 0 {
			s.Took[rt.pattern], s.ByRoute[rt.pattern] = took, rt.answered.Load()
		}
	}
	return s
}

// Patterns are those of the routes.
func (a *API) Patterns() (list []string) {
	for _, rt := range a.routes {
		list = append(list, rt.pattern)
	}
	return list
}
