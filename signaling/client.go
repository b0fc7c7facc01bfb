package signaling

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Errors that callers of a [Client] branch on.
var (
	ErrClosed   = errors.New("the connection is closed")
	ErrTooLarge = errors.New("the message is too large")
)

// A ServerError is a refusal by the server: Type is ERROR, ID-TAKEN or
// INVALID-KEY.
type ServerError struct{ Type, Msg string }

func (e *ServerError) Error() string { return fmt.Sprintf("the server says %s: %q", e.Type, e.Msg) }

// A Client is one connection to a PeerJS server, from OPEN to its end. It does
// not reconnect. Use [Dial].
//
// One goroutine reads and hands over to Messages; while nobody receives, it
// does not read on. Another writes what Send was given, the heartbeats and the
// pings. Both end with the connection.
type Client struct {
	// Fixed.
	cfg   ClientConfig
	name  string // the server's URL, for errors
	id    string
	token string
	conn  *websocket.Conn
	log   *slog.Logger

	out      chan []byte   // never closed
	messages chan Message  // closed by read
	closing  chan struct{} // closed by Close
	ended    chan struct{} // closed by read
	shut     func()        // closes closing, once
	work     sync.WaitGroup

	mu  sync.Mutex
	err error // why the connection ended; guarded by mu
}

func newClient(cfg ClientConfig, name string, conn *websocket.Conn, log *slog.Logger) *Client {
	c := &Client{
		cfg: cfg, name: name, id: cfg.ID, token: cfg.Token, conn: conn, log: log.With("part", "signaling", "server", name),
		out:      make(chan []byte, cfg.Buffer),
		messages: make(chan Message, cfg.Buffer),
		closing:  make(chan struct{}),
		ended:    make(chan struct{}),
	}
	c.shut = sync.OnceFunc(func() { close(c.closing) })
	conn.SetPongHandler(func(string) error { return c.extend() })
	conn.SetPingHandler(func(payload string) error {
		_ = conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(controlWait)) // a failure shows when writing
		return c.extend()
	})
	c.work.Go(c.read)
	c.work.Go(c.write)
	return c
}

// ID returns the id under which the server knows this peer.
func (c *Client) ID() string { return c.id }

// Token returns the token with which the id can be taken up again.
func (c *Client) Token() string { return c.token }

// Messages returns what arrives, in order. It is closed when the connection
// has ended; then Err says why. A consumer that stops receiving stops the
// connection's reader, and with it the answers to the server's pings.
func (c *Client) Messages() <-chan Message { return c.messages }

// Err returns nil while the connection stands, then why it ended: [ErrClosed]
// after Close or when the server closed in order, a [ServerError] if it said one.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Send hands m to the writer and waits only while too much is waiting to be
// written. Src is not sent: the server knows it.
func (c *Client) Send(ctx context.Context, m Message) error {
	m.Src = ""
	data, err := m.Encode()
	switch {
	case err != nil:
		return err
	case len(data) > c.cfg.MaxMessage:
		return fmt.Errorf("signaling: send %s to %q: %d bytes, at most %d: %w", m.Type, m.Dst, len(data), c.cfg.MaxMessage, ErrTooLarge)
	case c.over():
		return fmt.Errorf("signaling: send %s to %q: %w", m.Type, m.Dst, c.cause())
	}
	select {
	case c.out <- data:
		return nil
	case <-c.ended:
	case <-c.closing:
	case <-ctx.Done():
		return fmt.Errorf("signaling: send %s to %q: %w", m.Type, m.Dst, context.Cause(ctx))
	}
	return fmt.Errorf("signaling: send %s to %q: %w", m.Type, m.Dst, c.cause())
}

// over reports whether the connection has ended or is being closed.
func (c *Client) over() bool { return isDone(c.ended) || c.isClosing() }

func (c *Client) isClosing() bool { return isDone(c.closing) }

