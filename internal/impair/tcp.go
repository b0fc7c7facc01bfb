package impair

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Direction is that of bytes on a TCP line.
type Direction int

// The directions.
const (
	Up   Direction = iota // to the server
	Down                  // to the client
)

const dialTimeout = 5 * time.Second

// A TCP is a line of TCP connections to one server.
type TCP struct {
	ln *net.TCPListener // fixed
	wg sync.WaitGroup

	mu     sync.Mutex
	target string         // guarded by mu
	pipes  map[*pipe]bool // guarded by mu; not severed
	conns  []net.Conn     // guarded by mu; all there were, for the end
	stall  *Stall         // guarded by mu; of the next connection
	stalls []*Stall       // guarded by mu; all there were, for the end
	closed bool           // guarded by mu
}

// A Stall lets so many bytes of one direction of one connection pass and then
// nothing, until it is lifted. Both ends then see a slow peer, no more.
type Stall struct {
	Direction Direction
	After     int64 // bytes

	reached chan struct{} // closed when After have passed
	lifted  chan struct{}
	once    sync.Once
}

// Reached is closed when After bytes have passed.
func (s *Stall) Reached() <-chan struct{} { return s.reached }

// Lift lets pass what waits.
func (s *Stall) Lift() { s.once.Do(func() { close(s.lifted) }) }

// ListenTCP opens a line at addr. Connections go where [TCP.Aim] says.
func ListenTCP(addr string) (*TCP, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("impair: %w", err)
	}
	return &TCP{ln: ln.(*net.TCPListener), pipes: map[*pipe]bool{}}, nil
}

// Addr is where clients connect.
func (l *TCP) Addr() string { return l.ln.Addr().String() }

// Aim sets where new connections go.
func (l *TCP) Aim(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Stall has the next connection that comes be held up.
func (l *TCP) Stall(d Direction, after int64) *Stall {
	s := &Stall{Direction: d, After: after, reached: make(chan struct{}), lifted: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall = s
	l.stalls = append(l.stalls, s)
	return s
}

// Sever has all present connections carry nothing any more, not even their end:
// neither side learns that the other has gone, as behind a gateway that has
// forgotten its table. New connections pass. It returns how many there were.
func (l *TCP) Sever() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.pipes)
	for p := range l.pipes {
		close(p.severed)
		delete(l.pipes, p)
	}
	return n
}

// Reset ends all present connections with RST to both sides, and returns how
// many there were.
func (l *TCP) Reset() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.pipes)
	for p := range l.pipes {
		close(p.severed) // so that neither side is told of an ordinary end first
		_ = p.near.SetLinger(0)
		_ = p.far.SetLinger(0)
		p.near.Close()
		p.far.Close()
		delete(l.pipes, p)
	}
	return n
}

// Run carries connections until ctx ends, which closes the line and all of them.
func (l *TCP) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	err := l.accept(ctx)
	l.close()
	l.wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (l *TCP) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.ln.Close()
	for _, c := range l.conns {
		c.Close()
	}
	for _, s := range l.stalls {
		s.Lift()
	}
}

func (l *TCP) accept(ctx context.Context) error {
	for {
		near, err := l.ln.AcceptTCP()
		if err != nil {
			return fmt.Errorf("impair: %w", err)
		}
		target, stall, ok := l.begin(near)
		if !ok {
			return nil
		}
		l.wg.Go(func() { l.carry(ctx, near, target, stall) })
	}
}

// begin registers a connection that has come.
func (l *TCP) begin(near *net.TCPConn) (target string, stall *Stall, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		near.Close()
		return "", nil, false
	}
	l.conns = append(l.conns, near)
	target, stall, l.stall = l.target, l.stall, nil
	return target, stall, true
}

func (l *TCP) carry(ctx context.Context, near *net.TCPConn, target string, stall *Stall) {
	dialer := net.Dialer{Timeout: dialTimeout}
	far, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		_ = near.SetLinger(0) // as the server itself would refuse
		near.Close()
		return
	}
	p := &pipe{near: near, far: far.(*net.TCPConn), stall: stall, severed: make(chan struct{})}
	if !l.join(p) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(p.far, p.near, Up) })
	both.Go(func() { p.copy(p.near, p.far, Down) })
	both.Wait()
	l.leave(p)
}

func (l *TCP) join(p *pipe) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		p.near.Close()
		p.far.Close()
		return false
	}
	l.conns = append(l.conns, p.far)
	l.pipes[p] = true
	return true
}

// leave closes a pipe that has ended; a severed one keeps its sockets open.
func (l *TCP) leave(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pipes[p] {
		delete(l.pipes, p)
		p.near.Close()
		p.far.Close()
	}
}
