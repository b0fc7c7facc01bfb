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
	Took     map[string]tally.Snapshot // by the pattern of a route, those that were asked for
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
	if n := resp.Status / 100; n >= 1 && n <= len(allClasses) {
		a.counts[door][allClasses[n-1]].Add(1)
	}
	return resp
}

// Stats returns the counts of this moment.
func (a *API) Stats() Stats {
	s := Stats{Answered: make(map[Door]map[Class]uint64), Took: make(map[string]tally.Snapshot)}
	for door, counts := range a.counts {
		s.Answered[door] = counts.Load()
	}
	for _, rt := range a.routes {
		if took := rt.took.Load(); took.Count > 0 {
			s.Took[rt.pattern] = took
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
