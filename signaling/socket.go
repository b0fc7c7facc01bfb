package signaling

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// A socket is one WebSocket of the server. Its run reads; a writer exists only
// while there is something to write. The two meet in the session's outbox and
// in the deadlines of the connection.
type socket struct {
	session

	srv  *Server // fixed
	conn quietConn

	// Owned by run.
	pace *pace // nil: the socket is spared
	held meter // of waiting for what others filled
}

var heartbeat = []byte(`{"type":"HEARTBEAT"}`)

const (
	controlWait = time.Second

	// What is read and thrown away of a socket that is being closed: so much as
	// it comes, then a few times some more, and then nothing, since who goes on
	// sending does not listen.
	lingerBytes = 32 << 10
	lingerHuge  = 64 << 20               // of somebody amid a message that is too long, or that there is no room for
	lingerRest  = 100 * time.Millisecond // for each lingerStep
	lingerStep  = 32 << 10
	lingerRests = 4
)

// newSocket takes over a connection that has just been upgraded. It keeps
// nothing of the request, which is much larger than the socket. The caller is
// the first to write.
func (s *Server) newSocket(conn net.Conn, r *http.Request, cred credentials, addr netip.Addr, pl *place) *socket {
	holds := s.registry.holdings(pl)
	c := &socket{
		session: session{
			id: strings.Clone(cred.id), token: sha256.Sum256([]byte(cred.token)), addr: addr, place: pl, remote: remoteName(r, addr),
			out: newOutbox(s.cfg.get(), &holds.out), holds: holds,
		},
		srv: s,
	}
	if pl != nil {
		c.pace = new(pace)
	}
	c.wire = c
	c.conn.init(conn, s.kit, c)
	return c
}

// run serves the socket until it is closed. It begins on a fresh stack, which
// stays small until the peer says something.
func (c *socket) run() {
	defer c.srv.writers.leave()
	err := c.read()
	why := endOf(err)
	c.srv.registry.end(&c.session, why)
	c.srv.registry.events.flush()
	if !why.isGarbage() || !c.srv.registry.blame(&c.session, c.srv.now()) { // who does that often knows why
		c.sayGoodbye(err)
	}
	// From here on no writer is started: the id is given up.
	c.srv.registry.stats.drop(DropGone, len(c.out.kill()))
	_ = c.conn.conn.Close()
	c.srv.registry.gone(&c.session, why, c.srv.now())
}

// admit asks for the id, or says why it is refused and begins to close.
func (c *socket) admit(cred credentials) {
	why := c.judge(cred)
	if why == "" {
		c.srv.registry.events.flush()
		return
	}
	c.srv.registry.fade(&c.session)
	c.srv.refused(c.remote, why)
	c.srv.log.Debug("peer refused", "peer", brief(c.id), "remote", c.remote, "reason", why)
	if text, ok := refusalFrames[why]; ok {
		c.push(frame{data: []byte(text)})
		c.close(0)
		return
	}
	c.close(websocket.CloseGoingAway)
}

func (c *socket) judge(cred credentials) Refusal {
	switch {
	case cred.key == "" || !validID(cred.id) || !validToken(cred.token):
		return RefusedParams
	case cred.key != c.srv.cfg.get().Key:
		return RefusedKey
	}
	v := c.srv.registry.admit(&c.session, proof{}, c.srv.now())
	if v.needProof {
		expiry, err := c.srv.hooks.Proof(cred.id, cred.token)
		v = c.srv.registry.admit(&c.session, proof{checked: true, valid: err == nil, expiry: expiry}, c.srv.now())
	}
	return v.refusal
}

// read handles what the peer sends until the connection ends, or must.
func (c *socket) read() error {
	for {
		if err := c.conn.await(c.beat); err != nil {
			return err
		}
		op, begun, err := c.conn.begin()
		if begun {
			err = c.readMessage(op)
		}
		if err != nil {
			return err
		}
	}
}

func (c *socket) readMessage(op byte) error {
	in := c.srv.buffers.Get().(*spender)
	c.began.Store(int64(max(1, c.srv.now()))) // 0 is for none
	err := in.take(&c.conn, &c.holds.in, c.srv.cfg.get().MaxMessage)
	c.began.Store(0)
	if err == nil {
		err = c.handle(op, in.buf)
	}
	in.give()
	c.srv.buffers.Put(in)
	return err
}

// control takes a control frame.
func (c *socket) control(op byte, payload []byte) error {
	switch op {
	case opClose:
		code, v := closeCode(payload)
		if v != nil {
			return v
		}
		return &goodbye{code: code}
	case opPing:
		c.pong(string(payload))
	}
	c.beat(op == opPong)
	return nil
}

// continued takes note of a further frame of a message. Frames cost as much as
// signs of life however little is in them, and a message may have any number.
func (c *socket) continued() { c.beat(false) }

// goodbye is the close frame of a peer.
type goodbye struct{ code int }

func (*goodbye) Error() string { return "the peer closes" }

var errNotUTF8 = &violation{code: websocket.CloseInvalidFramePayloadData, what: "a text message is not UTF-8"}

