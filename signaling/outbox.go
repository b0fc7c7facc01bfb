package signaling

import (
	"sync"
	"time"
)

// A frame is one message on its way to a socket.
type frame struct {
	src  string // who sent it; "" = the server
	data []byte
}

// An outbox is what waits to be written to one socket: messages in order, then
// perhaps a close frame, and control frames, which go first. It is bounded.
//
// Once a message does not fit, none is taken until half of the room is free:
// the senders' readers wait for that, so a burst slows down those who cause it
// and neither loses a message nor costs the receiver its connection. A
// receiver that does not get that far in time is one that does not read.
//
// A writer exists only while there is something to write: the put that finds
// none says so, and next, finding nothing, dismisses it.
type outbox struct {
	maxFrames, maxBytes int // fixed

	mu      sync.Mutex // held for moments; nothing else is locked while it is
	frames  []frame
	head    int    // frames[:head] are written
	bytes   int    // in frames[head:]
	ping    bool   // a ping is due
	pong    bool   // a pong is due
	pongFor string // with this payload: the latest ping's
	closing bool   // a close frame follows the messages
	code    int    // its code; 0 = none
	dead    bool   // nothing will be written any more
	writing bool   // a writer is at work

	room chan struct{} // nil unless full; closed when half is free again, or never will be
	full time.Time     // since when
}

// put is the outcome of adding a message.
type put uint8

const (
	putDone put = iota
	putFull     // no room: see awaitRoom
	putDead     // closing or closed
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
	reserve, full := 0, o.room != nil
	if f.src == "" {
		reserve, full = o.maxFrames/4, false
	}
	switch {
	case o.dead || o.closing:
		return putDead, false
	case full || len(o.frames)-o.head >= o.maxFrames+reserve || o.bytes+len(f.data) > o.maxBytes:
		if o.room == nil && f.src != "" {
			o.room, o.full = make(chan struct{}), time.Now()
		}
		return putFull, false
	}
	o.frames = append(o.frames, f)
	o.bytes += len(f.data)
	return putDone, o.rouse()
}

// awaitRoom waits until there is room again. It is false if there has been
// none for as long as limit.
func (o *outbox) awaitRoom(limit time.Duration) bool {
	o.mu.Lock()
	room, left := o.room, limit-time.Since(o.full)
	o.mu.Unlock()
	if room == nil {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-room:
		return true
	case <-timer.C:
		return false
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

// kill empties the outbox for good and returns the messages that were in it.
func (o *outbox) kill() []frame {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.frames[o.head:]
	o.frames, o.head, o.bytes, o.dead = nil, 0, 0, true
	o.reopen()
	return left
}

// next returns what to write now. At false the writer must end.
func (o *outbox) next() (item, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
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
	if len(o.frames)-o.head <= o.maxFrames/2 && o.bytes <= o.maxBytes/2 {
		o.reopen()
	}
	if o.head == len(o.frames) {
		if o.frames, o.head = o.frames[:0], 0; cap(o.frames) > 4 {
			o.frames = nil // an idle socket is to be cheap
		}
	}
	return item{kind: itemMessage, data: f.data, src: f.src}
}

// rouse must be called with mu held.
func (o *outbox) rouse() (start bool) {
	start = !o.writing
	o.writing = true
	return start
}
