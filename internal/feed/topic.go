package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A topic is an account that somebody watches. All of it but the account is
// guarded by Hub.mu.
type topic struct {
	account string

	users    int                 // watchers, and those who are about to be
	watchers map[*watch]struct{} // may be told: they know the state before
	state    rpc.Event           // the latest
	sum      uint32              // of its text
	known    bool                // state is
	from     map[netip.Addr]int  // users, by their addresses
	first    *firstLook          // under way; nil if there is none

	at      time.Time     // when it is to be looked at
	place   int           // in Hub.due; notDue if it is not there
	looking bool          // a worker has it
	again   bool          // it changed meanwhile
	told    time.Time     // when watchers last were
	wait    time.Duration // until the next look, where nobody tells
	failing time.Time     // since when looks fail; zero while they do not
}

const notDue = -1

// A watch is told apart from others by its address.
type watch struct{ w rpc.Watcher }

// Seq is a time in milliseconds and some bits of the text, so that it fits into
// the numbers of JSON until the year 2248.
const (
	sumBits = 10
	maxTime = 1<<43 - 1
)

// window is how far apart the timestamps of transactions may be that were
// applied one after the other, the later one first: nodes take 5 s both ways.
const window = 10 * time.Second

// read makes a state of an account's text.
func read(account string, text []byte) (e rpc.Event, sum uint32, err error) {
	e.Account = account
	if text == nil {
		return e, 0, nil
	}
	var a struct {
		Timestamp float64
		Data      struct{ ChatTimestamp float64 }
	}
	err = json.Unmarshal(text, &a)
	if _, slip := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !slip { // other accounts have other data
		return e, 0, fmt.Errorf("account %s: %w", account, err)
	}
	h := fnv.New32a()
	h.Write(text)
	e.Timestamp, e.ChatTimestamp = millis(a.Timestamp), millis(a.Data.ChatTimestamp)
	return e, h.Sum32(), nil
}

func millis(n float64) int64 { return int64(min(max(n, 0), maxTime)) }

// take makes a newly read state that of the topic, and reports whether it is
// another one. The first is not.
func (t *topic) take(e rpc.Event, sum uint32) (changed bool) {
	seq := e.Timestamp<<sumBits | int64(sum&(1<<sumBits-1))
	if !t.known {
		e.Seq = seq
		t.state, t.sum, t.known = e, sum, true
		return false
	}
	if sum == t.sum && e.Timestamp == t.state.Timestamp && e.ChatTimestamp == t.state.ChatTimestamp {
		return false
	}
	e.Seq = after(t.state.Seq, seq)
	t.state, t.sum = e, sum
	return true
}

// after returns seq, or, if that is not after last, the first one that is and has
// the same bits of the text: transactions may be applied in another order than
// that of their timestamps, and two nodes that saw other states in between must
// not call different ones the same.
func after(last, seq int64) int64 {
	if seq > last {
		return seq
	}
	const bits = 1<<sumBits - 1
	if next := last&^bits | seq&bits; next > last {
		return next
	}
	return last&^bits + 1<<sumBits | seq&bits
}

// mayBeNewer reports whether somebody who has seen the state of since, a Seq or
// a time, may not have seen e. In doubt it does: to be told twice costs a look.
// What is yet to come by the clock was seen nowhere, but made up by a node.
func mayBeNewer(e rpc.Event, since int64, clock time.Time) bool {
	now, milli := e.Seq, int64(1<<sumBits)
	if since <= maxTime {
		now, milli = e.Timestamp, 1
	}
	doubt := window.Milliseconds() * milli
	if since > clock.UnixMilli()*milli+doubt {
		return now != since
	}
	return since >= 0 && (now > since || now < since && since-now <= doubt)
}

// jitter spreads looks that would all come at once.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }

// A schedule is a heap of topics, the one that is due first on top.
type schedule []*topic

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

func (s *schedule) Push(x any) {
	t := x.(*topic)
	t.place = len(*s)
	*s = append(*s, t)
}

func (s *schedule) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	t.place = notDue
	return t
}
