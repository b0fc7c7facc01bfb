package roles

import (
	"net"
	"net/netip"
	"runtime"
	"time"
)

// A stile lets newcomers in one after the other where many come at once. To let
// one in costs as much as to serve ten messages, and Go's scheduler looks at the
// network only when nothing else is to be done: a crowd let in at once would
// keep all who are inside waiting until the last of it is served. The others wait
// in the system's queue, which costs nothing. While nobody inside is being served
// a crowd comes in at once: each who waits costs a wake-up of the process, which
// is half of what serving him does.
//
// Who is shunned is closed without a word, and without TLS and HTTP before it.
type stile struct {
	net.Listener
	shuns func(netip.Addr) bool // fixed
	busy  func() bool           // whether somebody inside is being served; fixed
	every time.Duration         // for one newcomer; fixed
	came  *came                 // fixed

	until time.Time // up to when newcomers are let in already; owned by Accept
}

const (
	stileEvery = 400 * time.Microsecond // on one core
	stileBurst = 16                     // at once
	stileShun  = 8                      // who are shunned cost what one newcomer does
)

func newStile(l net.Listener, shuns func(netip.Addr) bool, busy func() bool, came *came) *stile {
	return &stile{Listener: l, shuns: shuns, busy: busy, every: stileEvery / time.Duration(runtime.GOMAXPROCS(0)), came: came}
}

// Accept implements [net.Listener]. One goroutine calls it.
func (s *stile) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !s.shuns(remote(c)) {
			if s.busy() {
				s.rest(s.every)
			}
			return c, nil
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing is to be sent
		}
		c.Close()
		s.came.shunned.Add(1)
		s.rest(s.every / stileShun)
	}
}

// rest waits if too many came at once.
func (s *stile) rest(cost time.Duration) {
	now := time.Now()
	if s.until.Before(now) {
		s.until = now
	}
	s.until = s.until.Add(cost)
	if ahead := s.until.Sub(now) - stileBurst*s.every; ahead > 0 {
		s.came.slowed.Add(int64(ahead))
		time.Sleep(ahead)
	}
}
