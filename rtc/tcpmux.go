package rtc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v2"
)

// TCPLimits bound what strangers can hold of the TCP port.
type TCPLimits struct {
	Conns      int           // connections in all; more are closed at once
	PerAddress int           // connections of one address (of one /64 in IPv6)
	FirstCheck time.Duration // until a connection has shown a session's password
	Idle       time.Duration // between two packets of a session; ICE sends some every few seconds
}

// DefaultTCPLimits returns the limits documented in docs/protocol.md.
func DefaultTCPLimits() TCPLimits {
	return TCPLimits{Conns: 4096, PerAddress: 64, FirstCheck: 10 * time.Second, Idle: 30 * time.Second}
}

// A tcpPort accepts connections and gives each to the agent whose user fragment
// its first STUN request names. Frames are those of RFC 4571.
type tcpPort struct {
	// Fixed after openTCP.
	ports    *Ports
	limits   TCPLimits
	listener net.Listener
	host     string
	port     uint16
	external []netip.AddrPort

	mu     sync.Mutex
	closed bool
	agents map[string][]*tcpConn // by user fragment, one for each address told
	links  map[*tcpLink]bool
	perIP  map[netip.Prefix]int
}

func openTCP(p *Ports) (*tcpPort, error) {
	t := &tcpPort{
		ports: p, limits: p.cfg.TCPLimits,
		agents: make(map[string][]*tcpConn), links: make(map[*tcpLink]bool), perIP: make(map[netip.Prefix]int),
	}
	if t.limits == (TCPLimits{}) {
		t.limits = DefaultTCPLimits()
	}
	var err error
	if t.host, _, err = splitAddr(p.cfg.TCP); err != nil {
		return nil, fmt.Errorf("rtc: TCP address: %w", err)
	}
	if t.external, err = parseExternal(p.cfg.TCPExternal); err != nil {
		return nil, fmt.Errorf("rtc: %w", err)
	}
	if t.external == nil {
		for _, e := range p.external {
			t.external = append(t.external, netip.AddrPortFrom(e.Addr(), 0))
		}
	}
	if t.listener, err = net.Listen("tcp", p.cfg.TCP); err != nil {
		hint := ""
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = " (is another process using the port?)"
		}
		return nil, fmt.Errorf("listen on TCP %s: %w%s", p.cfg.TCP, errors.Unwrap(err), hint)
	}
	t.port = t.listener.Addr().(*net.TCPAddr).AddrPort().Port()
	return t, nil
}

// advertised returns the addresses of the TCP port that peers are told.
func (t *tcpPort) advertised() []netip.AddrPort {
	locals, err := t.ports.locals(t.host)
	if err != nil {
		return nil
	}
	var list []netip.AddrPort
	for _, a := range locals {
		if !slices.ContainsFunc(t.external, func(e netip.AddrPort) bool { return sameFamily(e.Addr(), a) }) {
			list = append(list, netip.AddrPortFrom(a, t.port))
		}
	}
	for _, e := range t.external {
		if t.ports.inFamily(e.Addr()) && slices.ContainsFunc(locals, func(a netip.Addr) bool { return sameFamily(e.Addr(), a) }) {
			list = append(list, withPort(e, t.port))
		}
	}
	return list
}

// withPort returns a, with that port if it has none.
func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	if a.Port() != 0 {
		return a
	}
	return netip.AddrPortFrom(a.Addr(), port)
}

// accept serves the port until it is closed. When it returns no connection is
// left.
func (t *tcpPort) accept(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for pause := time.Duration(0); ; {
		conn, err := t.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			if l := t.admit(conn.(*net.TCPConn)); l != nil {
				wg.Go(l.serve)
			}
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		t.ports.warnOnce("accept", "TCP connections cannot be accepted", "err", err)
		select { // out of descriptors, most likely
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause+5*time.Millisecond, time.Second)
	}
}

// admit registers a connection unless a limit is reached.
func (t *tcpPort) admit(conn *net.TCPConn) *tcpLink {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	l := newTCPLink(t, conn, from.Addr().Unmap())
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.links) >= t.limits.Conns || t.perIP[l.network] >= t.limits.PerAddress {
		t.ports.drops.tcpRefused.Add(1)
		conn.Close()
		return nil
	}
	t.links[l] = true
	t.perIP[l.network]++
	return l
}

