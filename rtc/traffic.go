package rtc

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// chunkCost is what a chunk that waits in pion is counted for beside its data:
// 540 bytes, and a share of the packet it came in, which it keeps alive.
const chunkCost = 1 << 10

// window is how much an association holds that was not read yet, in bytes of
// messages, and so the largest message that can arrive.
func (c *Config) window() int { return max(minWindow, 2*c.MaxMessage) }

// minWindow is what a peer far away needs to send at a fair pace.
const minWindow = 512 << 10

// A traffic counts the packets of one connection, and weighs what came and was
// not read. Pion's window counts the bytes of messages alone, while each chunk
// costs it far more: half a megabyte in chunks of one byte is 280 MB. And some
// can never be read: fragments without an end, streams that nobody opened. So
// each chunk is weighed as it comes, see [traffic.arrived], and taken off when
// its message is read.
type traffic struct {
	packets atomic.Uint64
	deaf    atomic.Bool // what comes is dropped

	// Fixed; without them nothing is bounded.
	limit int64
	total *atomic.Int64 // of all connections
	most  int64         // that total may be
	flood func(all bool)

	mu      sync.Mutex
	seen    tsns
	bytes   int64 // of messages that are not read
	chunks  int64 // in which they are, at most
	largest int64 // bytes of a chunk, so far
	weight  int64 // what of total is of this connection
	over    bool  // no more is weighed
}

// Add counts packets that went or came.
func (t *traffic) Add(n uint64) { t.packets.Add(n) }

// takes counts a packet that came, and says whether the connection is to have it.
func (t *traffic) takes() bool {
	t.packets.Add(1)
	return !t.deaf.Load()
}

// Load returns how many packets there were.
func (t *traffic) Load() uint64 { return t.packets.Load() }

// arrived weighs a chunk of n bytes, unless it came before.
func (t *traffic) arrived(tsn uint32, n int) {
	if t.flood == nil {
		return
	}
	t.mu.Lock()
	if t.over || !t.seen.add(tsn) {
		t.mu.Unlock()
		return
	}
	t.bytes += int64(n)
	t.chunks++
	t.largest = max(t.largest, int64(n))
	own, all := t.weigh()
	t.mu.Unlock()
	switch {
	case own > t.limit:
		t.flood(false)
	case all > t.most:
		t.flood(true)
	}
}

// settle takes a message of n bytes off that was read. Of the chunks it takes
// the fewest that it can have come in; but there are never more than bytes, so
// nothing of them stays once all is read.
func (t *traffic) settle(n int) {
	if t.flood == nil {
		return
	}
	size := int64(max(n, 1)) // an empty one travels as one byte (RFC 8831, 6.6)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.chunks -= (size + t.largest - 1) / max(t.largest, 1)
	t.bytes = max(0, t.bytes-size)
	t.chunks = min(max(0, t.chunks), t.bytes)
	t.weigh()
}

// weigh brings the weight up to date. The caller holds mu.
func (t *traffic) weigh() (own, all int64) {
	own = t.bytes + t.chunks*chunkCost
	all = t.total.Add(own - t.weight)
	t.weight = own
	return own, all
}

// unread returns the weight.
func (t *traffic) unread() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.weight
}

// stop ends the weighing. It reports what was unread, and whether it was the
// first to stop.
func (t *traffic) stop() (unread int64, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	unread, first = t.weight, !t.over
	if t.total != nil {
		t.total.Add(-t.weight)
	}
	t.weight, t.over, t.seen.ahead = 0, true, nil
	return unread, first
}

// bound sets what c may leave unread, and how it ends if that is more: some
// thousand small requests, or a window of large ones.
func (c *conn) bound() {
	t := &c.count
	window := c.p.cfg.window()
	t.limit, t.total, t.most = int64(16*window), &c.p.unread, int64(c.p.cfg.MaxUnread)
	t.seen = newTSNs(window)
	t.flood = func(all bool) {
		if all {
			c.p.relieve()
			return
		}
		c.overrun()
	}
}

// overrun ends c, of which too much is unread.
func (c *conn) overrun() {
	if n, first := c.count.stop(); first {
		c.cancel(c.fail(fmt.Errorf("%w: %d bytes of memory hold what is not read", errFlooded, n)))
	}
}

// relieve ends the connection of which most is unread.
func (p *Peer) relieve() {
	var worst *conn
	most := int64(-1)
	p.mu.Lock()
	for _, c := range p.conns {
		if n := c.count.unread(); n > most {
			worst, most = c, n
		}
	}
	p.mu.Unlock()
	if worst != nil {
		worst.overrun()
	}
}
