package rtc

import (
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	// burstGap is how soon after one record the next must be sent to belong to a
	// burst. A lone record never waits for another.
	burstGap = 50 * time.Microsecond
	// burstRoom bounds what waits of a burst. Linux takes up to 64 segments and
	// 64 KB at once.
	burstRoom  = 40 << 10
	burstParts = 32
	// applicationData begins a DTLS record that carries SCTP (RFC 6347, 4.1).
	applicationData = 23
)

// A burst is some datagrams to one address, one after the other.
type burst struct {
	data  []byte
	sizes []int
}

var bursts = sync.Pool{New: func() any { return new(burst) }}

// A gatherer sends the datagrams of one agent in order. Those that follow close
// on each other wait until the goroutines that make them have nothing more to
// do, and what is of one size then goes to the kernel in one call: to send is
// the dearest part of a reply.
type gatherer struct {
	sock *udpSocket // fixed

	turn sync.Mutex // held by who sends, which never waits

	mu     sync.Mutex
	held   *burst         // guarded by mu; nil if nothing waits
	to     netip.AddrPort // guarded by mu; where held goes
	last   time.Time      // guarded by mu; of a record
	busy   bool           // guarded by mu; a burst is being sent
	called bool           // guarded by mu; a goroutine is on its way to send held
	closed bool           // guarded by mu

	calls sync.WaitGroup
}

// write sends b, or keeps a copy to be sent at the end of the burst: then an
// error is counted, as it would tell pion nothing that it acts on.
func (o *gatherer) write(b []byte, to netip.AddrPort) error {
	if len(b) == 0 || b[0] != applicationData {
		o.flush() // what came before goes before; who sends now is waited for
		return o.sock.send.send(b, to)
	}
	now := time.Now()
	o.mu.Lock()
	lone := o.held == nil && !o.busy && now.Sub(o.last) > burstGap
	o.last = now
	for !o.closed && o.held != nil && !o.held.fits(b, o.to == to) {
		o.mu.Unlock()
		o.flush()
		o.mu.Lock()
	}
	if lone || o.closed {
		o.mu.Unlock()
		return o.sock.send.send(b, to)
	}
	o.keep(b, to)
	o.mu.Unlock()
	return nil
}

func (h *burst) fits(b []byte, there bool) bool {
	return there && len(h.sizes) < burstParts && len(h.data)+len(b) <= burstRoom
}

// keep adds a copy of b to what waits. The caller holds mu.
func (o *gatherer) keep(b []byte, to netip.AddrPort) {
	if o.held == nil {
		o.held, o.to = bursts.Get().(*burst), to
	}
	o.held.data, o.held.sizes = append(o.held.data, b...), append(o.held.sizes, len(b))
	if !o.called {
		o.called = true
		o.calls.Go(o.answer)
	}
}

// answer sends what waits, when others have had their turn.
func (o *gatherer) answer() {
	runtime.Gosched()
	o.mu.Lock()
	o.called = false
	o.mu.Unlock()
	o.flush()
}

// flush sends what waits.
func (o *gatherer) flush() {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.mu.Lock()
	h, to := o.held, o.to
	o.held, o.busy = nil, h != nil
	o.mu.Unlock()
	if h == nil {
		return
	}
	o.sock.sendBurst(h, to)
	h.data, h.sizes = h.data[:0], h.sizes[:0]
	bursts.Put(h)
	o.mu.Lock()
	o.busy = false
	o.mu.Unlock()
}

// close sends what waits. From then on nothing does.
func (o *gatherer) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.flush()
	o.calls.Wait()
}

// sendBurst sends the datagrams of h: as segments those that follow each other
// and are of one size, but for a smaller last one.
func (s *udpSocket) sendBurst(h *burst, to netip.AddrPort) {
	data := h.data
	for i := 0; i < len(h.sizes); {
		n, bytes := segments(h.sizes[i:])
		s.sendRun(data[:bytes], h.sizes[i], to)
		i, data = i+n, data[bytes:]
	}
}

// segments returns how many of the first datagrams may go as one, and their bytes.
func segments(sizes []int) (n, bytes int) {
	for n < len(sizes) && sizes[n] <= sizes[0] {
		bytes += sizes[n]
		n++
		if sizes[n-1] < sizes[0] {
			break
		}
	}
	return n, bytes
}

// sendRun sends datagrams of so many bytes each, the last of which may be smaller.
func (s *udpSocket) sendRun(data []byte, size int, to netip.AddrPort) {
	if len(data) > size && s.send.sendSegments(data, size, to) == nil {
		return
	}
	for len(data) > 0 {
		n := min(size, len(data))
		switch err := s.send.send(data[:n], to); {
		case errors.Is(err, errSendBufferFull):
			s.drops.sendFull.Add(1) // lost, as on the way
		case err != nil:
			s.drops.sendErrors.Add(1)
		}
		data = data[n:]
	}
}
