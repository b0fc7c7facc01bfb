package signaling

import (
	"errors"
	"io"
	"sync/atomic"
)

var errOverBudget = errors.New("too much is being read from this address, or from all sockets")

// A budget bounds the bytes that many sockets together hold. Nobody is refused
// for what is small: a budget that is used up ends sockets that hold much.
//
// A budget may be a part of another, as an address's is of that of all: then
// both count, and either can be used up. The methods of a nil budget do nothing.
type budget struct {
	limit int64
	whole *budget // nil: it is no part
	used  atomic.Int64
}

// holdings bound what the sockets of one address may hold, or those of all.
type holdings struct {
	in   budget // memory for messages being read from them
	out  budget // bytes waiting to be written to them
	sent budget // bytes of theirs waiting to be written, to whomever
}

// limit lets the holdings of a place be placeShare of all's, but not less than
// one socket may need.
func (h *holdings) limit(all *holdings, cfg Config) {
	h.in.limit, h.in.whole = max(all.in.limit/placeShare, int64(cfg.MaxMessage+readRoom)), &all.in
	h.out.limit, h.out.whole = max(all.out.limit/placeShare, int64(cfg.OutboundBytes)), &all.out
	h.sent.limit = h.out.limit // of which the receivers' count is the whole
}

// smallHold is what a socket may hold whatever others do: all usual messages
// of PeerJS are smaller.
const smallHold = 16 << 10

// over reports whether somebody who holds n bytes holds too much.
func (b *budget) over(n int) bool { return n > smallHold && b.exceeded() }

func (b *budget) exceeded() bool {
	for ; b != nil; b = b.whole {
		if b.used.Load() > b.limit {
			return true
		}
	}
	return false
}

// add counts n more bytes, or fewer if that is negative.
func (b *budget) add(n int) {
	for ; b != nil; b = b.whole {
		b.used.Add(int64(n))
	}
}

// A spender reads one message into a buffer, whose size counts: it may be twice
// what has arrived. It starts with a small one and pays before it takes a larger.
type spender struct {
	buf  []byte
	from *budget
}

const (
	firstBuffer = 2 << 10   // most messages of PeerJS fit
	keptBuffer  = smallHold // a larger one is not kept: who holds it may have only begun to speak
	readRoom    = 512       // beyond the longest message, to see that it has ended
)

// take reads the message, which the reader bounds to most bytes. Whoever took
// one gives it back.
func (s *spender) take(r io.Reader, from *budget, most int) error {
	s.buf, s.from = s.buf[:0], from
	s.from.add(cap(s.buf))
	for {
		if len(s.buf) == cap(s.buf) {
			if err := s.grow(most); err != nil {
				return err
			}
		}
		n, err := r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case s.from.over(cap(s.buf)):
			return errOverBudget
		}
	}
}

func (s *spender) grow(most int) error {
	size := max(firstBuffer, 2*cap(s.buf))
	if most += readRoom; cap(s.buf) < most && size > most/2 {
		size = most
	}
	s.from.add(size - cap(s.buf))
	larger := make([]byte, len(s.buf), size)
	copy(larger, s.buf)
	s.buf = larger
	if s.from.over(size) {
		return errOverBudget
	}
	return nil
}

// give ends the use of the message. The buffer is kept if it is small.
func (s *spender) give() {
	s.from.add(-cap(s.buf))
	s.from = nil
	if cap(s.buf) > keptBuffer {
		s.buf = nil
	}
}
