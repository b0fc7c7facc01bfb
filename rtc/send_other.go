//go:build !unix

package rtc

import (
	"errors"
	"net"
	"net/netip"
)

var errSendBufferFull = errors.New("the socket's send buffer is full")

// A sender sends datagrams. Here it may wait for the kernel.
type sender struct{ conn *net.UDPConn }

func newSender(conn *net.UDPConn) (sender, error) { return sender{conn}, nil }

func (sn sender) send(b []byte, dst netip.AddrPort) error {
	_, err := sn.conn.WriteToUDPAddrPort(b, dst)
	return err
}

func (sender) sendSegments([]byte, int, netip.AddrPort) error { return errors.ErrUnsupported }

func bufferSizes(*net.UDPConn) (receive, send int, err error) {
	return 0, 0, errors.ErrUnsupported
}
