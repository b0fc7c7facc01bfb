package rtc

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	// datagramSize holds what ICE, DTLS and SCTP send: their packets stay
	// under 1,300 bytes. A larger one is allocated on its own.
	datagramSize = 1600
	// maxDatagram is the largest packet an ICE agent of pion reads.
	maxDatagram = 8192
	// maxQueued is how many packets wait for one agent. An agent reads at once
	// what comes, so more means that it is stuck; SCTP sends again what is lost.
	maxQueued = 512
)

// datagram is one received packet.
type datagram struct {
	next *datagram
	data []byte
	from net.Addr
	buf  [datagramSize]byte
}

// A queue hands received packets to one ICE candidate. When it is full, packets
// are dropped: whoever pushes serves other sessions too and must not wait.
type queue struct {
	pool *sync.Pool // of *datagram

	mu          sync.Mutex
	first, last *datagram
	queued      int
	closed      bool
	ready       chan struct{} // gets a token when there is something to read; closed with the queue
}

func newQueue(pool *sync.Pool) *queue {
	return &queue{pool: pool, ready: make(chan struct{}, 1)}
}

func newDatagramPool() *sync.Pool {
	return &sync.Pool{New: func() any { return new(datagram) }}
}

// push copies data into the queue, or reports that there is no room.
func (q *queue) push(data []byte, from net.Addr) bool {
	d := q.pool.Get().(*datagram)
	d.data, d.from = append(d.buf[:0], data...), from
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.queued >= maxQueued {
		q.release(d)
		return q.closed // what comes for somebody who has gone is not a loss
	}
	if q.last == nil {
		q.first = d
	} else {
		q.last.next = d
	}
	q.last = d
	q.queued++
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

func (q *queue) release(d *datagram) {
	d.next, d.data, d.from = nil, nil, nil
	q.pool.Put(d)
}

// pop waits for a packet and copies it to b. It returns io.EOF once the queue
// is closed.
func (q *queue) pop(b []byte) (int, net.Addr, error) {
	for {
		if d := q.take(); d != nil {
			n, from, short := copy(b, d.data), d.from, len(b) < len(d.data)
			q.release(d)
			if short {
				continue // no agent reads so little, nor could it use a part
			}
			return n, from, nil
		}
		if _, open := <-q.ready; !open {
			return 0, nil, io.EOF
		}
	}
}

func (q *queue) take() *datagram {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.first
	if d == nil {
		return nil
	}
	q.queued--
	if q.first = d.next; q.first == nil {
		q.last = nil
		return d
	}
	select {
	case q.ready <- struct{}{}: // for the next call
	default:
	}
	return d
}

// close ends the reader; what is queued is dropped.
func (q *queue) close() (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	for d := q.first; d != nil; {
		next := d.next
		q.release(d)
		d = next
	}
	q.first, q.last = nil, nil
	close(q.ready)
	return true
}

// noDeadlines are the parts of net.PacketConn that an ICE agent calls but does
// not need: closing is what unblocks a reader.
type noDeadlines struct{}

func (noDeadlines) SetDeadline(time.Time) error      { return nil }
func (noDeadlines) SetReadDeadline(time.Time) error  { return nil }
func (noDeadlines) SetWriteDeadline(time.Time) error { return nil }
