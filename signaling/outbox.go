package signaling

import (
	"sync"
	"time"
)

// A frame is one message on its way to a socket.
type frame struct {
	src  string // who sent it; "" = the server
	data []byte
	sent *budget // of the sender's address; nil = the server
}

// An outbox is what waits to be written to one socket: messages in order, then
// perhaps a close frame, and control frames, which go first. It is bounded.
//
// No sender may fill more than a share of it: who has that much here waits until
// half of it is written. So a burst slows down who causes it, and neither loses
// a message nor costs the receiver its connection. If it is full all the same,
// because many send, who has next to nothing here must not be held up for
// long: see socket.pass. A receiver that does not get on with its messages in
// time is one that does not read.
//
// A writer exists only while there is something to write: the put that finds
// none says so, and next, finding nothing, dismisses it.
type outbox struct {
	maxFrames, maxBytes int     // fixed
	total               *budget // that bytes count against; fixed

	mu      sync.Mutex // held for moments; nothing else is locked while it is
	frames  []frame
	head    int    // frames[:head] are written
	bytes   int    // in frames[head:]
	flight  frame  // is being written; it counts against the budgets until that is done
	ping    bool   // a ping is due
	pong    bool   // a pong is due
	pongFor string // with this payload: the latest ping's
	closing bool   // a close frame follows the messages
	code    int    // its code; 0 = none
	sent    bool   // it is written
	heard   bool   // the peer's has come
	dead    bool   // nothing will be written any more
	writing bool   // a writer is at work

	room chan struct{} // nil unless somebody was refused; closed when there is room, or never will be
	full time.Time     // since when
	owed int           // messages to be written until there is room
}

// newOutbox makes the outbox of a socket for which a writer is at work already.
func newOutbox(cfg *Config, total *budget) outbox {
	return outbox{maxFrames: cfg.OutboundMessages, maxBytes: cfg.OutboundBytes, total: total, writing: true}
}

// put is the outcome of adding a message.
type put uint8

const (
	putDone    put = iota
	putFull        // no room, and the sender has its part in that: see awaitRoom
	putCrowded     // no room, because of others
	putDead        // closing or closed
	putOver        // all outboxes hold too much, or those of its address, and this one holds much: it must end
	putShare       // too much of the sender's address waits in all outboxes
	putHeavy       // all outboxes hold too much, or those of its address, and this one's part is the message being written
)

const (
	senderShare = 4  // a sender has at most this part of an outbox
	lightShare  = 32 // who has less than this part is not to blame when it is full
)

// item is one thing to write.
type item struct {
	kind itemKind
	data []byte // of a message, or a pong's payload
	src  string // of a message
	code int    // of a close frame
}

// messages is how many messages are lost with it.
func (it item) messages() int {
	if it.kind == itemMessage {
		return 1
	}
	return 0
}

type itemKind uint8

const (
	itemMessage itemKind = iota
	itemPing
	itemPong
	itemClose
)

// add appends a message and reports whether a writer must be started. The
// server's own messages, whose sender cannot wait, have a reserve.
func (o *outbox) add(f frame) (outcome put, start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.dead || o.closing:
		return putDead, false
	case f.src == "":
		if !o.fits(f, o.maxFrames/4) {
			return putFull, false
		}
	case f.sent.exceeded():
		return putShare, false
	case o.total.over(o.bytes + len(o.flight.data)):
		if o.bytes > smallHold {
			return putOver, false
		}
		return putHeavy, false
	default:
		if outcome := o.judge(f); outcome != putDone {
			return outcome, false
		}
	}
	return putDone, o.append(f)
}

// addWaiting appends a message that waited for the receiver, whoever sent it.
func (o *outbox) addWaiting(f frame) (outcome put, start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.dead || o.closing:
		return putDead, false
	case !o.fits(f, 0):
		return putFull, false
	}
	return putDone, o.append(f)
}

// append must be called with mu held.
func (o *outbox) append(f frame) (start bool) {
	if len(o.frames) == cap(o.frames) && o.head > len(o.frames)/2 {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, f)
	o.bytes += len(f.data)
	o.total.add(len(f.data))
	f.sent.add(len(f.data))
	return o.rouse()
}

func (o *outbox) fits(f frame, reserve int) bool {
	return len(o.frames)-o.head < o.maxFrames+reserve && o.bytes+len(f.data) <= o.maxBytes
}

// judge says whether a peer's message may be added, and if not whose fault that
// is. It looks through the messages only where somebody may have a share.
func (o *outbox) judge(f frame) put {
	waiting, fits := o.frames[o.head:], o.fits(f, 0)
	maxFrames, maxBytes := max(1, o.maxFrames/senderShare), o.maxBytes/senderShare
	if fits && (len(waiting) == 0 || len(waiting) < maxFrames && o.bytes+len(f.data) <= maxBytes) {
		return putDone
	}
	frames, bytes := 0, 0
	for _, w := range waiting {
		if w.src == f.src {
			frames++
			bytes += len(w.data)
		}
	}
	switch {
	case frames > 0 && (frames >= maxFrames || bytes+len(f.data) > maxBytes):
		o.refuse(o.untilHalf(f.src, frames, bytes, maxFrames, maxBytes))
		return putFull
	case fits:
		return putDone
	}
	o.refuse(o.untilHalf("", len(waiting), o.bytes, o.maxFrames, o.maxBytes))
	if frames >= max(1, o.maxFrames/lightShare) || bytes >= o.maxBytes/lightShare {
		return putFull
	}
	return putCrowded
}

