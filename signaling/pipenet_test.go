package signaling_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// pipes is a network inside a synctest bubble: time passes only when everybody
// waits, so the tests that use it take none and are exact.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

// pipeNet is a Server on such a network.
type pipeNet struct {
	*signaling.Server
	*pipes
	stop func() // ends Run and waits for it
}

// pipeEnd is the server's end of a connection.
type pipeEnd struct {
	net.Conn
	remote net.Addr
	broken atomic.Bool   // writes fail
	held   chan struct{} // nil, or upgrading waits until it is closed; fixed before a request is made
}

// SetDeadline is called by an upgrade, to undo what the HTTP server has set.
func (e *pipeEnd) SetDeadline(at time.Time) error {
	if at.IsZero() && e.held != nil {
		<-e.held
	}
	return e.Conn.SetDeadline(at)
}

func (e *pipeEnd) RemoteAddr() net.Addr { return e.remote }

func (e *pipeEnd) Write(p []byte) (int, error) {
	if e.broken.Load() {
		return 0, &net.OpError{Op: "write", Err: syscall.ECONNRESET}
	}
	return e.Conn.Write(p)
}

func (n *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipes) Close() error   { close(n.done); return nil }
func (n *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// connect opens a connection that the server sees coming from addr.
func (n *pipes) connect(addr string) (net.Conn, *pipeEnd) {
	ours, theirs := net.Pipe()
	end := &pipeEnd{Conn: theirs, remote: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
	n.conns <- end
	return ours, end
}

func startPipeNet(t *testing.T, hooks signaling.Hooks, change func(*signaling.Config)) *pipeNet {
	t.Helper()
	cfg := signaling.DefaultConfig()
	cfg.Path, cfg.Key = "/", "peerjs"
	if change != nil {
		change(&cfg)
	}
	s, err := signaling.NewServer(cfg, hooks, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	n := &pipeNet{Server: s, pipes: servePipes(t, s)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// servePipes serves h until the bubble ends.
func servePipes(t *testing.T, h http.Handler) *pipes {
	n := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	t.Cleanup(servePipesOn(n, h))
	return n
}

// servePipesOn serves h on n until stop is called.
func servePipesOn(n *pipes, h http.Handler) (stop func()) {
	web := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		_ = web.Serve(n)
		close(served)
	}()
	return func() {
		_ = web.Close()
		<-served
	}
}

// heard is a frame and when it came, counted from the peer's start.
type heard struct {
	at    time.Duration
	frame string
}

// listener is a raw WebSocket that reads all the time.
type listener struct {
	t     *testing.T
	conn  *websocket.Conn
	end   *pipeEnd
	start time.Time

	mu     sync.Mutex
	frames []heard // guarded by mu
	closed *heard  // guarded by mu
	code   int     // guarded by mu
}

// listen opens a WebSocket as id. Pings are answered only if pongs is true.
func (n *pipeNet) listen(t *testing.T, id, token, addr string, pongs bool) *listener {
	t.Helper()
	l := n.open(t, id, token, addr)
	if !pongs {
		l.conn.SetPingHandler(func(string) error { return nil })
	}
	go l.read()
	synctest.Wait()
	return l
}

// upgrading begins to open a WebSocket, which comes to no end before the test does.
func (n *pipeNet) upgrading(t *testing.T, addr string) {
	t.Helper()
	conn, end := n.connect(addr)
	end.held = make(chan struct{})
	t.Cleanup(func() {
		close(end.held)
		conn.Close()
	})
	fmt.Fprintf(conn, "GET /peerjs?key=peerjs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	synctest.Wait()
}

// open opens a WebSocket as id that nobody reads.
func (n *pipeNet) open(t *testing.T, id, token, addr string) *listener {
	t.Helper()
	l := &listener{t: t, start: time.Now()}
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		conn, end := n.connect(addr)
		l.end = end
		return conn, nil
	}}
	conn, _, err := d.Dial("ws://pipe/peerjs?"+url.Values{"key": {"peerjs"}, "id": {id}, "token": {token}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l.conn = conn
	return l
}

func (l *listener) read() {
	for {
		_, data, err := l.conn.ReadMessage()
		l.mu.Lock()
		if err != nil {
			l.closed = &heard{at: time.Since(l.start)}
			if c, ok := errors.AsType[*websocket.CloseError](err); ok {
				l.code = c.Code
			}
			l.mu.Unlock()
			return
		}
		l.frames = append(l.frames, heard{time.Since(l.start), string(data)})
		l.mu.Unlock()
	}
}

func (l *listener) send(frame string) {
	l.t.Helper()
	if err := l.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		l.t.Fatal(err)
	}
	synctest.Wait()
}

// heard returns what came since the last call.
func (l *listener) heard() []heard {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	frames := l.frames
	l.frames = nil
	return frames
}

func (l *listener) expect(want ...string) {
	l.t.Helper()
	var got []string
	for _, h := range l.heard() {
		got = append(got, h.frame)
	}
	if !slices.Equal(got, want) {
		l.t.Fatalf("heard %q, want %q", got, want)
	}
}

// closedAt returns when and with which code the connection ended.
func (l *listener) closedAt() (at time.Duration, code int, ok bool) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil {
		return 0, 0, false
	}
	return l.closed.at, l.code, true
}

const (
	here  = "192.0.2.1:1000"
	there = "192.0.2.2:2000"
)

// dialer returns a dial function for connections from addr.
func (n *pipes) dialer(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		conn, _ := n.connect(addr)
		return conn, nil
	}
}
