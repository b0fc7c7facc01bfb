package rtc_test

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// Application data records of a dialling peer of ours, by their length: DTLS adds 37 bytes.
const (
	cookieEchoRecord = 85 // RFC 9260, 3.3.11; pion's cookie
	cookieAckRecord  = 53 // RFC 9260, 3.3.12
	openRecord       = 89 // DATA_CHANNEL_OPEN with our label (RFC 8832, 5.1)
	dialerEnd        = 1  // of a proxy: where the dialling peer's datagrams come
)

// TestOpenIsOvertaken: the first message may be at a node before what opens its
// channel. It is kept, and the gap has the opening sent again at once. Where it is
// there before SCTP's handshake is over, three packets too early, SCTP must discard
// it (RFC 9260, 6), and it comes again after a retransmission timer.
func TestOpenIsOvertaken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		late   []int
		within time.Duration // of the first answer
	}{
		{"the opening of the channel", []int{openRecord}, 500 * time.Millisecond},
		{"that and the end of SCTP's handshake", []int{cookieEchoRecord, cookieAckRecord, openRecord}, 4 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const attempts = 20 // the machine may be slow, and opening and message may share a packet
			for range attempts {
				took, overtaken := openOvertaken(t, tt.late)
				if overtaken && took < tt.within {
					t.Logf("answered %v after the opening", took)
					return
				}
				t.Logf("answered after %v; overtaken: %v", took, overtaken)
			}
			t.Errorf("in %d attempts the first message was never answered within %v after it had overtaken", attempts, tt.within)
		})
	}
}

// openOvertaken dials while the first record of each of these lengths is held
// back. It returns how long the first answer took from the opening on, and
// whether all of them were overtaken by it.
func openOvertaken(t *testing.T, late []int) (took time.Duration, overtaken bool) {
	const held, applicationData = 100 * time.Millisecond, 23
	h := newHub()
	p, err := newProxy(1 << 60)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	h.tamper = p.through
	var mu sync.Mutex
	lengths := slices.Clone(late) // guarded by mu; of what is yet to come
	p.late = func(i int, b []byte) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		at := slices.Index(lengths, len(b))
		if i != dialerEnd || b[0] != applicationData || at < 0 {
			return 0
		}
		lengths = slices.Delete(lengths, at, at+1)
		return held
	}
	n, _ := startEcho(t, h, nil)
	defer n.Close()
	c := start(t, h, "client", nil)
	defer c.Close()
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	roundTrip(t, s, "hello")
	mu.Lock()
	defer mu.Unlock()
	return time.Since(began), len(lengths) == 0
}
