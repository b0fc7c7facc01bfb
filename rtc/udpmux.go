package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/ice/v2"
)

// A udpMux is the UDP port as the agent of one connection sees it.
type udpMux struct {
	ports *Ports
	count *traffic
}

var _ ice.UDPMux = udpMux{}

// GetListenAddresses returns the addresses to be told to the peer.
func (m udpMux) GetListenAddresses() []net.Addr {
	var list []net.Addr
	for _, a := range m.ports.Advertised() {
		list = append(list, net.UDPAddrFromAddrPort(a))
	}
	return list
}

// GetConn returns the agent's part of the socket behind one of these addresses.
func (m udpMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("%T is not a UDP address", addr)
	}
	want := udp.AddrPort()
	want = netip.AddrPortFrom(want.Addr().Unmap(), want.Port())
	m.ports.mu.RLock()
	defer m.ports.mu.RUnlock()
	for _, a := range m.ports.advertised {
		if a.addr == want {
			return a.sock.agent(ufrag, want, m.count)
		}
	}
	return nil, fmt.Errorf("%s is no longer an address of this machine", want)
}

// RemoveConnByUfrag gives up what the agent had.
func (m udpMux) RemoveConnByUfrag(ufrag string) {
	m.ports.mu.RLock()
	sockets := slices.Clone(m.ports.sockets)
	m.ports.mu.RUnlock()
	for _, s := range sockets {
		s.mu.RLock()
		c := s.agents[ufrag]
		s.mu.RUnlock()
		if c != nil {
			c.Close()
		}
	}
}

// Close does nothing: the port is not the connection's.
func (m udpMux) Close() error { return nil }
