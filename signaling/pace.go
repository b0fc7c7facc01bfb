package signaling

import (
	"time"

	"github.com/gorilla/websocket"
)

// A pace is how much one socket says. It is owned by the socket's reader.
//
// Who says more than Config.MessageRate after a burst is read more slowly, so
// that an honest peer with much to say loses nothing. Who goes on for more than
// slowDown has what is too much dropped, and who does not stop then is closed.
// What is dropped is read slowly too: to read it costs nearly as much as to pass
// it on, and a thousand who say as much as they can would leave nothing to others.
type pace struct {
	said    meter
	delayed meter
	dropped meter
	beats   meter
}

const (
	slowDown       = 5 * time.Second // of delay at most,
	slowDownRegain = 10              // of which a tenth of the time passed is given back
	abuseBurst     = 2000            // messages dropped until the socket is closed
	abuseRate      = 100             // dropped messages a second that are forgiven

	dropPause = 3 * time.Millisecond // after a dropped message; shorter than abuseRate forgives one

	garbageTimes = 25 // messages is what is none: it is no honest peer's

	nodeTimes = 10 // as much as others may a node say, which answers all of them

	beatRate  = 5000                   // signs of life a second; simple-peerjs gives under 1,000
	beatBurst = 5 * beatRate           // of them at once
	beatRest  = 100 * time.Millisecond // the reader rests that much longer, so that it need not rest after each

	weightBytes   = 16 << 10 // a message counts once more for each of these
	freeHeartbeat = 512      // bytes of a HEARTBEAT that does not count at all
)

// verdictOnPace is what to do with a message.
type verdictOnPace uint8

const (
	paceKept  verdictOnPace = iota // pass it on after the delay
	paceDrop                       // drop it and read on after the delay
	paceAbuse                      // drop it and close the socket
)

// judge charges what counts as so many messages and says what to do with it.
func (p *pace) judge(times int, now time.Duration, r rate) (v verdictOnPace, delay time.Duration) {
	times = min(times, max(1, r.burst/4)) // so that a delay stays short
	weight := time.Duration(times) * r.every
	delay = max(0, p.said.wait(now, weight, r.capacity()))
	if delay > 0 && p.delayed.wait(now, delay*slowDownRegain, slowDown*slowDownRegain) > 0 {
		abuse := perSecond(abuseRate, abuseBurst)
		dropped := time.Duration(times) * abuse.every
		if p.dropped.wait(now, dropped, abuse.capacity()) > 0 {
			return paceAbuse, 0
		}
		p.dropped.charge(now, dropped)
		return paceDrop, time.Duration(times) * dropPause
	}
	p.said.charge(now, weight)
	if delay > 0 {
		p.delayed.charge(now, delay*slowDownRegain)
	}
	return paceKept, delay
}

// beat notes a sign of life: a HEARTBEAT, a ping or a pong. Nobody is dropped
// or closed for too many, but who gives far more than any client is read more
// slowly.
func (c *socket) beat(pong bool) {
	now := c.srv.now()
	c.touch(now, pong)
	if c.pace == nil {
		return
	}
	r := perSecond(beatRate, beatBurst)
	wait := c.pace.beats.wait(now, r.every, r.capacity())
	c.pace.beats.charge(now, r.every)
	if wait > 0 {
		c.srv.registry.stats.paced.Add(1)
		time.Sleep(wait + beatRest)
	}
}

var errAbuse = &violation{code: websocket.ClosePolicyViolation, what: "far too much was said"}

// keepsPace charges a message of n bytes and waits as long as the pace demands.
// It is false if the message must be dropped; with errAbuse the socket must be
// closed, too.
func (c *socket) keepsPace(typ string, n int, garbage bool) (kept bool, err error) {
	if c.pace == nil {
		return true, nil
	}
	if typ == TypeHeartbeat && n <= freeHeartbeat {
		c.beat(false)
		return true, nil
	}
	r := c.srv.registry
	may := 1
	if c.marked.Load() {
		may = nodeTimes
	}
	times := 1 + n/weightBytes
	if garbage {
		times *= garbageTimes
	}
	cfg := r.cfg.get()
	v, delay := c.pace.judge(times, c.srv.now(), perSecond(may*cfg.MessageRate, may*cfg.MessageBurst))
	switch v {
	case paceKept:
		if delay > 0 {
			r.stats.paced.Add(1)
		}
	case paceDrop:
		r.stats.drop(DropRate, 1)
	case paceAbuse:
		r.stats.drop(DropRate, 1)
		c.srv.log.Debug("peer says far too much", "peer", c.id, "remote", c.remote)
		return false, errAbuse
	}
	time.Sleep(delay) // for a quarter of the burst at most
	return v == paceKept, nil
}
