package signaling

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// A quietConn is the connection under a WebSocket. It has a read buffer only
// while there is something to read, and can wait for that on a stack that has
// not grown: most sockets say nothing for most of the time.
//
// It follows the frames of RFC 6455 as far as to know where one ends: no Read
// goes beyond, so that nothing is left in the reader above when a message has
// been read, and it is safe to wait for the next one here. What shows that the
// peer is alive and nothing else, a pong or a HEARTBEAT, never gets above.
//
// Where the system's file descriptor cannot be had (TLS, a pipe, another
// system than Unix) it is the connection it wraps.
//
// A write has a deadline only if it has to wait: most never do, and setting one
// costs as much as a tenth of relaying a message.
//
// One goroutine reads, and one at a time writes.
type quietConn struct {
	net.Conn // fixed

	raw     syscall.RawConn // nil: the descriptor cannot be had; fixed
	buffers *sync.Pool      // of *inbuf; fixed
	limit   time.Duration   // of a write without another deadline; fixed

	// Owned by the reader.
	in     *inbuf // nil while there is nothing to read
	frames cutter // where in a frame what is read next is
	err    error  // of the last attempt
	tryIn  func(fd uintptr) bool

	// Owned by the writer.
	out    []byte // what is being written
	until  time.Time
	outErr error
	tryOut func(fd uintptr) bool
}

// inbuf is what was read and not yet handed on: data[start:end].
type inbuf struct {
	start, end int
	data       [4096]byte // a description in one read
}

func newQuietConn(conn net.Conn, buffers *sync.Pool, limit time.Duration) *quietConn {
	q := &quietConn{Conn: conn, raw: rawConn(conn), buffers: buffers, limit: limit}
	q.tryIn, q.tryOut = q.readOnce, q.writeOnce
	return q
}

// await returns when there is something to read that is not a mere sign of
// life, or nothing will ever be. It calls alive for each sign. Where it cannot
// wait it returns at once.
func (q *quietConn) await(alive func()) error {
	if q.raw == nil {
		return nil
	}
	for {
		for q.in != nil && q.skipSign() {
			alive()
		}
		if q.in != nil {
			return nil
		}
		if err := q.fill(); err != nil {
			return err
		}
	}
}

// Read implements [io.Reader], up to the end of a frame.
func (q *quietConn) Read(p []byte) (int, error) {
	if q.raw == nil {
		return q.Conn.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if q.in == nil {
		if err := q.fill(); err != nil {
			return 0, err
		}
	}
	p = p[:min(len(p), q.in.end-q.in.start)]
	p = p[:q.frames.cut(q.in.data[q.in.start:][:len(p)])]
	copy(p, q.in.data[q.in.start:])
	q.consume(len(p))
	return len(p), nil
}

// skipSign consumes a sign of life if one is next.
func (q *quietConn) skipSign() bool {
	if !q.frames.between() {
		return false
	}
	n := signOfLife(q.in.data[q.in.start:q.in.end], q.frames.fragmented)
	q.consume(n)
	return n > 0
}

func (q *quietConn) consume(n int) {
	if q.in.start += n; q.in.start == q.in.end {
		q.buffers.Put(q.in)
		q.in = nil
	}
}

// fill waits until something arrives. The buffer must be empty.
func (q *quietConn) fill() error {
	if err := q.raw.Read(q.tryIn); err != nil {
		return err
	}
	return q.err
}

// readOnce reads what there is. It is false if that is nothing yet.
func (q *quietConn) readOnce(fd uintptr) bool {
	in := q.buffers.Get().(*inbuf)
	n, again, err := readNow(fd, in.data[:])
	if n > 0 {
		in.start, in.end = 0, n
		q.in, q.err = in, nil
		return true
	}
	q.buffers.Put(in)
	if again {
		return false
	}
	if q.err = err; err == nil {
		q.err = io.EOF
	}
	return true
}

// SetWriteDeadline implements [net.Conn] for writes that begin later.
func (q *quietConn) SetWriteDeadline(t time.Time) error {
	q.until = t
	return nil
}

// Write implements [io.Writer].
func (q *quietConn) Write(p []byte) (int, error) {
	if q.raw == nil {
		return q.writeSlowly(p)
	}
	q.out = p
	err := q.raw.Write(q.tryOut)
	n := len(p) - len(q.out)
	q.out = nil
	if err == nil {
		err = q.outErr
	}
	if err != nil || n == len(p) {
		return n, err
	}
	more, err := q.writeSlowly(p[n:])
	return n + more, err
}

// writeSlowly waits for room until the deadline.
func (q *quietConn) writeSlowly(p []byte) (int, error) {
	until := q.until
	if until.IsZero() {
		until = time.Now().Add(q.limit)
	}
	if err := q.Conn.SetWriteDeadline(until); err != nil {
		return 0, err
	}
	n, err := q.Conn.Write(p)
	if err == nil {
		err = q.Conn.SetWriteDeadline(time.Time{}) // the next write need not look at it
	}
	return n, err
}

// writeOnce writes what there is room for. It never waits.
func (q *quietConn) writeOnce(fd uintptr) bool {
	n, again, err := writeNow(fd, q.out)
	q.out = q.out[n:]
	if q.outErr = err; again {
		q.outErr = nil
	}
	return true
}

// A quietHijacker hands out a quietConn in place of the connection.
type quietHijacker struct {
	http.ResponseWriter
	buffers *sync.Pool
	limit   time.Duration
	conn    *quietConn // once hijacked
}

// Hijack implements [http.Hijacker].
func (h *quietHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	limitUnread(conn)
	h.conn = newQuietConn(conn, h.buffers, h.limit)
	return h.conn, rw, nil
}

// unreadBytes is what the system may keep of one socket that is not read; Linux
// takes twice that, for what it needs beside. By itself it would keep megabytes,
// and a thousand sockets that are read slowly, because they say too much, would
// take all that it has for TCP: then every connection of the machine stalls.
const unreadBytes = 128 << 10

// limitUnread sees to unreadBytes. It does nothing to what is not TCP.
func limitUnread(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(unreadBytes) // an error means that the connection has ended
	}
}