// handle takes one message. It keeps nothing of data.
func (c *socket) handle(op byte, data []byte) error {
	if bytes.Equal(data, heartbeat) { // hundreds a second from a simple-peerjs client
		c.beat(false)
		return nil
	}
	if !utf8.Valid(data) {
		if op == opText {
			return errNotUTF8
		}
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	in, err := parse(data)
	if kept, abuse := c.keepsPace(in.typ, len(data), err != nil); !kept {
		return abuse
	}
	if err != nil {
		c.srv.registry.stats.drop(DropMalformed, 1)
		return nil
	}
	now := c.srv.now()
	c.touch(now, false)
	if l, ok := c.srv.registry.letterOf(&c.session, in); ok {
		c.pass(l, now)
	}
	return nil
}

// endOf names the end that an error of read means.
func endOf(err error) End {
	switch {
	case errors.Is(err, errNotUTF8):
		return EndNotUTF8
	case errors.Is(err, errAbuse):
		return EndAbuse
	case errors.Is(err, errOverBudget):
		return EndCrowded
	}
	if _, ok := errors.AsType[*goodbye](err); ok {
		return EndClosed
	}
	if v, ok := errors.AsType[*violation](err); ok {
		if v.code == websocket.CloseMessageTooBig {
			return EndTooLarge
		}
		return EndProtocol
	}
	return EndLost
}

// sayGoodbye closes a connection that has ended for the given reason as RFC
// 6455 asks, and returns when the peer may have read why.
func (c *socket) sayGoodbye(err error) {
	if bye, ok := errors.AsType[*goodbye](err); ok {
		c.answerGoodbye(bye.code)
		return
	}
	v, ok := errors.AsType[*violation](err)
	switch {
	case ok:
		c.close(v.code)
	case errors.Is(err, errOverBudget):
		c.close(websocket.ClosePolicyViolation)
	default:
		return // nobody is there
	}
	most := lingerBytes
	if why := endOf(err); why == EndTooLarge || why == EndCrowded {
		most = lingerHuge
	}
	c.linger(most, v == nil || v.code != websocket.CloseProtocolError)
}

// answerGoodbye answers a close frame. What waits to be written is dropped: the
// peer reads no more.
func (c *socket) answerGoodbye(code int) {
	until := time.Now().Add(controlWait)
	_ = c.conn.conn.SetReadDeadline(until) // before the writer sets its own
	left, start, done := c.out.answer(code)
	c.srv.registry.stats.drop(DropGone, len(left))
	c.wakeIf(start)
	for read := 0; !done; {
		n, err := c.conn.skip(false)
		if read += n; err == nil && read > lingerBytes { // who has closed says nothing more
			time.Sleep(time.Until(until))
			return
		}
		done = err != nil
	}
}

// linger reads on after a close frame of ours, for a moment: closing with
// unread data would reset the connection, and the peer would not see why. If
// frames can still be told apart it ends with the peer's.
func (c *socket) linger(most int, framed bool) {
	until := time.Now().Add(c.srv.cfg.get().CloseTimeout)
	_ = c.conn.conn.SetReadDeadline(until)
	for read, rests := 0, 0; time.Now().Before(until); {
		n, err := c.conn.skip(framed)
		if errors.Is(err, io.EOF) {
			c.answerGoodbye(0)
		}
		if err != nil {
			return
		}
		if read += n; read < most {
			continue
		}
		if rests == lingerRests {
			time.Sleep(time.Until(until)) // closed at once he would come back sooner
			return
		}
		time.Sleep(lingerRest)
		rests++
		read -= lingerStep
	}
}

// wake finds a writer. It is only called while run is at work.
func (c *socket) wake() { c.srv.writers.hand(c) }

// abort makes run end.
func (c *socket) abort() { _ = c.conn.conn.SetReadDeadline(time.Unix(1, 0)) }

// cut closes the connection without a goodbye, of TLS neither: run and the writer
// find out.
func (c *socket) cut() { _ = bare(c.conn.conn).Close() }

// write writes what there is to write, behind head.
func (c *socket) write(head []byte) {
	for {
		it, ok := c.out.next()
		if !ok {
			return
		}
		if err := c.writeItem(head, it); err != nil {
			c.writeFailed(it, err)
			return
		}
		head = nil
	}
}

func (c *socket) writeItem(head []byte, it item) error {
	switch it.kind {
	case itemMessage:
		return c.conn.write(head, opText, it.data)
	case itemPing:
		return c.conn.write(head, opPing, nil)
	case itemPong:
		return c.conn.write(head, opPong, it.data)
	}
	var payload []byte
	if it.code != 0 {
		payload = websocket.FormatCloseMessage(it.code, "")
	}
	err := c.conn.write(head, opClose, payload)
	until := time.Unix(1, 0)
	if !c.out.closed() { // the peer may take its time to answer, but not for ever
		until = time.Now().Add(c.srv.cfg.get().CloseTimeout)
	}
	_ = c.conn.conn.SetReadDeadline(until)
	return err
}

// writeFailed ends the socket after a failed write. Somebody who does not read
// has not left; only a connection that broke is reported to the senders.
func (c *socket) writeFailed(it item, err error) {
	r := c.srv.registry
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case ok && timeout.Timeout():
		r.end(&c.session, EndSlowReader)
		r.stats.drop(DropSlowReader, it.messages()+len(c.out.kill()))
	default:
		r.broken(&c.session, it)
	}
	r.events.flush()
	c.abort()
}
