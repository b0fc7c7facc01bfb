package rtc_test

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLostFlights: whichever flight of the DTLS handshake is lost, it is soon
// sent again, and a flight that was sent twice because the other end was slow
// holds nothing up (RFC 6347, 4.2.4).
func TestLostFlights(t *testing.T) {
	const clientHello, serverHello, clientKeyExchange = 1, 2, 16
	finished := func(b []byte) bool { return b[0] == 20 && len(b) < 100 } // ChangeCipherSpec, and nothing before it
	for _, tt := range []struct {
		name string
		is   func(datagram []byte) bool
		lost int
	}{
		{"none", func([]byte) bool { return false }, 0},
		{"the hello", handshakeOf(clientHello), 1},
		{"the answer to it", handshakeOf(serverHello), 1},
		{"the keys", handshakeOf(clientKeyExchange), 1},
		{"the end", finished, 1},
		{"the end, twice", finished, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var took time.Duration
			for range 3 { // the machine may be slow, but not each time
				if took = openThroughLoss(t, tt.is, tt.lost); took < time.Second {
					break
				}
			}
			t.Logf("open after %v", took)
			if took >= time.Second {
				t.Errorf("the session was open after %v, want less than a second", took)
			}
		})
	}
}

// TestFarFlights: where an answer takes longer than the time after which flights are
// sent again, they are sent a few times, and the session opens.
func TestFarFlights(t *testing.T) {
	t.Parallel()
	const helloOfServer = 2
	h := newHub()
	p := proxied(t, h)
	p.delay = 150 * time.Millisecond
	isHello := handshakeOf(helloOfServer)
	var hellos, bytes atomic.Int64
	p.drops = func(b []byte) bool {
		if isHello(b) {
			hellos.Add(1)
		}
		if b[0] == 20 || b[0] == 22 { // ChangeCipherSpec, handshake
			bytes.Add(int64(len(b)))
		}
		return false
	}
	began := time.Now()
	_, _, s := echoed(t, h)
	roundTrip(t, s, "hello")
	t.Logf("open after %v, %d hellos of the server, %d bytes of handshake", time.Since(began), hellos.Load(), bytes.Load())
	if got := hellos.Load(); got < 2 {
		t.Errorf("the server's hello was sent %d times, want it sent again", got)
	}
}

// openThroughLoss dials through a network that loses the first datagrams of a
// kind, and returns how long the first answer took.
func openThroughLoss(t *testing.T, is func([]byte) bool, lost int) time.Duration {
	h := newHub()
	p := proxied(t, h)
	var mu sync.Mutex
	seen := 0 // guarded by mu
	p.drops = func(b []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if !is(b) {
			return false
		}
		seen++
		return seen <= lost
	}
	began := time.Now()
	_, _, s := echoed(t, h)
	roundTrip(t, s, "hello")
	took := time.Since(began)
	mu.Lock()
	defer mu.Unlock()
	if lost > 0 && seen <= lost {
		t.Errorf("%d datagrams of the kind came, want more than the %d that were lost", seen, lost)
	}
	return took
}

// handshakeOf returns whether a datagram holds a handshake message in plain text
// (RFC 6347, 4.3.2).
func handshakeOf(kind byte) func([]byte) bool {
	const header, handshake = 13, 22
	return func(b []byte) bool {
		for len(b) > header && b[0] >= 20 && b[0] < 64 { // DTLS (RFC 7983)
			if b[0] == handshake && b[header] == kind && binary.BigEndian.Uint16(b[3:]) == 0 {
				return true
			}
			b = b[min(len(b), header+int(binary.BigEndian.Uint16(b[11:]))):]
		}
		return false
	}
}
