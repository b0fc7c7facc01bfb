//go:build unix

package rtc

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

var errSendBufferFull = errors.New("the socket's send buffer is full")

// A sender sends datagrams without ever waiting: Go would park the caller, and
// every other that sends on the socket behind it, until the kernel has room.
type sender struct {
	raw      syscall.RawConn
	pool     *sync.Pool // of *sending
	segments *segmenter
}

// sending is one send. The function handed to the runtime is made once, so that
// a send allocates nothing.
type sending struct {
	b   []byte
	oob []byte // what asks for segments
	v4  syscall.SockaddrInet4
	v6  syscall.SockaddrInet6
	to  syscall.Sockaddr
	err error
	run func(fd uintptr) bool
}

func newSender(conn syscall.Conn) (sender, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return sender{}, err
	}
	pool := &sync.Pool{New: func() any {
		s := new(sending)
		s.run = func(fd uintptr) bool {
			_, s.err = syscall.SendmsgN(int(fd), s.b, s.oob, s.to, 0)
			return true // whatever came of it: do not wait
		}
		return s
	}}
	return sender{raw, pool, newSegmenter(raw)}, nil
}

// send sends b to dst; an invalid dst is the connected peer.
func (sn sender) send(b []byte, dst netip.AddrPort) error { return sn.transmit(b, 0, dst) }

// transmit sends b to dst, cut into datagrams of so many bytes unless size is 0.
func (sn sender) transmit(b []byte, size int, dst netip.AddrPort) error {
	s := sn.pool.Get().(*sending)
	defer sn.pool.Put(s)
	s.b, s.oob, s.to, s.err = b, s.oob[:0], nil, nil
	if size > 0 {
		s.oob = appendSegmentSize(s.oob, size)
	}
	switch {
	case dst.Addr().Is4():
		s.v4.Port, s.v4.Addr = int(dst.Port()), dst.Addr().As4()
		s.to = &s.v4
	case dst.IsValid():
		s.v6.Port, s.v6.Addr = int(dst.Port()), dst.Addr().As16()
		s.to = &s.v6
	}
	err := sn.raw.Write(s.run)
	s.b = nil
	switch {
	case err != nil:
		return err // closed
	case errors.Is(s.err, syscall.EAGAIN), errors.Is(s.err, syscall.ENOBUFS):
		return errSendBufferFull
	case s.err != nil:
		return &net.OpError{Op: "write", Net: "udp", Addr: net.UDPAddrFromAddrPort(dst), Err: s.err}
	}
	return nil
}

// unwrapErrno returns the number of a system call's error, or 0.
func unwrapErrno(err error) syscall.Errno {
	no, _ := errors.AsType[syscall.Errno](err)
	return no
}

// bufferSizes returns what the kernel gave for the receive and the send buffer.
func bufferSizes(conn syscall.Conn) (receive, send int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var rerr, serr error
	err = raw.Control(func(fd uintptr) {
		receive, rerr = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		send, serr = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	return receive, send, errors.Join(err, rerr, serr)
}
