//go:build !unix

package signaling

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

// Neither is ever called without a rawConn.

func readNow(uintptr, []byte) (n int, again bool, err error) { return 0, false, syscall.EINVAL }

func writeNow(uintptr, []byte) (n int, again bool, err error) { return 0, false, syscall.EINVAL }
