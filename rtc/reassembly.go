package rtc

import (
	"fmt"
	"slices"
	"time"
)

const (
	maxPartial   = 8  // messages of one session that may be incomplete at once
	maxForgotten = 16 // messages whose further pieces are passed over
	// pieceCost is what a piece counts for beside its data, so that empty
	// pieces are not free.
	pieceCost = 64
	// fewPieces is how many pieces the smallest message may have.
	fewPieces = 16
)

// reassembly puts messages together from their pieces. What is incomplete is
// bounded in number, in bytes and in time; what goes over is dropped and
// reported once, and the pieces that still come of it are passed over.
type reassembly struct {
	limit   int           // bytes of a message
	timeout time.Duration // for a message to become complete
	ordered bool          // pieces come in their order, else in any

	partial   map[uint64]*partial
	held      int      // bytes of all of them, with the cost of each piece
	forgotten []uint64 // the latest messages that need no more pieces, the oldest first
}

// partial is a message of which pieces are missing.
type partial struct {
	began  time.Time
	total  uint64
	pieces map[uint64][]byte
	size   int // bytes of the pieces
}

// piece is a part of a message.
type piece struct {
	message, index, total uint64
	data                  []byte // not kept
}

// add takes a piece in. It returns the message if that is now complete, and
// nil if it is not. The error is ErrMalformed or ErrTooLarge.
func (r *reassembly) add(p piece, now time.Time) ([]byte, error) {
	m := r.partial[p.message]
	if m == nil {
		if r.passes(p) {
			return nil, nil
		}
		if err := r.check(p); err != nil {
			r.forget(p.message)
			return nil, err
		}
		m = &partial{began: now, total: p.total, pieces: make(map[uint64][]byte)}
	}
	switch _, again := m.pieces[p.index]; {
	case p.total != m.total:
		return nil, r.drop(p.message, fmt.Errorf("%w: message %d has %d pieces in one of them, %d in another", ErrMalformed, p.message, m.total, p.total))
	case p.index >= p.total:
		return nil, r.drop(p.message, fmt.Errorf("%w: piece %d of %d", ErrMalformed, p.index, p.total))
	case r.ordered && p.index != uint64(len(m.pieces)):
		return nil, r.drop(p.message, fmt.Errorf("%w: piece %d of message %d where %d was next", ErrMalformed, p.index, p.message, len(m.pieces)))
	case again:
		return nil, nil
	case m.size+len(p.data) > r.limit:
		return nil, r.drop(p.message, fmt.Errorf("%w: over %d bytes in %d pieces, the limit is %d", ErrTooLarge, m.size, len(m.pieces), r.limit))
	}
	if uint64(len(m.pieces))+1 == m.total {
		return r.complete(p, m), nil
	}
	return nil, r.keep(p, m)
}

// passes says whether p belongs to a message that is done with. Where pieces
// come in order, a first one begins another message under the same number.
func (r *reassembly) passes(p piece) bool {
	return slices.Contains(r.forgotten, p.message) && !(r.ordered && p.index == 0)
}

// check judges the first piece to come of a message.
func (r *reassembly) check(p piece) error {
	switch {
	case p.total == 0:
		return fmt.Errorf("%w: a message of 0 pieces", ErrMalformed)
	case p.total > uint64(r.limit/pieceCost)+fewPieces:
		return fmt.Errorf("%w: %d pieces, the limit is %d bytes", ErrTooLarge, p.total, r.limit)
	}
	return nil
}

// keep holds p until the rest of its message comes. What has waited longest
// makes room.
func (r *reassembly) keep(p piece, m *partial) error {
	if r.partial == nil {
		r.partial = make(map[uint64]*partial)
	}
	r.partial[p.message] = m
	m.pieces[p.index] = slices.Clone(p.data)
	m.size += len(p.data)
	r.held += len(p.data) + pieceCost
	var err error
	for len(r.partial) > maxPartial || r.held > r.maxHeld() {
		oldest := r.oldest()
		err = r.drop(oldest, fmt.Errorf("%w: message %d was incomplete, and had to make room", ErrMalformed, oldest))
	}
	return err
}

// complete returns the message that p, its last piece to come, completes.
func (r *reassembly) complete(p piece, m *partial) []byte {
	msg := make([]byte, 0, m.size+len(p.data))
	for i := range m.total {
		if i == p.index {
			msg = append(msg, p.data...)
		} else {
			msg = append(msg, m.pieces[i]...)
		}
	}
	r.forget(p.message)
	return msg
}

// drop forgets a message, and returns why.
func (r *reassembly) drop(message uint64, why error) error {
	r.forget(message)
	return why
}

// forget releases what is held of a message and passes over what still comes.
func (r *reassembly) forget(message uint64) {
	if m := r.partial[message]; m != nil {
		r.held -= m.size + len(m.pieces)*pieceCost
		delete(r.partial, message)
	}
	if slices.Contains(r.forgotten, message) {
		return
	}
	if len(r.forgotten) == maxForgotten {
		r.forgotten = slices.Delete(r.forgotten, 0, 1)
	}
	r.forgotten = append(r.forgotten, message)
}

// maxHeld is what one message of the limit needs, in pieces however small.
func (r *reassembly) maxHeld() int { return 2*r.limit + fewPieces*pieceCost }

// oldest returns the message that has been incomplete for longest.
func (r *reassembly) oldest() (message uint64) {
	var began time.Time
	for n, m := range r.partial {
		if began.IsZero() || m.began.Before(began) {
			message, began = n, m.began
		}
	}
	return message
}

// due returns when the oldest incomplete message is to be given up, or zero.
func (r *reassembly) due() time.Time {
	if len(r.partial) == 0 {
		return time.Time{}
	}
	return r.partial[r.oldest()].began.Add(r.timeout)
}

// expire gives up one message that is overdue. It returns nil if there is none.
func (r *reassembly) expire(now time.Time) error {
	due := r.due()
	if due.IsZero() || now.Before(due) {
		return nil
	}
	n := r.oldest()
	return r.drop(n, fmt.Errorf("%w: message %d is incomplete after %v", ErrMalformed, n, r.timeout))
}