// forget gives the place of a connection back.
func (t *tcpPort) forget(l *tcpLink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, l)
	if t.perIP[l.network]--; t.perIP[l.network] <= 0 {
		delete(t.perIP, l.network)
	}
	if l.agent != nil && l.agent.links[l.remote.String()] == l {
		delete(l.agent.links, l.remote.String())
	}
}

// assign gives l to the agent with that user fragment.
func (t *tcpPort) assign(l *tcpLink, ufrag string) *tcpConn {
	local := l.conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	t.mu.Lock()
	defer t.mu.Unlock()
	var agent *tcpConn
	for _, a := range t.agents[ufrag] {
		if own := a.own.AddrPort().Addr().Unmap(); own == local || agent == nil && sameFamily(own, local) {
			agent = a
		}
	}
	if agent == nil || len(agent.links) >= maxLinks {
		return nil
	}
	agent.links[l.remote.String()] = l
	l.agent = agent
	return agent
}

// maxLinks is how many TCP connections one agent may have.
const maxLinks = 8

// close ends the port and its connections.
func (t *tcpPort) close() {
	t.mu.Lock()
	t.closed = true
	var agents []*tcpConn
	for _, list := range t.agents {
		agents = append(agents, list...)
	}
	for l := range t.links {
		l.conn.Close()
	}
	t.mu.Unlock()
	t.listener.Close()
	for _, a := range agents {
		a.Close()
	}
}

// A tcpMux is the TCP port as the agent of one connection sees it.
type tcpMux struct {
	port  *tcpPort
	count *traffic
}

var _ ice.TCPMux = tcpMux{}

// GetConnByUfrag returns the agent's part of the port under one of the
// addresses told to peers.
func (m tcpMux) GetConnByUfrag(ufrag string, _ bool, ip net.IP) (net.PacketConn, error) {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return nil, fmt.Errorf("address %v is not an IP", ip)
	}
	own := netip.AddrPortFrom(addr.Unmap(), m.port.port)
	for _, a := range m.port.advertised() {
		if a.Addr() == addr.Unmap() {
			own = a
		}
	}
	t := m.port
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, net.ErrClosed
	}
	c := &tcpConn{port: t, ufrag: ufrag, own: net.TCPAddrFromAddrPort(own), count: m.count, in: newQueue(t.ports.pool), links: make(map[string]*tcpLink)}
	t.agents[ufrag] = append(t.agents[ufrag], c)
	return c, nil
}

// RemoveConnByUfrag closes what the agent had.
func (m tcpMux) RemoveConnByUfrag(ufrag string) {
	m.port.mu.Lock()
	list := slices.Clone(m.port.agents[ufrag])
	m.port.mu.Unlock()
	for _, c := range list {
		c.Close()
	}
}

// Close does nothing: the port is not the connection's.
func (m tcpMux) Close() error { return nil }

// A tcpConn is one agent's part of the TCP port.
type tcpConn struct {
	noDeadlines
	port  *tcpPort
	ufrag string
	own   *net.TCPAddr
	count *traffic
	in    *queue

	links map[string]*tcpLink // by remote address, guarded by port.mu
}

// ReadFrom waits for a packet of this agent.
func (c *tcpConn) ReadFrom(b []byte) (int, net.Addr, error) { return c.in.pop(b) }

var errNoLink = errors.New("the peer has no TCP connection from there")

// WriteTo queues a packet for the connection from that address, or drops it when
// its peer does not keep up.
func (c *tcpConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.port.mu.Lock()
	l := c.links[to.String()]
	c.port.mu.Unlock()
	if l == nil {
		return 0, errNoLink
	}
	if isSTUN(b) && stunType(b) == stunSuccess {
		l.proven.Store(true)
	}
	c.count.Add(1)
	if !l.enqueue(b) {
		c.port.ports.drops.sendFull.Add(1)
	}
	return len(b), nil
}

// LocalAddr returns the address as peers are told it.
func (c *tcpConn) LocalAddr() net.Addr { return c.own }

// Close closes the agent's connections and ends its ReadFrom.
func (c *tcpConn) Close() error {
	if !c.in.close() {
		return nil
	}
	t := c.port
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range c.links {
		l.conn.Close()
	}
	if list := slices.DeleteFunc(t.agents[c.ufrag], func(o *tcpConn) bool { return o == c }); len(list) > 0 {
		t.agents[c.ufrag] = list
	} else {
		delete(t.agents, c.ufrag)
	}
	return nil
}
