//go:build unix

package signaling

import (
	"errors"
	"net"
	"syscall"
)

// rawConn gives access to the socket of a TCP or Unix connection; nil if conn
// is something else.
func rawConn(conn net.Conn) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readNow reads what has arrived. again means that nothing has.
func readNow(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), errors.Is(err, syscall.EAGAIN), err
		}
	}
}

// writeNow writes what there is room for. again means that there is none.
func writeNow(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Write(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), errors.Is(err, syscall.EAGAIN), err
		}
	}
}
