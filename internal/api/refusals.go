package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// Listener returns l for a server of a. What net/http refuses with 400 before any
// handler sees it is answered as the data channel answers it: a path with a bad
// escape in the same words, all else that is no HTTP request as a fault. Such a
// connection is then closed, as net/http does.
func (a *API) Listener(l net.Listener) net.Listener { return &listener{l, a} }

type listener struct {
	net.Listener
	api *API
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, api: l.api}, nil
}

// A conn remembers how the request begins that is read now, for net/http does
// not tell what it refuses.
type conn struct {
	net.Conn
	api *API

	mu       sync.Mutex // net/http reads ahead while a handler writes
	begin    []byte     // guarded by mu: what came since the last answer, up to maxBegin
	answered bool       // guarded by mu: what comes next is another request
}

// maxBegin is how much of a request is remembered: a line with the longest url
// that there may be, whose host may be named, too.
const maxBegin = 2 << 10

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.answered {
		c.begin, c.answered = c.begin[:0], false
	}
	if len(c.begin) < maxBegin && !lineEnds(c.begin) {
		c.begin = append(c.begin, p[:min(n, maxBegin-len(c.begin))]...)
	}
	return n, err
}

// lineEnds reports whether the line is whole with which begin begins. Empty
// lines before a request count for nothing.
func lineEnds(begin []byte) bool {
	return bytes.IndexByte(bytes.TrimLeft(begin, "\r\n"), '\n') >= 0
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	line, first := "", !c.answered
	c.answered = true
	reason, refused := refusal(p)
	if refused {
		text, _, _ := bytes.Cut(bytes.TrimLeft(c.begin, "\r\n"), []byte("\n"))
		line = strings.TrimSuffix(string(text), "\r")
	}
	c.mu.Unlock()
	if !first || !refused {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(c.api.refuse(line, reason)); err != nil {
		return 0, err
	}
	c.linger()
	return len(p), nil
}

// CloseWrite lets net/http end an answer before it closes the connection.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

const (
	lingerTime = 500 * time.Millisecond
	maxLinger  = 1 << 20 // bytes
)

// linger reads what is still under way, for a while: were it there unread as the
// connection is closed, the system would take the answer back.
func (c *conn) linger() {
	if c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, maxLinger) // whatever ends it, the connection is closed now
	}
}

// refusal reports whether p is all that net/http writes for what it refuses with
// 400 by itself, and its reason, if it tells one.
func refusal(p []byte) (reason string, ok bool) {
	const head, status = "HTTP/1.1 ", "400 Bad Request"
	rest, ok := bytes.CutPrefix(p, []byte(head+status))
	if !ok {
		return "", false
	}
	text, _, ok := bytes.Cut(rest, []byte("\r\n"))
	if !ok || string(p) != head+status+string(text)+"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+status+string(text) {
		return "", false
	}
	return strings.TrimPrefix(string(text), ": "), true
}

// refuse is the whole answer to a request that begins with line.
func (a *API) refuse(line, reason string) []byte {
	method, rest, _ := strings.Cut(line, " ")
	target, _, whole := strings.Cut(rest, " ")
	if reason == "" {
		reason = "its first line or a header cannot be read"
	}
	resp := rpc.Fault(rpc.BadRequest, "not an HTTP request: "+reason)
	if whole {
		if _, fault := a.find(rpc.Request{URL: pathOf(target), Method: method}); fault != nil && fault.Status == http.StatusBadRequest {
			resp = *fault
		}
	}
	text := fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\nContent-Length: %d\r\n"+
		"Content-Type: %s\r\nVary: Accept-Encoding\r\n\r\n", len(resp.Body), jsonType)
	if method == http.MethodHead {
		return text
	}
	return append(text, resp.Body...)
}

// pathOf is the path of a request's target, which may name the host, and its query.
func pathOf(target string) string {
	if path, found := strings.CutPrefix(target, "/"); found {
		return path
	}
	_, rest, _ := strings.Cut(target, "://")
	_, path, _ := strings.Cut(rest, "/")
	return path
}