// untilHalf is how many messages must be written until those of src, of
// everybody if that is empty, take half of what they may at most. They are
// given as so many frames and bytes.
func (o *outbox) untilHalf(src string, frames, bytes, maxFrames, maxBytes int) (n int) {
	for _, w := range o.frames[o.head:] {
		if frames <= maxFrames/2 && bytes <= maxBytes/2 {
			break
		}
		if n++; src == "" || w.src == src {
			frames--
			bytes -= len(w.data)
		}
	}
	return max(1, n)
}

// refuse notes that somebody waits for n messages to be written.
func (o *outbox) refuse(n int) {
	if o.room == nil {
		o.room, o.full, o.owed = make(chan struct{}), time.Now(), n
	}
	o.owed = min(o.owed, n)
}

// awaitRoom waits until there is room again, but not longer than patience. It
// is false if there has been none for as long as limit.
func (o *outbox) awaitRoom(patience, limit time.Duration) bool {
	o.mu.Lock()
	room, left := o.room, limit-time.Since(o.full)
	o.mu.Unlock()
	if room == nil {
		return true
	}
	timer := time.NewTimer(min(patience, left))
	defer timer.Stop()
	select {
	case <-room:
		return true
	case <-timer.C:
		return patience < left
	}
}

// isFull reports whether there has been no room for as long as limit.
func (o *outbox) isFull(limit time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room != nil && time.Since(o.full) >= limit
}

// reopen must be called with mu held.
func (o *outbox) reopen() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// askPing makes a ping due.
func (o *outbox) askPing() (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.closing {
		return false
	}
	o.ping = true
	return o.rouse()
}

// askPong makes a pong due. Of several pings only the latest is answered.
func (o *outbox) askPong(payload string) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.closing {
		return false
	}
	o.pong, o.pongFor = true, payload
	return o.rouse()
}

// close makes a close frame the last thing that is written. The first code
// counts; 0 is an empty payload.
func (o *outbox) close(code int) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.closing {
		return false
	}
	o.closing, o.code = true, code
	o.reopen()
	return o.rouse()
}

// answer drops what waits and returns it: the peer says goodbye. Only a close
// frame follows, with its code. done is whether that is written already.
func (o *outbox) answer(code int) (left []frame, start, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard = true
	if o.dead {
		return nil, false, o.sent || !o.writing
	}
	left = o.empty()
	o.ping, o.pong = false, false
	if !o.closing {
		o.closing, o.code = true, code
	}
	o.reopen()
	return left, o.rouse(), false
}

// closed notes that the close frame is written, and reports whether the peer's
// has come: then both are done.
func (o *outbox) closed() (both bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = true
	return o.heard
}

// kill empties the outbox for good and returns the messages that were in it.
func (o *outbox) kill() []frame {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = true
	left := o.empty()
	o.land()
	o.reopen()
	return left
}

// empty takes out and returns all messages. It must be called with mu held.
func (o *outbox) empty() []frame {
	left := o.frames[o.head:]
	o.total.add(-o.bytes)
	for _, f := range left {
		f.sent.add(-len(f.data))
	}
	o.frames, o.head, o.bytes = nil, 0, 0
	return left
}

// next returns what to write now; what it returned before is written. At false
// the writer must end.
func (o *outbox) next() (item, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.land()
	switch {
	case o.dead:
	case o.pong:
		o.pong = false
		return item{kind: itemPong, data: []byte(o.pongFor)}, true
	case o.ping:
		o.ping = false
		return item{kind: itemPing}, true
	case o.head < len(o.frames):
		return o.shift(), true
	case o.closing:
		o.dead = true
		return item{kind: itemClose, code: o.code}, true
	}
	o.writing = false
	return item{}, false
}

// shift takes out the oldest message. It must be called with mu held.
func (o *outbox) shift() item {
	f := o.frames[o.head]
	o.frames[o.head] = frame{}
	o.head++
	o.bytes -= len(f.data)
	o.flight = f
	if o.owed--; o.owed <= 0 {
		o.reopen()
	}
	if o.head == len(o.frames) {
		if o.frames, o.head = o.frames[:0], 0; cap(o.frames) > 4 {
			o.frames = nil // an idle socket is to be cheap
		}
	}
	return item{kind: itemMessage, data: f.data, src: f.src}
}

// land gives back to the budgets what the message took that was being written.
// It must be called with mu held.
func (o *outbox) land() {
	if n := len(o.flight.data); n > 0 {
		o.total.add(-n)
		o.flight.sent.add(-n)
		o.flight = frame{}
	}
}

// rouse must be called with mu held.
func (o *outbox) rouse() (start bool) {
	start = !o.writing
	o.writing = true
	return start
}
