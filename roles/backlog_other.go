//go:build !linux

package roles

import "net"

// backlog is known on Linux alone.
func backlog(net.Listener) (waiting, most int, ok bool) { return 0, 0, false }
