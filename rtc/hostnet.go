package rtc

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/pion/transport/v2"
	"github.com/pion/transport/v2/stdnet"
)

// A hostNet is the network of one connection that has sockets of its own. It
// counts their datagrams and spares pion the scan of the interfaces.
type hostNet struct {
	*stdnet.Net
	interfaces *interfaces
	count      *traffic
}

var _ transport.Net = hostNet{}

func (n hostNet) Interfaces() ([]*transport.Interface, error) { return n.interfaces.all() }

// ListenUDP opens a socket whose datagrams are counted.
func (n hostNet) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	return &ownSocket{UDPConn: conn, count: n.count}, nil
}

// An ownSocket is the socket of a single connection.
type ownSocket struct {
	*net.UDPConn
	count *traffic
}

// ReadFrom reads on after what the network reports about one packet, which
// pion would take for the end of the candidate.
func (s *ownSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for range maxReadErrors {
		n, from, err := s.UDPConn.ReadFrom(b)
		if err == nil && !s.count.takes() {
			continue
		}
		if err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return n, from, err // pion sets a deadline in the past to end a read
		}
	}
	return 0, nil, net.ErrClosed
}

// maxReadErrors are the errors in a row after which a socket is given up.
const maxReadErrors = 1000

func (s *ownSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.count.Add(1)
	return s.UDPConn.WriteTo(b, to)
}

// An advertisedNet is the network of accepted connections, which have no
// sockets of their own: its only use is to name the addresses for ICE over TCP.
type advertisedNet struct {
	*stdnet.Net
	addrs []netip.Addr
}

var _ transport.Net = advertisedNet{}

func (n advertisedNet) Interfaces() ([]*transport.Interface, error) {
	ifc := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "advertised", Flags: net.FlagUp})
	for _, a := range n.addrs {
		ifc.AddAddress(&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())})
	}
	return []*transport.Interface{ifc}, nil
}
