package roles

import (
	"net"

	"golang.org/x/sys/unix"
)

// backlog returns how many connections wait in the system's queue of l, and how
// many may: of a listener Linux tells so in tcpi_unacked and tcpi_sacked.
func backlog(l net.Listener) (waiting, most int, ok bool) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return 0, 0, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var info *unix.TCPInfo
	if raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO) }) != nil || err != nil {
		return 0, 0, false // it is closed
	}
	return int(info.Unacked), int(info.Sacked), true
}
