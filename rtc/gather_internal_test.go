package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A wire is a shared socket, an agent's part of it, and two peers.
type wire struct {
	sock  *udpSocket
	conn  *udpConn
	peers [2]*net.UDPConn
}

func newWire(t *testing.T, host string) *wire {
	t.Helper()
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetReadBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		return c
	}
	w := &wire{peers: [2]*net.UDPConn{listen(), listen()}}
	var err error
	if w.sock, err = newUDPSocket(listen(), new(drops), newDatagramPool()); err != nil {
		t.Fatal(err)
	}
	own := w.sock.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if w.conn, err = w.sock.agent("ufrag", own, new(traffic)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.sock.close)
	return w
}

func (w *wire) send(t *testing.T, peer int, b []byte) {
	t.Helper()
	if n, err := w.conn.WriteTo(b, w.peers[peer].LocalAddr()); err != nil || n != len(b) {
		t.Fatalf("sent %d of %d bytes: %v", n, len(b), err)
	}
}

// receive wants exactly these datagrams, in this order.
func (w *wire) receive(t *testing.T, peer int, want [][]byte) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for i := range want {
		if err := w.peers[peer].SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := w.peers[peer].ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("datagram %d of %d: %v", i+1, len(want), err)
		}
		if !slices.Equal(buf[:n], want[i]) {
			t.Fatalf("datagram %d of %d has %d bytes and begins %q, want %d and %q", i+1, len(want), n, buf[:min(n, 8)], len(want[i]), want[i][:8])
		}
	}
}

// numbered makes the i-th, of so many bytes.
func numbered(kind byte, i, size int) []byte {
	b := make([]byte, size)
	copy(b, fmt.Sprintf("%c%06d.", kind, i))
	return b
}

// TestGather sends bursts through the kernel and looks at each datagram that comes out.
func TestGather(t *testing.T) {
	const handshake = 22
	same := func(n, size int) []int { return slices.Repeat([]int{size}, n) }
	for _, x := range []struct {
		name  string
		kind  byte
		sizes []int
	}{
		{"one", applicationData, same(1, 900)},
		{"of one size", applicationData, same(20, 900)},
		{"of one size, the last smaller", applicationData, append(same(9, 1200), 80)},
		{"a small one between", applicationData, append(append(same(5, 700), 60), same(5, 700)...)},
		{"growing", applicationData, []int{100, 101, 102, 103, 104, 105, 106}},
		{"shrinking", applicationData, []int{106, 105, 104, 103, 102, 101, 100}},
		{"more than one call takes", applicationData, same(3*burstParts+1, 1200)},
		{"more than fit by their bytes", applicationData, same(20, 8000)},
		{"a handshake's, which wait for nothing", handshake, same(5, 500)},
	} {
		for _, host := range []string{"127.0.0.1", "::1"} {
			for _, refused := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, refused %v", x.name, host, refused), func(t *testing.T) {
					w := newWire(t, host)
					if refused {
						refuseSegments(w.sock.send)
					}
					var want [][]byte
					for i, size := range x.sizes {
						b := numbered(x.kind, i, size)
						w.send(t, 0, b)
						want = append(want, slices.Clone(b))
						clear(b) // it was sent or copied
					}
					w.receive(t, 0, want)
				})
			}
		}
	}
}

// TestGatherKeepsOrder: what waits goes before what does not, and to where it was meant.
func TestGatherKeepsOrder(t *testing.T) {
	w := newWire(t, "127.0.0.1")
	var want [2][][]byte
	for i := range 200 {
		kind, peer := byte(applicationData), i/5%2
		if i%17 == 16 {
			kind = 21 // an alert
		}
		b := numbered(kind, i, 200)
		w.send(t, peer, b)
		want[peer] = append(want[peer], b)
	}
	for peer := range want {
		w.receive(t, peer, want[peer])
	}
}

// TestGatherClose: closing sends what waits, and what comes later waits no more.
func TestGatherClose(t *testing.T) {
	w := newWire(t, "127.0.0.1")
	var want [][]byte
	for i := range 10 {
		b := numbered(applicationData, i, 300)
		w.send(t, 0, b)
		want = append(want, b)
	}
	w.conn.Close()
	w.receive(t, 0, want)
	w.send(t, 0, want[0])
	w.receive(t, 0, want[:1])
	if w.conn.out.held != nil {
		t.Error("something waits for nobody")
	}
}

// TestGatherCounts what a burst could not send.
func TestGatherCounts(t *testing.T) {
	w := newWire(t, "127.0.0.1")
	w.sock.conn.Close()
	h := &burst{data: make([]byte, 300), sizes: []int{100, 100, 100}}
	w.sock.sendBurst(h, netip.MustParseAddrPort("127.0.0.1:9"))
	if n := w.sock.drops.sendErrors.Load(); n != 3 {
		t.Errorf("%d datagrams were counted, want 3", n)
	}
}

// TestSegments: every datagram is in one run, and only the last of a run is smaller.
func TestSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 40).Draw(t, "sizes")
		for rest := sizes; len(rest) > 0; {
			n, bytes := segments(rest)
			if n < 1 {
				t.Fatal("an empty run")
			}
			sum := 0
			for i, size := range rest[:n] {
				sum += size
				if size > rest[0] || size < rest[0] && i < n-1 {
					t.Fatalf("run %v", rest[:n])
				}
			}
			if sum != bytes {
				t.Fatalf("%d bytes of %v", bytes, rest[:n])
			}
			if n < len(rest) && rest[n-1] == rest[0] && rest[n] <= rest[0] {
				t.Fatalf("run %v ends before %d", rest[:n], rest[n])
			}
			rest = rest[n:]
		}
	})
}
