package rtc

import (
	"fmt"
	"sync/atomic"
)

// What a peer sends waits in pion until it is read. Pion's window counts the
// bytes of the messages alone, while each chunk costs it some 540 bytes more: a
// megabyte of messages of one byte is half a gigabyte. Some can never be read:
// fragments without an end, streams that nobody opened. So what comes is
// weighed as it travels, where the smallest chunk has 20 bytes.
const (
	// readCredit and sentCredit are what a message that was read, or sent, takes
	// off beside its size: headers, and acknowledgements of what we send.
	readCredit = 128
	sentCredit = 128
	// applicationData begins a DTLS record that carries SCTP (RFC 6347, 4.1).
	applicationData = 23
)

// window is how much an association holds that was not read yet, in bytes of
// messages, and so the largest message that can arrive.
func (c Config) window() int { return max(minWindow, 2*c.MaxMessage) }

// minWindow is what a peer far away needs to send at a fair pace.
const minWindow = 512 << 10

// A traffic counts the packets of one connection, and weighs what came and was
// not read.
type traffic struct {
	packets atomic.Uint64
	unread  atomic.Int64 // bytes as they travelled
	over    atomic.Bool  // no more is weighed

	// Fixed; without them nothing is bounded.
	limit int64
	total *atomic.Int64 // of all connections
	most  int64         // that total may be
	flood func(all bool)
}

// Add counts packets that were sent.
func (t *traffic) Add(n uint64) { t.packets.Add(n) }

// Load returns how many packets there were.
func (t *traffic) Load() uint64 { return t.packets.Load() }

// received counts and weighs one packet.
func (t *traffic) received(b []byte) {
	t.packets.Add(1)
	if t.flood == nil || len(b) == 0 || b[0] != applicationData || t.over.Load() {
		return
	}
	n := int64(len(b))
	own, all := t.unread.Add(n), t.total.Add(n)
	switch {
	case t.over.Load(): // in the same moment
		t.stop()
	case own > t.limit:
		t.flood(false)
	case all > t.most:
		t.flood(true)
	}
}

// settle takes off what a message of n bytes accounts for.
func (t *traffic) settle(n int) {
	if t.flood == nil {
		return
	}
	for {
		old := t.unread.Load()
		off := min(old, int64(n))
		if off <= 0 {
			return
		}
		if t.unread.CompareAndSwap(old, old-off) {
			t.total.Add(-off)
			return
		}
	}
}

// stop ends the weighing.
func (t *traffic) stop() {
	t.over.Store(true)
	if t.total != nil {
		t.total.Add(-t.unread.Swap(0))
	}
}

// bound sets what c may leave unread, and how it ends if that is more.
func (c *conn) bound() {
	t := &c.count
	t.limit, t.total, t.most = int64(2*c.p.cfg.window()), &c.p.unread, int64(c.p.cfg.MaxUnread)
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
	n := c.count.unread.Load()
	if c.count.over.Swap(true) {
		return
	}
	c.cancel(c.fail(fmt.Errorf("%w: %d bytes came faster than they are read", errFlooded, n)))
	c.count.stop()
}

// relieve ends the connection of which most is unread.
func (p *Peer) relieve() {
	var worst *conn
	p.mu.Lock()
	for _, c := range p.conns {
		if worst == nil || c.count.unread.Load() > worst.count.unread.Load() {
			worst = c
		}
	}
	p.mu.Unlock()
	if worst != nil {
		worst.overrun()
	}
}
