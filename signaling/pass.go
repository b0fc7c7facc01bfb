package signaling

import "time"

const (
	heldMost   = 250 * time.Millisecond // that a socket waits where others are to blame,
	heldRegain = 10                     // of which a tenth of the time passed is given back
)

// pass routes a message. While its destination has no room this socket is not
// read: that slows down whoever sends too much to somebody.
//
// Where that is not this peer's doing, or it is a node, which has to answer
// everybody, it waits only for moments: else those who do not read, and those
// who fill their outboxes, could stop a peer from serving all the others. What
// still finds no room then is dropped, and the peer is told EXPIRE.
func (c *socket) pass(l letter, now time.Duration) {
	r := c.srv.registry
	for {
		full, crowded := r.route(&c.session, l, now)
		if full == nil {
			return
		}
		patience := c.srv.cfg.get().SlowTimeout
		if crowded || c.marked.Load() {
			patience = c.lenience(now)
		}
		r.stats.delayed.Add(1)
		began := now
		open := full.out.awaitRoom(patience, c.srv.cfg.get().SlowTimeout)
		now = c.srv.now()
		if !open {
			r.slow(full)
			continue
		}
		if !crowded && !c.marked.Load() {
			continue
		}
		c.held.charge(began, (now-began)*heldRegain)
		if now-began >= patience {
			r.giveUp(&c.session, l)
			return
		}
	}
}

// lenience is how long the socket may be held up by others now.
func (c *socket) lenience(now time.Duration) time.Duration {
	return max(0, -c.held.wait(now, 0, heldMost*heldRegain)/heldRegain)
}
