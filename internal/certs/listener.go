package certs

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// What is read at most of a plain request, and for how long, so that the answer
// arrives: closing a connection with unread bytes resets it.
const (
	maxPlain  = 64 << 10
	plainTime = time.Second
)

// NewListener returns a listener that speaks TLS on the connections of l. Who
// sends it HTTP in the clear gets status 400 and the text advice, in place of
// a remark of net/http that names no remedy.
func NewListener(l net.Listener, cfg *tls.Config, advice string) net.Listener {
	return tls.NewListener(frankListener{l, advice}, cfg)
}

type frankListener struct {
	net.Listener
	advice string
}

func (l frankListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &frankConn{Conn: c, advice: l.advice}, nil
}

// A frankConn is below TLS. Net/http answers on it, and not through TLS, where
// a client's first bytes are a plain HTTP request; nothing else writes before
// the client has said hello.
type frankConn struct {
	net.Conn
	advice string

	// Owned by the handshake.
	heard bool // the first byte is known
	plain bool // it is not that of TLS but a letter
}

// NetConn returns the connection below, as that of [tls.Conn] does, to those who
// set how much the system keeps of it.
func (c *frankConn) NetConn() net.Conn { return c.Conn }

func (c *frankConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard {
		c.heard, c.plain = true, p[0] >= 'A' && p[0] <= 'Z'
	}
	return n, err
}

func (c *frankConn) Write(p []byte) (int, error) {
	if !c.plain {
		return c.Conn.Write(p)
	}
	_, err := fmt.Fprintf(c.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Access-Control-Allow-Origin: *\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(c.advice), c.advice)
	if err == nil {
		c.drain()
	}
	return len(p), err
}

// drain reads what the client still sends after the answer, within limits.
func (c *frankConn) drain() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(plainTime))
	_, _ = io.CopyN(io.Discard, c.Conn, maxPlain)
}
