package e2e

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// A relay forwards TCP connections to a target. After sever, those that it had carry nothing any
// more, not even their end: neither side learns that the other has gone, as behind a gateway that
// has forgotten its table. New connections pass.
type relay struct {
	ln net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	target string         // guarded by mu
	pipes  map[*pipe]bool // guarded by mu
	all    []net.Conn     // guarded by mu: closed at the end of the test
}

// A pipe is one forwarded connection.
type pipe struct {
	near, far *net.TCPConn
	severed   chan struct{} // closed by sever
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{ln: ln, pipes: map[*pipe]bool{}}
	r.wg.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

func (r *relay) url() string { return "http://" + r.ln.Addr().String() }

// aim sets where new connections go.
func (r *relay) aim(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = addr
}

// sever cuts all present connections in silence.
func (r *relay) sever() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.pipes)
	for p := range r.pipes {
		close(p.severed)
		delete(r.pipes, p)
	}
	return n
}

func (r *relay) close() {
	r.ln.Close()
	r.mu.Lock()
	for _, conn := range r.all {
		conn.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *relay) accept() {
	for {
		near, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.carry(near.(*net.TCPConn)) })
	}
}

func (r *relay) carry(near *net.TCPConn) {
	r.mu.Lock()
	target := r.target
	r.all = append(r.all, near)
	r.mu.Unlock()
	conn, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		near.Close()
		return
	}
	p := &pipe{near, conn.(*net.TCPConn), make(chan struct{})}
	r.mu.Lock()
	r.all = append(r.all, conn)
	r.pipes[p] = true
	r.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { p.copy(p.far, p.near) })
	both.Go(func() { p.copy(p.near, p.far) })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipes[p] { // a severed pipe keeps its sockets open
		delete(r.pipes, p)
		p.near.Close()
		p.far.Close()
	}
}

// copy forwards what src sends, its end included, until the pipe is severed; what comes after is
// read, so that src can go on sending, and dropped.
func (p *pipe) copy(dst, src *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		select {
		case <-p.severed:
			if err == nil {
				_, _ = io.Copy(io.Discard, src)
			}
			return
		default:
		}
		if _, werr := dst.Write(buf[:n]); werr != nil || err != nil {
			_ = dst.CloseWrite()
			return
		}
	}
}

// The relay is what the claim rests on that an old connection never ended: it is tested too.
func TestRelay(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := newRelay(t)
	r.aim(ln.Addr().String())

	meet := func() (client, server net.Conn) {
		t.Helper()
		client, err := net.Dial("tcp", r.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err = ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close(); server.Close() })
		pass(t, client, server)
		pass(t, server, client)
		return client, server
	}

	client, server := meet()
	client.Close()
	if err := silence(server); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that was not severed: %v, want its end", err)
	}

	client, server = meet()
	if r.sever() == 0 { // the first connection may be counted still
		t.Error("no connection to sever")
	}
	_, _ = client.Write([]byte("lost"))
	client.Close()
	if err := silence(server); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a severed connection: %v, want nothing at all", err)
	}
	meet()
}

// pass sends a byte from one side to the other.
func pass(t *testing.T, from, to net.Conn) {
	t.Helper()
	if _, err := from.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// silence reads for a moment and returns how that ended.
func silence(conn net.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	return err
}
