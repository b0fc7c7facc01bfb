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

	// Fixed.
	srv   *Server
	conn  *websocket.Conn
	quiet *quietConn // under conn

	pace *pace // owned by run; nil: the socket is spared
	held meter // of waiting for what others filled; owned by run
}

var heartbeat = []byte(`{"type":"HEARTBEAT"}`)

const (
	controlWait = time.Second
	lingerBytes = 64 << 20 // read and thrown away at most, so that a close frame is not lost to a reset
)

// newSocket takes over a connection that has just been upgraded. It keeps
// nothing of the request, which is much larger than the socket.
func (s *Server) newSocket(conn *websocket.Conn, quiet *quietConn, r *http.Request, cred credentials, addr netip.Addr) *socket {
	holds := s.registry.holdings(addr)
	c := &socket{
		session: session{
			id: strings.Clone(cred.id), token: sha256.Sum256([]byte(cred.token)), addr: addr, remote: remoteName(r, addr),
			out: outbox{maxFrames: s.cfg.OutboundMessages, maxBytes: s.cfg.OutboundBytes, total: &holds.out}, holds: holds,
		},
		srv: s, conn: conn, quiet: quiet,
	}
	if !s.registry.places.spares(addr) {
		c.pace = new(pace)
	}
	c.wire = c
	conn.SetReadLimit(int64(s.cfg.MaxMessage))
	conn.SetPongHandler(func(string) error {
		c.beat()
		return nil
	})
	conn.SetPingHandler(func(payload string) error {
		c.beat()
		c.pong(payload)
		return nil
	})
	conn.SetCloseHandler(func(code int, _ string) error {
		s.registry.end(&c.session, EndClosed) // first, so that nothing more is sent here
		answer := websocket.FormatCloseMessage(code, "")
		_ = conn.WriteControl(websocket.CloseMessage, answer, time.Now().Add(controlWait))
		return nil
	})
	return c
}

// run serves the socket until it is closed. It begins on a fresh stack, which
// stays small until the peer says something.
func (c *socket) run() {
	defer c.srv.writers.leave()
	why, polite := c.read()
	c.srv.registry.end(&c.session, why)
	c.srv.registry.events.flush()
	if polite {
		c.linger()
	}
	// From here on no writer is started: the id is given up.
	c.srv.registry.stats.drop(DropGone, len(c.out.kill()))
	_ = c.conn.Close()
	c.srv.registry.gone(&c.session, why, c.srv.now())
}

// admit asks for the id, or says why it is refused and begins to close.
func (c *socket) admit(cred credentials) {
	why := c.judge(cred)
	if why == "" {
		c.srv.registry.events.flush()
		return
	}
	c.srv.registry.stats.refused[why].Add(1)
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
	case cred.key != c.srv.cfg.Key:
		return RefusedKey
	}
	v := c.srv.registry.admit(&c.session, proof{}, c.srv.now())
	if v.needProof {
		expiry, err := c.srv.hooks.Proof(cred.id, cred.token)
		v = c.srv.registry.admit(&c.session, proof{checked: true, valid: err == nil, expiry: expiry}, c.srv.now())
	}
	return v.refusal
}

// read handles what the peer sends until the connection ends. polite is
// whether a close frame of ours is under way that the peer should get to read.
func (c *socket) read() (why End, polite bool) {
	for {
		err := c.quiet.await(c.beat)
		if err == nil {
			err = c.readMessage()
		}
		if err != nil {
			return endOf(err)
		}
	}
}

func (c *socket) readMessage() error {
	kind, r, err := c.conn.NextReader()
	if err != nil {
		return err
	}
	in := c.srv.buffers.Get().(*spender)
	c.began.Store(int64(max(1, c.srv.now()))) // 0 is for none
	err = in.take(r, &c.holds.in, c.srv.cfg.MaxMessage)
	c.began.Store(0)
	if err == nil {
		c.handle(kind, in.buf)
	}
	in.give()
	c.srv.buffers.Put(in)
	if errors.Is(err, errOverBudget) {
		c.srv.registry.end(&c.session, EndCrowded)
		c.close(websocket.ClosePolicyViolation)
	}
	return err
}

