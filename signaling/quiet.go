package signaling

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// A quietConn is the server's end of a WebSocket (RFC 6455), once it is open.
// It is as small as can be while nothing is said: it has a read buffer only
// while there is something to read, a write buffer only while it writes, and
// can wait for the peer on a stack that has not grown. Most sockets say nothing
// for most of the time. What shows that the peer is alive and nothing else, a
// pong or a HEARTBEAT, is taken in right there.
//
// Where the system's file descriptor cannot be had (TLS, a pipe, another
// system than Unix) it keeps a small buffer to wait with.
//
// A write has a deadline only if it has to wait: most never do, and setting one
// costs as much as a tenth of relaying a message.
//
// One goroutine reads, and one at a time writes.
type quietConn struct {
	conn  net.Conn        // fixed
	raw   syscall.RawConn // nil: the descriptor cannot be had; fixed
	kit   *quietKit       // fixed
	owner controlled      // fixed

	// Owned by the reader.
	in    *inbuf // nil while there is nothing to read
	part  *part  // nil unless the beginning of a frame is incomplete
	msg   incoming
	tryIn func(fd uintptr) bool
	small *[128]byte // to wait with; nil if raw is not
}

// A quietKit is what all quietConns of a server share.
type quietKit struct {
	in, out    sync.Pool     // of *inbuf and *outbuf
	limit      time.Duration // of a write
	maxMessage int           // bytes
}

func newQuietKit(limit time.Duration, maxMessage int) *quietKit {
	k := &quietKit{limit: limit, maxMessage: maxMessage}
	k.in.New = func() any { return new(inbuf) }
	k.out.New = func() any { return newOutbuf() }
	return k
}

// controlled is told of a control frame, and of the further frames of a message.
// It keeps nothing of the payload.
type controlled interface {
	control(op byte, payload []byte) error
	continued() // may wait
}

// An inbuf is what was read and not yet handed on: data[start:end].
type inbuf struct {
	start, end int
	err        error
	data       [4096]byte // a description in one read
}

// A part is the beginning of a frame: as much as has arrived of what opening
// asks for.
type part struct {
	n    int
	data [maxHeader + maxShort]byte
}

// incoming is where in a message the reader is.
type incoming struct {
	left  uint64 // bytes of the frame's payload to come
	taken int    // bytes of the message's frames so far, what is to come included
	mask  uint32 // of what comes next
	more  bool   // further frames of the message follow
}

// init takes over a connection that has been upgraded.
func (q *quietConn) init(conn net.Conn, kit *quietKit, owner controlled) {
	q.conn, q.raw, q.kit, q.owner = conn, rawConn(conn), kit, owner
	if q.raw == nil {
		q.small = new([128]byte)
	}
	q.tryIn = q.readOnce
}

// await returns when there is something to read that is not a mere sign of
// life, or nothing will ever be. It calls alive for each sign.
func (q *quietConn) await(alive func(pong bool)) error {
	for {
		for q.in != nil {
			n, pong := q.sign()
			if n == 0 {
				break
			}
			q.consume(n)
			alive(pong)
		}
		if q.in != nil {
			return nil
		}
		if err := q.fill(); err != nil {
			return err
		}
	}
}

// sign returns the length of the sign of life that is next, 0 if none is, and
// whether it is a pong.
func (q *quietConn) sign() (n int, pong bool) {
	if q.part != nil || q.msg.left > 0 {
		return 0, false
	}
	b := q.in.data[q.in.start:q.in.end]
	return signOfLife(b, q.msg.more), b[0] == finalBit|opPong
}

// begin takes in the beginning of a frame, as far as it is there, and reports
// whether a message has begun, and of which kind: its payload is read next.
// Control frames go to the owner.
func (q *quietConn) begin() (op byte, begun bool, err error) {
	b, ok, err := q.opening()
	if !ok || err != nil {
		return 0, false, err
	}
	h := parseHeader(b)
	if h.op&controlBit != 0 {
		payload := b[h.size:]
		unmask(payload, h.mask)
		err = q.owner.control(h.op, payload)
		q.opened(len(b))
		return h.op, false, err
	}
	q.opened(len(b))
	if h.op != opContinuation {
		q.msg.taken = 0
	} else {
		q.owner.continued()
	}
	q.msg.left, q.msg.mask, q.msg.more = h.length, h.mask, !h.final
	if h.length > uint64(q.kit.maxMessage-q.msg.taken) {
		return 0, false, &violation{code: websocket.CloseMessageTooBig, what: "a message is too long"}
	}
	q.msg.taken += int(h.length)
	return h.op, h.op != opContinuation, nil
}

