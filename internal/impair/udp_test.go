package impair_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/impair"
)

const patience = 10 * time.Second

// lineTo runs a line to a socket of the test's, and returns a client's socket too.
func lineTo(t *testing.T) (u *impair.UDP, client, server *net.UDPConn) {
	t.Helper()
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetReadBuffer(4 << 20)
		return c
	}
	client, server = listen(), listen()
	u, err := impair.ListenUDP("127.0.0.1:0", server.LocalAddr().String(), 7)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ran <- u.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return u, client, server
}

func send(t *testing.T, c *net.UDPConn, to netip.AddrPort, number int) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort(binary.BigEndian.AppendUint32(nil, uint32(number)), to); err != nil {
		t.Fatal(err)
	}
}

// receive returns a number and who sent it.
func receive(t *testing.T, c *net.UDPConn, within time.Duration) (int, netip.AddrPort, error) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	var b [8]byte
	n, from, err := c.ReadFromUDPAddrPort(b[:])
	if err != nil {
		return 0, from, err
	}
	if n != 4 {
		t.Fatalf("a datagram of %d bytes", n)
	}
	return int(binary.BigEndian.Uint32(b[:])), from, nil
}

func must(t *testing.T, c *net.UDPConn, want int) netip.AddrPort {
	t.Helper()
	got, from, err := receive(t, c, patience)
	if err != nil || got != want {
		t.Fatalf("got %d, %v, want %d", got, err, want)
	}
	return from
}

// In fair weather everything passes, both ways and in order.
func TestFair(t *testing.T) {
	u, client, server := lineTo(t)
	for i := range 100 {
		send(t, client, u.Addr(), i)
		send(t, server, must(t, server, i), 1000+i)
		must(t, client, 1000+i)
	}
}

// What the line says it lost, doubled and held is what is missing, comes twice and is late.
func TestCounts(t *testing.T) {
	u, client, server := lineTo(t)
	if err := u.Set(impair.Weather{Loss: 0.3, Duplicate: 0.2, Reorder: 0.2, Held: 5 * time.Millisecond}, impair.Weather{}); err != nil {
		t.Fatal(err)
	}
	const count = 500
	seen, overtaken, last := map[int]int{}, 0, -1
	arrive := func(within time.Duration) bool {
		n, _, err := receive(t, server, within)
		if err != nil {
			return false
		}
		if n < last {
			overtaken++
		}
		last = n
		seen[n]++
		return true
	}
	for i := range count {
		send(t, client, u.Addr(), i)
		arrive(time.Millisecond) // some that have come; a pace that the socket's buffer bears
	}
	came := func() (total int) {
		for _, n := range seen {
			total += n
		}
		return total
	}
	var up impair.Counts
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if up, _ = u.Counts(); up.Came == count && came() == count-up.Lost+up.Doubled {
			break
		}
		arrive(50 * time.Millisecond)
	}
	if arrive(50 * time.Millisecond) {
		t.Error("more came than the line counts")
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	if up.Came != count || len(seen) != count-up.Lost || twice != up.Doubled || up.Dropped != 0 {
		t.Errorf("%d of %d came, %d twice; the line counts %+v", len(seen), count, twice, up)
	}
	if up.Lost < count/5 || up.Doubled < count/12 || overtaken == 0 || up.Held == 0 {
		t.Errorf("%+v, %d overtaken: that is fair weather", up, overtaken)
	}
}

// A delay is one in the direction that it is set for.
func TestDelay(t *testing.T) {
	u, client, server := lineTo(t)
	const delay = 100 * time.Millisecond
	if err := u.Set(impair.Weather{}, impair.Weather{Delay: delay}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	send(t, client, u.Addr(), 1)
	at := must(t, server, 1)
	send(t, server, at, 2)
	must(t, client, 2)
	if took := time.Since(began); took < delay {
		t.Errorf("there and back in %v, want at least %v", took, delay)
	}
}

// After a rebinding the server sees a client elsewhere, and what goes to the old port is lost.
func TestRebind(t *testing.T) {
	u, client, server := lineTo(t)
	send(t, client, u.Addr(), 1)
	old := must(t, server, 1)
	if n, err := u.Rebind(); n != 1 || err != nil {
		t.Fatalf("Rebind = %d, %v, want 1", n, err)
	}
	send(t, client, u.Addr(), 2)
	fresh := must(t, server, 2)
	if fresh == old {
		t.Fatalf("still at %v", old)
	}
	send(t, server, old, 3)
	send(t, server, fresh, 4)
	must(t, client, 4)
	if n, _, err := receive(t, client, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d, %v by the old port", n, err)
	}
}