// handle takes one message. It keeps nothing of data.
func (c *socket) handle(kind int, data []byte) {
	if bytes.Equal(data, heartbeat) { // hundreds a second from a simple-peerjs client
		c.beat()
		return
	}
	if !utf8.Valid(data) {
		if kind == websocket.TextMessage {
			c.srv.registry.end(&c.session, EndNotUTF8)
			c.close(websocket.CloseInvalidFramePayloadData)
			return
		}
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	in, err := parse(data)
	if !c.keepsPace(in.typ, len(data), err != nil) {
		return
	}
	if err != nil {
		c.srv.registry.stats.drop(DropMalformed, 1)
		return
	}
	now := c.srv.now()
	c.touch(now)
	if l, ok := c.srv.registry.letterOf(&c.session, in); ok {
		c.pass(l, now)
	}
}

// endOf names the end that a read error means.
func endOf(err error) (why End, polite bool) {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		if closed.Code == websocket.CloseAbnormalClosure {
			return EndLost, false
		}
		return EndClosed, false
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return EndLost, false
	}
	if errors.Is(err, errOverBudget) {
		return EndCrowded, true
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return EndTooLarge, true
	}
	return EndProtocol, true
}

// linger reads on after a close frame of ours, for a moment: closing with
// unread data would reset the connection, and the peer would not see why.
func (c *socket) linger() {
	nc := c.conn.NetConn()
	_ = nc.SetReadDeadline(time.Now().Add(c.srv.cfg.CloseTimeout))
	_, _ = io.CopyN(io.Discard, nc, lingerBytes)
}

// wake finds a writer. It is only called while run is at work.
func (c *socket) wake() { c.srv.writers.hand(c) }

// abort makes run end.
func (c *socket) abort() { _ = c.conn.NetConn().SetReadDeadline(time.Unix(1, 0)) }

// write writes what there is to write.
func (c *socket) write() {
	for {
		it, ok := c.out.next()
		if !ok {
			return
		}
		if err := c.writeItem(it); err != nil {
			c.writeFailed(it, err)
			return
		}
	}
}

func (c *socket) writeItem(it item) error {
	if it.kind == itemMessage { // quietConn sees to the deadline
		return c.conn.WriteMessage(websocket.TextMessage, it.data)
	}
	deadline := time.Now().Add(c.srv.cfg.WriteTimeout)
	switch it.kind {
	case itemPing:
		return c.conn.WriteControl(websocket.PingMessage, nil, deadline)
	case itemPong:
		return c.conn.WriteControl(websocket.PongMessage, it.data, deadline)
	}
	// The peer may take its time to answer the close frame, but not for ever.
	defer func() { _ = c.conn.NetConn().SetReadDeadline(time.Now().Add(c.srv.cfg.CloseTimeout)) }()
	payload := []byte{}
	if it.code != 0 {
		payload = websocket.FormatCloseMessage(it.code, "")
	}
	return c.conn.WriteControl(websocket.CloseMessage, payload, deadline)
}

// writeFailed ends the socket after a failed write. Somebody who does not read
// has not left; only a connection that broke is reported to the senders.
func (c *socket) writeFailed(it item, err error) {
	r := c.srv.registry
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, websocket.ErrCloseSent): // run has answered the peer's close frame and will end
		r.stats.drop(DropGone, it.messages())
		return
	case ok && timeout.Timeout():
		r.end(&c.session, EndSlowReader)
		r.stats.drop(DropSlowReader, it.messages()+len(c.out.kill()))
	default:
		r.broken(&c.session, it)
	}
	r.events.flush()
	c.abort()
}
