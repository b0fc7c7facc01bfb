package rtc

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// sentCost is what a chunk that waits in pion to be sent, or to be
	// acknowledged, is counted for beside its data, and sentChunk how much it has.
	sentCost, sentChunk = 512, 1200
	// An outbox looks at which of its frames are still there from mark to mark.
	markFrames, markBytes = 32, 16 << 10
	// freeUnsent is what a session may have unsent whatever others have.
	freeUnsent = 16 << 10
	// graceShare is which part of SendTimeout a session may keep what is over its
	// share while others need the room.
	graceShare = 2
	// unsentLook is how often all sessions are looked at, at most.
	unsentLook = 20 * time.Millisecond
	// unsentStep is how far the weight of a session may be off in the total, so
	// that those who read what they get do not meet at one counter.
	unsentStep = 4 << 10
)

// errUnsent ends a session that holds more than its share while others wait.
var errUnsent = errors.New("the peer reads too slowly, and others need the memory for what is sent to it")

// An outbox weighs what a session has to send and its peer has not received.
type outbox struct {
	all  *unsent      // fixed
	held atomic.Int64 // bytes of messages that wait to be written

	mu      sync.Mutex
	written uint64 // bytes in all
	base    uint64 // bytes at the last mark
	since   mark   // frames since then
	marks   []mark // of which something may still wait, the oldest first
	queued  int64  // what of the total is of this session
	over    bool
}

// A mark is where the written bytes stood after some frames.
type mark struct {
	end    uint64
	at     time.Time
	frames int
	chunks int64
}

// put notes a frame of n bytes that was written.
func (o *outbox) put(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written += uint64(n)
	o.since.frames++
	o.since.chunks += int64(1 + n/sentChunk)
	if o.since.frames >= markFrames || o.written-o.base >= markBytes {
		o.since.end, o.since.at = o.written, time.Now()
		o.marks = append(o.marks, o.since)
		o.since, o.base = mark{}, o.written
	}
}

// weigh returns the weight of what waits in pion, where so many bytes do. The
// total is brought up to date if it is off by step.
func (o *outbox) weigh(buffered uint64, step int64) (queued int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if buffered == 0 {
		o.marks, o.since, o.base = nil, mark{}, o.written
	}
	gone := slices.IndexFunc(o.marks, func(m mark) bool { return m.end+buffered > o.written })
	if gone < 0 {
		gone = len(o.marks)
	}
	o.marks = o.marks[gone:]
	chunks := o.since.chunks
	for _, m := range o.marks {
		chunks += m.chunks
	}
	queued = int64(buffered) + chunks*sentCost
	if off := queued - o.queued; !o.over && (off >= step || -off >= step) {
		o.all.queued.Add(off)
		o.queued = queued
	}
	return queued
}

// hold notes that n more bytes wait to be written, or fewer.
func (o *outbox) hold(n int) {
	o.held.Add(int64(n))
	o.all.held.Add(int64(n))
}

// oldest returns when the frames were written that have waited longest: now, if
// there are too few to tell.
func (o *outbox) oldest(now time.Time) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.marks) == 0 {
		return now
	}
	return o.marks[0].at
}

// stop takes the session out of the total.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.queued.Add(-o.queued)
	o.queued, o.over, o.marks = 0, true, nil
}
