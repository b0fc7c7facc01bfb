package rtc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxRoutes is from how many addresses one candidate of ours takes packets. A
// client has a few; each that proves itself is kept by pion for the session.
const maxRoutes = 64

// A udpSocket is one UDP socket on one address of this machine, shared by all
// accepted sessions.
//
// Who gets a packet: a STUN request goes to the agent whose user fragment it
// names. Everything else goes by the sender's address. An address belongs to
// the agent that last answered a STUN request from it with success, for that
// means that the sender knew the agent's password. Before anybody has, it
// belongs to the first agent that sent something there: so a stranger cannot
// take over another's address by naming it as a candidate.
type udpSocket struct {
	// Fixed after newUDPSocket.
	conn  *net.UDPConn
	send  sender
	local netip.Addr
	drops *drops
	pool  *sync.Pool

	mu     sync.RWMutex
	agents map[string]*udpConn        // by user fragment
	routes map[netip.AddrPort]udpFrom // by remote address
	closed bool
}

// udpFrom is whose packets an address sends, and the address as pion wants it.
type udpFrom struct {
	to   *udpConn
	addr *net.UDPAddr
}

// A udpConn is one agent's part of a udpSocket.
type udpConn struct {
	noDeadlines
	sock  *udpSocket
	ufrag string
	own   *net.UDPAddr
	count *traffic // datagrams in and out
	in    *queue
	out   gatherer

	routes int // guarded by sock.mu
}

func newUDPSocket(conn *net.UDPConn, drops *drops, pool *sync.Pool) (*udpSocket, error) {
	send, err := newSender(conn)
	if err != nil {
		return nil, err
	}
	own := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &udpSocket{
		conn: conn, send: send, local: own.Addr().Unmap(), drops: drops, pool: pool,
		agents: make(map[string]*udpConn), routes: make(map[netip.AddrPort]udpFrom),
	}, nil
}

// read hands packets out until the socket is closed. What the network reports
// about one packet, such as an unreachable port, is no reason to stop.
func (s *udpSocket) read(ctx context.Context) {
	buf := make([]byte, maxDatagram)
	for pause := time.Duration(0); ; {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			pause = 0
			s.deliver(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
			continue
		case errors.Is(err, net.ErrClosed), ctx.Err() != nil:
			return
		}
		s.drops.readErrors.Add(1)
		select { // an error that stays must not become a busy loop
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause+time.Millisecond, time.Second)
	}
}

// deliver gives one packet to its agent.
func (s *udpSocket) deliver(b []byte, from netip.AddrPort) {
	to, addr := s.receiver(b, from)
	if to == nil {
		s.drops.strangers.Add(1)
		return
	}
	if to.count.takes() && !to.in.push(b, addr) {
		s.drops.overflow.Add(1)
	}
}

func (s *udpSocket) receiver(b []byte, from netip.AddrPort) (*udpConn, *net.UDPAddr) {
	ufrag, named := localUfrag(b)
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.routes[from]
	if !named {
		return r.to, r.addr
	}
	to := s.agents[string(ufrag)]
	if to == nil || to != r.to && to.routes >= maxRoutes {
		return nil, nil
	}
	if r.addr == nil {
		return to, net.UDPAddrFromAddrPort(from)
	}
	return to, r.addr
}

// agent returns the part of the agent with that user fragment.
func (s *udpSocket) agent(ufrag string, own netip.AddrPort, count *traffic) (*udpConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, net.ErrClosed
	case s.agents[ufrag] != nil: // 95 bits of chance; pion never asks twice
		return nil, errors.New("user fragment is in use")
	}
	c := &udpConn{sock: s, ufrag: ufrag, own: net.UDPAddrFromAddrPort(own), count: count, in: newQueue(s.pool), out: gatherer{sock: s}}
	s.agents[ufrag] = c
	return c, nil
}

// close ends the socket and every agent's part of it.
func (s *udpSocket) close() {
	s.mu.Lock()
	s.closed = true
	var agents []*udpConn
	for _, c := range s.agents {
		agents = append(agents, c)
	}
	s.mu.Unlock()
	for _, c := range agents {
		c.Close()
	}
	s.conn.Close()
}

// ReadFrom waits for a packet of this agent.
func (c *udpConn) ReadFrom(b []byte) (int, net.Addr, error) { return c.in.pop(b) }

// WriteTo sends a packet, or drops it when the socket's buffer is full: one
// network that does not keep up must not hold up every session.
func (c *udpConn) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "not a UDP address", Addr: to.String()}
	}
	dst := udp.AddrPort()
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
	c.claim(b, dst)
	c.count.Add(1)
	err := c.out.write(b, dst)
	if errors.Is(err, errSendBufferFull) {
		c.sock.drops.sendFull.Add(1)
		return len(b), nil // lost, as on the way
	}
	return len(b), err
}

// claim makes dst's packets ours if this packet entitles us to them.
func (c *udpConn) claim(b []byte, dst netip.AddrPort) {
	s := c.sock
	s.mu.RLock()
	owner := s.routes[dst].to
	s.mu.RUnlock()
	if owner == c || owner != nil && !(isSTUN(b) && stunType(b) == stunSuccess) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[c.ufrag] != c || c.routes >= maxRoutes {
		return
	}
	old := s.routes[dst]
	switch {
	case old.to == c:
		return
	case old.to != nil:
		old.to.routes--
	}
	s.routes[dst] = udpFrom{to: c, addr: net.UDPAddrFromAddrPort(dst)}
	c.routes++
}

// LocalAddr returns the address as peers are told it.
func (c *udpConn) LocalAddr() net.Addr { return c.own }

// Close gives the agent's addresses up and ends its ReadFrom.
func (c *udpConn) Close() error {
	c.out.close()
	if !c.in.close() {
		return nil
	}
	s := c.sock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[c.ufrag] == c {
		delete(s.agents, c.ufrag)
	}
	if c.routes > 0 {
		for from, r := range s.routes {
			if r.to == c {
				delete(s.routes, from)
			}
		}
	}
	return nil
}
