package signaling

import "time"

// maxCopied is how much of a frame is copied for writing it in one: all of most
// messages. The rest of a longer one is written from where it is, since what is
// copied counts against no budget.
const maxCopied = 16 << 10

// An outbuf is what a frame is made and written with.
type outbuf struct {
	frame []byte    // its beginning
	left  []byte    // what is still to be written of what write was given
	until time.Time // by when; zero: nothing had to wait yet
	err   error
	try   func(fd uintptr) bool
}

func newOutbuf() *outbuf {
	b := new(outbuf)
	b.try = b.writeOnce
	return b
}

// write writes a frame behind head. It waits for room no longer than
// quietKit.limit.
func (q *quietConn) write(head []byte, op byte, payload []byte) error {
	b := q.kit.out.Get().(*outbuf)
	copied := min(len(payload), maxCopied)
	b.frame = appendHeader(append(b.frame[:0], head...), op, len(payload))
	b.frame = append(b.frame, payload[:copied]...)
	err := q.flush(b, b.frame)
	if rest := payload[copied:]; err == nil && len(rest) > 0 {
		err = q.flush(b, rest)
	}
	b.left, b.until, b.err = nil, time.Time{}, nil
	q.kit.out.Put(b)
	return err
}

func (q *quietConn) flush(b *outbuf, data []byte) error {
	b.left = data
	if q.raw != nil {
		if err := q.raw.Write(b.try); err != nil {
			return err
		}
	}
	if b.err != nil || len(b.left) == 0 {
		return b.err
	}
	if b.until.IsZero() {
		b.until = time.Now().Add(q.kit.limit)
	}
	if err := q.conn.SetWriteDeadline(b.until); err != nil {
		return err
	}
	_, err := q.conn.Write(b.left)
	if err == nil {
		err = q.conn.SetWriteDeadline(time.Time{}) // the next write need not look at it
	}
	return err
}

// writeOnce writes what there is room for. It never waits.
func (b *outbuf) writeOnce(fd uintptr) bool {
	n, again, err := writeNow(fd, b.left)
	b.left = b.left[n:]
	if b.err = err; again {
		b.err = nil
	}
	return true
}
