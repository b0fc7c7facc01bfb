//go:build unix

package rtc

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// socketPair returns two connected datagram sockets. Unlike UDP on loopback, the
// buffer of one fills when the other does not read.
func socketPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns []*net.UnixConn
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		conns = append(conns, c.(*net.UnixConn))
	}
	return conns[0], conns[1]
}

// Many agents send on one socket whose network takes nothing more. None waits.
func TestSendNeverWaits(t *testing.T) {
	a, b := socketPair(t)
	s, err := newSender(a)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, 1200)
	sent := 0
	for ; err == nil; sent++ {
		err = s.send(packet, netip.AddrPort{})
	}
	if !errors.Is(err, errSendBufferFull) {
		t.Fatalf("send into a full buffer = %v, want errSendBufferFull", err)
	}
	const agents, each = 50, 200
	done := make(chan error, agents)
	for range agents {
		go func() {
			for range each {
				if err := s.send(packet, netip.AddrPort{}); !errors.Is(err, errSendBufferFull) {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	late := time.After(20 * time.Second)
	for range agents {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("send = %v, want errSendBufferFull", err)
			}
		case <-late:
			t.Fatal("a send waits for the kernel")
		}
	}
	for range sent - 1 {
		if _, err := b.Read(packet); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.send(packet, netip.AddrPort{}); err != nil {
		t.Errorf("send after the buffer was emptied = %v", err)
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	s, err := newSender(to)
	if err != nil {
		t.Fatal(err)
	}
	dst, packet := to.LocalAddr().(*net.UDPAddr).AddrPort(), make([]byte, 1200)
	if n := testing.AllocsPerRun(200, func() { _ = s.send(packet, dst) }); n >= 1 && !raceEnabled {
		t.Errorf("a send allocates %v times, want 0", n)
	}
}
