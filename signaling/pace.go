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
type pace struct {
	said    meter
	delayed meter
	dropped meter
}

const (
	slowDown       = 5 * time.Second // of delay at most,
	slowDownRegain = 10              // of which a tenth of the time passed is given back
	abuseBurst     = 2000            // messages dropped until the socket is closed
	abuseRate      = 100             // dropped messages a second that are forgiven

	nodeTimes = 10 // as much as others may a node say, which answers all of them

	weightBytes   = 16 << 10 // a message counts once more for each of these
	freeHeartbeat = 512      // bytes of a HEARTBEAT that does not count at all
)

// verdictOnPace is what to do with a message.
type verdictOnPace uint8

const (
	paceKept  verdictOnPace = iota // pass it on after the delay
	paceDrop                       // drop it
	paceAbuse                      // drop it and close the socket
)

// judge charges a message of n bytes and says what to do with it.
func (p *pace) judge(n int, now time.Duration, r rate) (v verdictOnPace, delay time.Duration) {
	times := min(1+n/weightBytes, max(1, r.burst/4)) // so that a delay stays short
	weight := time.Duration(times) * r.every
	delay = max(0, p.said.wait(now, weight, r.capacity()))
	if delay > 0 && p.delayed.wait(now, delay*slowDownRegain, slowDown*slowDownRegain) > 0 {
		if !p.dropped.take(now, perSecond(abuseRate, abuseBurst)) {
			return paceAbuse, 0
		}
		return paceDrop, 0
	}
	p.said.charge(now, weight)
	if delay > 0 {
		p.delayed.charge(now, delay*slowDownRegain)
	}
	return paceKept, delay
}

// keepsPace charges a message and waits as long as the pace demands. It is
// false if the message must be dropped.
func (c *socket) keepsPace(typ string, n int) bool {
	if c.pace == nil || typ == TypeHeartbeat && n <= freeHeartbeat {
		return true
	}
	r := c.srv.registry
	times := 1
	if c.marked.Load() {
		times = nodeTimes
	}
	v, delay := c.pace.judge(n, c.srv.now(), perSecond(times*r.cfg.MessageRate, times*r.cfg.MessageBurst))
	switch {
	case delay > 0:
		r.stats.paced.Add(1)
		time.Sleep(delay) // at most a quarter of the burst's time
	case v == paceDrop:
		r.stats.drop(DropRate, 1)
	case v == paceAbuse:
		r.stats.drop(DropRate, 1)
		if r.end(&c.session, EndAbuse) {
			c.srv.log.Debug("peer says far too much", "peer", c.id, "remote", c.remote)
		}
		c.close(websocket.ClosePolicyViolation)
	}
	return v == paceKept
}
