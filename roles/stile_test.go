package roles

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A visitor is the server's end of a connection.
type visitor struct {
	net.Conn
	addr   net.Addr
	closed *int
}

func (v visitor) RemoteAddr() net.Addr { return v.addr }
func (v visitor) Close() error         { *v.closed++; return nil }

var errNobody = errors.New("nobody is left")

// come returns a listener at which n connections wait from each address.
func come(n int, closed *int, from ...string) net.Listener {
	c := &queue{}
	for range n {
		for _, addr := range from {
			c.waiting = append(c.waiting, visitor{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)), closed: closed})
		}
	}
	return c
}

type queue struct {
	net.Listener
	waiting []net.Conn
}

func (q *queue) Accept() (net.Conn, error) {
	if len(q.waiting) == 0 {
		return nil, errNobody
	}
	c := q.waiting[0]
	q.waiting = q.waiting[1:]
	return c, nil
}

func accepted(t *testing.T, s *stile) (n int) {
	t.Helper()
	for {
		_, err := s.Accept()
		if errors.Is(err, errNobody) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
}

const (
	welcome = "192.0.2.1:1000"
	shunned = "192.0.2.2:1000"
)

func busy() bool { return true }

func shuns(addr netip.Addr) bool { return addr == netip.MustParseAddrPort(shunned).Addr() }

// A crowd is let in at a rate, and a few are not held up at all.
func TestStileSpreadsACrowd(t *testing.T) {
	for _, tt := range []struct {
		name       string
		n          int
		from       []string
		in, closed int
		took       func(every time.Duration) time.Duration
	}{
		{"few", stileBurst, []string{welcome}, stileBurst, 0, func(time.Duration) time.Duration { return 0 }},
		{"many", 1000, []string{welcome}, 1000, 0, func(every time.Duration) time.Duration { return (1000 - stileBurst) * every }},
		{"shunned", 1000, []string{shunned}, 0, 1000, func(every time.Duration) time.Duration { return (1000/stileShun - stileBurst) * every }},
		{"both", 500, []string{welcome, shunned}, 500, 500, func(every time.Duration) time.Duration { return (500 + 500/stileShun - stileBurst) * every }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := 0
				var c came
				s := newStile(come(tt.n, &closed, tt.from...), shuns, busy, &c)
				start := time.Now()
				if n := accepted(t, s); n != tt.in || closed != tt.closed {
					t.Errorf("%d were let in and %d closed, want %d and %d", n, closed, tt.in, tt.closed)
				}
				if took, want := time.Since(start), tt.took(s.every); took < want-s.every || took > want+s.every {
					t.Errorf("took %v, want %v", took, want)
				}
				if took := time.Since(start); int(c.shunned.Load()) != tt.closed || time.Duration(c.slowed.Load()) != took {
					t.Errorf("it counts %d shunned and %v of waiting, want %d and %v", c.shunned.Load(), time.Duration(c.slowed.Load()), tt.closed, took)
				}
				time.Sleep(time.Second)
				start = time.Now()
				s.Listener = come(stileBurst, &closed, welcome)
				if accepted(t, s); time.Since(start) != 0 {
					t.Errorf("a few who came later waited %v", time.Since(start))
				}
			})
		})
	}
}

// While nobody inside is being served a crowd comes in at once; who is shunned
// waits all the same.
func TestStileLetsACrowdInWhereNobodyIsKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed, serving := 0, false
		s := newStile(come(1000, &closed, welcome), shuns, func() bool { return serving }, new(came))
		start := time.Now()
		if n := accepted(t, s); n != 1000 || time.Since(start) != 0 {
			t.Errorf("%d were let in within %v, want 1000 at once", n, time.Since(start))
		}
		serving = true
		s.Listener = come(1000, &closed, welcome)
		if accepted(t, s); time.Since(start) < (1000-stileBurst-1)*s.every {
			t.Errorf("with somebody inside it took %v", time.Since(start))
		}
		serving = false
		start = time.Now()
		s.Listener = come(1000, &closed, shunned)
		if accepted(t, s); time.Since(start) < (1000/stileShun-stileBurst-1)*s.every {
			t.Errorf("those who are shunned took %v", time.Since(start))
		}
	})
}