func isDone(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (c *Client) cause() error { return cmp.Or(c.Err(), ErrClosed) }

// Leave tells the server that this peer goes for good, then closes.
func (c *Client) Leave(ctx context.Context) error {
	err := c.Send(ctx, Message{Type: TypeLeave})
	return errors.Join(err, c.Close())
}

// Close writes what Send was given, says goodbye, and returns when nothing of
// the connection is running any more. What arrives meanwhile is thrown away.
func (c *Client) Close() error {
	c.shut()
	c.work.Wait()
	return nil
}

// end records why the connection ended, the first reason for good, and makes
// both goroutines end.
func (c *Client) end(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	_ = c.conn.Close()
}

// extend gives the server another PongTimeout. It must be called by read.
func (c *Client) extend() error {
	if c.isClosing() {
		return nil // goodbye has set the last deadline
	}
	err := c.conn.SetReadDeadline(time.Now().Add(c.cfg.PongTimeout))
	if c.isClosing() { // since, so goodbye's deadline may be the one overwritten
		err = c.conn.SetReadDeadline(time.Now().Add(c.cfg.CloseTimeout))
	}
	return err
}

// read hands over what arrives until the connection ends.
func (c *Client) read() {
	defer close(c.messages)
	defer close(c.ended)
	var buf bytes.Buffer
	for {
		m, err := c.next(&buf)
		if err != nil {
			c.end(c.explain(err))
			return
		}
		switch m.Type {
		case "", TypeOpen:
		case TypeError, TypeIDTaken, typeInvalidKey:
			c.end(serverError(m))
			return
		default:
			select {
			case c.messages <- m:
			case <-c.closing:
			}
		}
	}
}

// next reads one message. What is too large or not to be understood comes back
// as the zero Message: a stranger's message must not end the connection.
func (c *Client) next(buf *bytes.Buffer) (Message, error) {
	if err := c.extend(); err != nil {
		return Message{}, err
	}
	_, r, err := c.conn.NextReader()
	if err != nil {
		return Message{}, err
	}
	buf.Reset()
	limit := int64(c.cfg.MaxMessage + envelope)
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return Message{}, err
	case n > limit:
		c.log.Debug("message ignored", "reason", ErrTooLarge)
		*buf = bytes.Buffer{}
		return Message{}, nil
	}
	m, err := ParseMessage(buf.Bytes())
	if err != nil {
		c.log.Debug("message ignored", "reason", err)
		return Message{}, nil
	}
	return m, nil
}

// explain turns a read error into the reason that Err gives.
func (c *Client) explain(err error) error {
	if c.isClosing() {
		return ErrClosed
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("signaling: %s: no sign of life for %v", c.name, c.cfg.PongTimeout)
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok && closed.Code != websocket.CloseAbnormalClosure {
		return fmt.Errorf("signaling: %s: the server closed the connection (code %d): %w", c.name, closed.Code, ErrClosed)
	}
	return fmt.Errorf("signaling: %s: connection lost: %w", c.name, err)
}

var pingPayload = []byte("liberdus")

// write writes until the connection ends or Close is called.
func (c *Client) write() {
	heart := time.NewTicker(c.cfg.Heartbeat)
	defer heart.Stop()
	ping := time.NewTicker(c.cfg.PingInterval)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-c.ended:
			return
		case <-c.closing:
			c.goodbye()
			return
		case data := <-c.out:
			err = c.writeText(data)
		case <-heart.C:
			err = c.writeText(heartbeat)
		case <-ping.C:
			err = c.conn.WriteControl(websocket.PingMessage, pingPayload, time.Now().Add(c.cfg.WriteTimeout))
		}
		if err != nil {
			c.end(fmt.Errorf("signaling: %s: write: %w", c.name, err))
			return
		}
	}
}

func (c *Client) writeText(data []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return err
	}
	return c.conn.WriteMessage(websocket.TextMessage, data)
}

// goodbye writes what is left and a close frame, and gives the server
// CloseTimeout for both and for its answer.
func (c *Client) goodbye() {
	deadline := time.Now().Add(c.cfg.CloseTimeout)
	_ = c.conn.SetReadDeadline(deadline)
	_ = c.conn.SetWriteDeadline(deadline)
	for len(c.out) > 0 {
		if c.conn.WriteMessage(websocket.TextMessage, <-c.out) != nil {
			c.end(ErrClosed)
			return
		}
	}
	normal := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if c.conn.WriteControl(websocket.CloseMessage, normal, deadline) != nil {
		c.end(ErrClosed)
	}
}
