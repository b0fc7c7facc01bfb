package impair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

const (
	flowLimit   = 256  // clients of a line
	onTheWay    = 8192 // datagrams of a direction
	datagramMax = 64 << 10
)

// A UDP is a line between clients, which send to its address, and one server,
// which sees each client at a port of the line.
type UDP struct {
	conn   *net.UDPConn   // fixed; the clients' side
	target netip.AddrPort // fixed
	up     *way           // fixed; to the server
	down   *way           // fixed; to the clients

	wg sync.WaitGroup

	mu     sync.Mutex
	flows  map[netip.AddrPort]*flow // guarded by mu; by the client's address
	closed bool                     // guarded by mu
}

// A way is one direction of a line.
type way struct {
	queue *queue // fixed

	mu      sync.Mutex
	weather Weather    // guarded by mu
	chance  *rand.Rand // guarded by mu
	counts  Counts     // guarded by mu
}

// Counts are the datagrams of one direction so far.
type Counts struct {
	Came, Lost, Doubled, Held int
	Dropped                   int // for want of room: a test that counts on none checks that it is zero
}

// A flow is one client, as the server sees it.
type flow struct {
	client netip.AddrPort
	conn   *net.UDPConn
}

// ListenUDP opens a line at addr to a server at target. It carries nothing
// before [UDP.Run]. The same seed gives the same chances.
func ListenUDP(addr, target string, seed uint64) (*UDP, error) {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return nil, fmt.Errorf("impair: target: %w", err)
	}
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("impair: %w", err)
	}
	conn, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("impair: %w", err)
	}
	return &UDP{
		conn: conn, target: to, flows: map[netip.AddrPort]*flow{},
		up: newWay(seed, 1), down: newWay(seed, 2),
	}, nil
}

func newWay(seed, which uint64) *way {
	return &way{queue: newQueue(onTheWay), chance: rand.New(rand.NewPCG(seed, which))}
}

// Addr is where clients send to.
func (u *UDP) Addr() netip.AddrPort { return u.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Set has the weather change, towards the server and towards the clients.
func (u *UDP) Set(up, down Weather) error {
	if err := errors.Join(up.Validate(), down.Validate()); err != nil {
		return err
	}
	u.up.set(up)
	u.down.set(down)
	return nil
}

// Counts says what became of the datagrams of each direction.
func (u *UDP) Counts() (up, down Counts) { return u.up.count(), u.down.count() }

// Run carries datagrams until ctx ends, which closes the line.
func (u *UDP) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, u.close)
	defer stop()
	u.wg.Go(func() { u.up.queue.run(ctx) })
	u.wg.Go(func() { u.down.queue.run(ctx) })
	err := u.read()
	over := ctx.Err() != nil
	cancel()
	u.close()
	u.wg.Wait()
	if over {
		return nil
	}
	return err
}

// Rebind gives each client another port towards the server; the old ones take
// nothing any more. It returns how many clients there were.
func (u *UDP) Rebind() (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for client, old := range u.flows {
		fresh, err := u.open(client)
		if err != nil {
			return 0, err
		}
		u.flows[client] = fresh
		old.conn.Close()
	}
	return len(u.flows), nil
}

func (u *UDP) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	u.conn.Close()
	for _, f := range u.flows {
		f.conn.Close()
	}
}

// read takes what clients send.
func (u *UDP) read() error {
	buf := make([]byte, datagramMax)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return fmt.Errorf("impair: %w", err)
		}
		datagram := bytes.Clone(buf[:n])
		u.up.send(func() { u.toServer(from, datagram) })
	}
}

func (u *UDP) toServer(client netip.AddrPort, datagram []byte) {
	if f := u.flow(client); f != nil {
		_, _ = f.conn.WriteToUDPAddrPort(datagram, u.target) // lost, as datagrams are
	}
}

// flow returns that of a client, which it opens for a new one; nil if there is
// no room for another.
func (u *UDP) flow(client netip.AddrPort) *flow {
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.flows[client]
	if f != nil || len(u.flows) >= flowLimit {
		return f
	}
	f, err := u.open(client)
	if err != nil {
		return nil
	}
	u.flows[client] = f
	return f
}

// open begins a flow. The caller holds mu.
func (u *UDP) open(client netip.AddrPort) (*flow, error) {
	if u.closed {
		return nil, net.ErrClosed
	}
	network := "udp4"
	if u.target.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, fmt.Errorf("impair: %w", err)
	}
	f := &flow{client: client, conn: conn}
	u.wg.Go(func() { u.readFrom(f) })
	return f, nil
}

// readFrom takes what the server sends to one client.
func (u *UDP) readFrom(f *flow) {
	buf := make([]byte, datagramMax)
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if from != u.target { // a stranger
			continue
		}
		datagram := bytes.Clone(buf[:n])
		u.down.send(func() { _, _ = u.conn.WriteToUDPAddrPort(datagram, f.client) })
	}
}

func (w *way) set(weather Weather) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.weather = weather
}

func (w *way) count() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// send has deliver called for each copy of a datagram that arrives.
func (w *way) send(deliver func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	copies := w.weather.fate(w.chance)
	w.counts.Came++
	switch len(copies) {
	case 0:
		w.counts.Lost++
	case 2:
		w.counts.Doubled++
	}
	for _, c := range copies {
		if c.held {
			w.counts.Held++
		}
		if !w.queue.put(c, deliver) {
			w.counts.Dropped++
		}
	}
}
