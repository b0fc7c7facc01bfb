package rtc

import (
	"net"
	"testing"
	"time"
)

// A connection that is being closed before it has connected gets no packet any
// more, which could make it connect in the midst of that.
func TestDeafSocket(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var count traffic
	s := &ownSocket{UDPConn: conn, count: &count}
	defer s.Close()
	from, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	buf := make([]byte, 16)
	hears := func(want bool) {
		t.Helper()
		if _, err := from.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		wait := 10 * time.Second
		if !want {
			wait = 50 * time.Millisecond // loopback: what is to come is there
		}
		if err := s.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.ReadFrom(buf); (err == nil) != want {
			t.Errorf("ReadFrom = %v, want a packet: %v", err, want)
		}
	}
	hears(true)
	count.deaf.Store(true)
	hears(false)
	if got := count.Load(); got != 2 {
		t.Errorf("%d packets are counted, want 2", got)
	}
}