// opening returns what opening asks for, if all of it has arrived; opened must
// follow. There must be something to read.
func (q *quietConn) opening() (b []byte, ok bool, err error) {
	b = q.in.data[q.in.start:q.in.end]
	if q.part != nil {
		b = q.part.data[:q.part.n]
	}
	for {
		if len(b) >= 2 {
			if v := judgeFrame(b[0], b[1], q.msg.more); v != nil {
				return nil, false, v
			}
		}
		need := opening(b)
		if len(b) >= need {
			return b[:need], true, nil
		}
		if q.in == nil {
			return nil, false, nil
		}
		b = q.keep(need)
	}
}

// keep moves what there is of a frame's beginning into part, up to need bytes
// in all.
func (q *quietConn) keep(need int) []byte {
	if q.part == nil {
		q.part = new(part)
	}
	n := copy(q.part.data[q.part.n:need], q.in.data[q.in.start:q.in.end])
	q.part.n += n
	q.consume(n)
	return q.part.data[:q.part.n]
}

// opened consumes the n bytes that opening returned.
func (q *quietConn) opened(n int) {
	if q.part != nil {
		q.part = nil
		return
	}
	q.consume(n)
}

// Read implements [io.Reader] for the message that has begun: io.EOF is its end,
// and never that of the connection.
func (q *quietConn) Read(p []byte) (int, error) {
	for q.msg.left == 0 {
		if !q.msg.more {
			return 0, io.EOF
		}
		if err := q.moreOfMessage(); err != nil {
			return 0, err
		}
		if _, _, err := q.begin(); err != nil {
			return 0, err
		}
	}
	if err := q.moreOfMessage(); err != nil {
		return 0, err
	}
	p = p[:min(uint64(len(p)), q.msg.left)]
	n := copy(p, q.in.data[q.in.start:q.in.end])
	q.msg.mask = unmask(p[:n], q.msg.mask)
	q.msg.left -= uint64(n)
	q.consume(n)
	return n, nil
}

func (q *quietConn) moreOfMessage() error {
	err := q.more()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// more waits until there is something to read.
func (q *quietConn) more() error {
	if q.in != nil {
		return nil
	}
	return q.fill()
}

// skip throws away what has arrived, after waiting for something to arrive, and
// returns how much that was. Where frames can still be told apart, a close
// frame of the peer's is io.EOF.
func (q *quietConn) skip(framed bool) (int, error) {
	if err := q.more(); err != nil {
		return 0, err
	}
	n := q.in.end - q.in.start
	if !framed {
		q.consume(n)
		return n, nil
	}
	for q.in != nil {
		if q.msg.left > 0 {
			k := min(uint64(q.in.end-q.in.start), q.msg.left)
			q.msg.left -= k
			q.consume(int(k))
			continue
		}
		b, ok, err := q.opening()
		if err != nil {
			return n, err
		}
		if !ok {
			break
		}
		h := parseHeader(b)
		q.opened(len(b))
		switch {
		case h.op == opClose:
			return n, io.EOF
		case h.op&controlBit == 0:
			q.msg.left, q.msg.more = h.length, !h.final
		}
	}
	return n, nil
}

func (q *quietConn) consume(n int) {
	if q.in.start += n; q.in.start == q.in.end {
		q.kit.in.Put(q.in)
		q.in = nil
	}
}

// fill waits until something arrives. The buffer must be empty.
func (q *quietConn) fill() error {
	if q.raw == nil {
		return q.fillSlowly()
	}
	if err := q.raw.Read(q.tryIn); err != nil {
		return err
	}
	if err := q.in.err; err != nil {
		q.drop()
		return err
	}
	return nil
}

// readOnce reads what there is. It is false if that is nothing yet.
func (q *quietConn) readOnce(fd uintptr) bool {
	in := q.kit.in.Get().(*inbuf)
	n, again, err := readNow(fd, in.data[:])
	if again {
		q.kit.in.Put(in)
		return false
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	in.start, in.end, in.err = 0, n, err
	q.in = in
	return true
}

// fillSlowly reads into a small buffer while nothing has begun, and into a
// pooled one while something has.
func (q *quietConn) fillSlowly() error {
	if q.msg.left > 0 {
		in := q.kit.in.Get().(*inbuf)
		n, err := q.conn.Read(in.data[:])
		return q.filled(in, n, err)
	}
	n, err := q.conn.Read(q.small[:])
	in := q.kit.in.Get().(*inbuf)
	copy(in.data[:], q.small[:n])
	return q.filled(in, n, err)
}

func (q *quietConn) filled(in *inbuf, n int, err error) error {
	in.start, in.end, in.err = 0, n, nil
	if q.in = in; n > 0 {
		return nil // an error comes again
	}
	q.drop()
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// drop gives the read buffer back.
func (q *quietConn) drop() {
	if q.in != nil {
		q.in.err = nil
		q.kit.in.Put(q.in)
		q.in = nil
	}
}
