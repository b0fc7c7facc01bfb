package rtc_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// reportErrors has the kernel report what the network says about our packets,
// as some systems do without being asked.
func reportErrors(t *testing.T, conn *net.UDPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_RECVERR, 1)
	})
	if err := errors.Join(err, serr); err != nil {
		t.Fatal(err)
	}
}

// An unreachable port somewhere is an error on the socket that all sessions
// share, and must not end them.
func TestReadErrorsEndNothing(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"})
	h := newHub()
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	client := start(t, h, "client", nil)
	s := dial(t, client, server)
	nobody, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	shared := rtc.UDPConns(ports)[0]
	reportErrors(t, shared)
	for range 50 {
		_, _ = shared.WriteTo([]byte("is anybody there?"), nobody.LocalAddr()) // the error of the one before
		roundTrip(t, s, "still here")
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, n := rtc.Dropped(ports); n > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the kernel reported no error: this test shows nothing")
		}
		roundTrip(t, s, "still here")
	}
	dial(t, start(t, h, "another", nil), server)
}
