package rtc_test

import (
	"sync/atomic"
	"testing"
)

// TestNoCookie: a DTLS handshake begins without the round trip of a cookie. ICE
// has shown already that the peer is where its packets say.
func TestNoCookie(t *testing.T) {
	t.Parallel()
	const handshake, clientHello, helloVerifyRequest = 22, 1, 3 // RFC 6347, 4.3
	h := newHub()
	p := proxied(t, h)
	var hellos, cookies atomic.Int32
	p.drops = func(b []byte) bool {
		if len(b) > 13 && b[0] == handshake {
			switch b[13] {
			case clientHello:
				hellos.Add(1)
			case helloVerifyRequest:
				cookies.Add(1)
			}
		}
		return false
	}
	_, _, s := echoed(t, h)
	roundTrip(t, s, "hello")
	if hellos.Load() == 0 || cookies.Load() != 0 {
		t.Errorf("%d hellos and %d cookies, want some and none", hellos.Load(), cookies.Load())
	}
}
