package signaling_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// garbage opens a socket that sends what no honest peer does, and returns the
// status of the handshake.
func garbage(t *testing.T, n *pipeNet, addr string) (status int) {
	t.Helper()
	conn, status := n.try(t, query(int(time.Now().UnixNano())), addr, "")
	if conn != nil {
		_, _ = conn.NetConn().Write([]byte("\x81\x81\x00\x00\x00\x00\xff"))
		synctest.Wait()
		_ = conn.Close()
	}
	time.Sleep(time.Millisecond)
	return status
}

func addrOf(s string) netip.Addr { return netip.MustParseAddrPort(s).Addr() }

// An address whose sockets are closed for garbage opens few more for a while;
// others, and the sockets it has, notice nothing.
func TestGarbageIsHeldAgainstItsAddress(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		a, b := n.listen(t, "a", "t", here, true), n.listen(t, "b", "t", there, true)
		a.heard()
		b.heard()
		for i := range 10 {
			if status := garbage(t, n, here); status != 101 {
				t.Fatalf("socket %d: status %d, want 101", i, status)
			}
		}
		for i := range 20 {
			if n.Shuns(addrOf(here)) {
				t.Fatalf("after %d refusals it is not asked what it wants", i)
			}
			if status := garbage(t, n, here); status != 429 {
				t.Fatalf("after 10: status %d, want 429", status)
			}
		}
		if !n.Shuns(addrOf(here)) || n.Shuns(addrOf(there)) {
			t.Errorf("shunned: %v, and another address: %v; want the first only", n.Shuns(addrOf(here)), n.Shuns(addrOf(there)))
		}
		a.send(`{"type":"OFFER","dst":"b"}`)
		b.expect(`{"type":"OFFER","src":"a","dst":"b"}`)
		if _, status := n.try(t, query(1), there, ""); status != 101 {
			t.Errorf("another address: status %d, want 101", status)
		}

		time.Sleep(2 * time.Second) // one is forgiven
		if n.Shuns(addrOf(here)) {
			t.Error("who has waited is still shunned")
		}
		if got := fmt.Sprint(garbage(t, n, here), garbage(t, n, here)); got != "101 429" {
			t.Errorf("two sockets after two seconds: %s, want 101 429", got)
		}
	})
}

// However many sockets of an address are closed for garbage: that is forgotten
// in a minute.
func TestGarbageIsForgotten(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		var open []*listener
		for i := range 100 {
			open = append(open, n.listen(t, fmt.Sprint("peer", i), "t", here, true))
		}
		for _, l := range open {
			_, _ = l.conn.NetConn().Write([]byte("\x81\x81\x00\x00\x00\x00\xff"))
		}
		synctest.Wait()
		if status := garbage(t, n, here); status != 429 {
			t.Fatalf("status %d, want 429", status)
		}
		time.Sleep(time.Minute + 5*time.Second)
		if got := n.Stats().Addresses; got != 0 {
			t.Errorf("%d addresses are remembered, want 0", got)
		}
		for range 10 {
			if status := garbage(t, n, here); status != 101 {
				t.Fatalf("later: status %d, want 101", status)
			}
		}
	})
}

// Who is exempt is not blamed.
func TestGarbageOfTheExempt(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} }, func(t *testing.T, n *pipeNet) {
		for range 50 {
			if status := garbage(t, n, here); status != 101 {
				t.Fatalf("status %d, want 101", status)
			}
		}
	})
}

// What comes by a trusted proxy that does not say from whom is held against
// nobody: that address is everybody's.
func TestGarbageOfACrowd(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.Crowds = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} }, func(t *testing.T, n *pipeNet) {
		for range 50 {
			if status := garbage(t, n, here); status != 101 {
				t.Fatalf("status %d, want 101", status)
			}
		}
		if n.Shuns(addrOf(here)) {
			t.Error("it is shunned")
		}
	})
}
