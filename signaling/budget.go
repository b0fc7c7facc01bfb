package signaling

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

var errOverBudget = errors.New("too much is being read from all sockets")

// A budget bounds the bytes that all sockets together hold. Nobody is refused
// for what is small: a budget that is used up ends sockets that hold much.
type budget struct {
	limit int64 // fixed
	used  atomic.Int64
}

// smallHold is what a socket may hold whatever others do: all usual messages
// of PeerJS are smaller.
const smallHold = 16 << 10

// over reports whether somebody who holds n bytes holds too much.
func (b *budget) over(n int) bool { return n > smallHold && b.used.Load() > b.limit }

// A spender reads one message into its buffer. Bytes count as they arrive.
type spender struct {
	buf  bytes.Buffer
	r    io.Reader
	from *budget
	n    int // so far
}

// take reads the message. Whoever took one gives it back.
func (s *spender) take(r io.Reader, from *budget) error {
	s.buf.Reset()
	s.r, s.from, s.n = r, from, 0
	_, err := s.buf.ReadFrom(s)
	return err
}

func (s *spender) give() {
	s.from.used.Add(int64(-s.n))
	s.r, s.from = nil, nil
}

// Read implements [io.Reader].
func (s *spender) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += n
	s.from.used.Add(int64(n))
	if err == nil && s.from.over(s.n) {
		return n, errOverBudget
	}
	return n, err
}
