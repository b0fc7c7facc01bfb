package roles_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// isAlive asks a over a connection of its own from addr, and reports whether it
// got an answer.
func isAlive(t *testing.T, a *roles.Archiver, addr string) bool {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{DialContext: from(addr).DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := web.Get(a.URL() + "/is-alive")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// silent opens a connection from addr and says nothing.
func silent(t *testing.T, a *roles.Archiver, addr string) net.Conn {
	t.Helper()
	c, err := from(addr).Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Who opens connections and says nothing gets no more than its share of them.
func TestSilentConnections(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt, c.SocketsPerAddress = nil, 3 })
	first := silent(t, a, "127.0.0.3")
	silent(t, a, "127.0.0.3")
	silent(t, a, "127.0.0.3")
	fourth := silent(t, a, "127.0.0.3")
	_ = fourth.SetReadDeadline(time.Now().Add(4 * time.Second)) // the header's time is 5 s
	if n, err := fourth.Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("the fourth reads %d, %v, want it closed", n, err)
	}
	if isAlive(t, a, "127.0.0.3") {
		t.Error("a fifth is answered")
	}
	if !isAlive(t, a, "127.0.0.4") {
		t.Error("another address is not answered")
	}
	if got := roles.Refused(a)["connections"]; got != 2 {
		t.Errorf("%d connections were counted as refused, want 2", got)
	}
	first.Close()
	for deadline := time.Now().Add(4 * time.Second); !isAlive(t, a, "127.0.0.3"); {
		if time.Now().After(deadline) {
			t.Fatal("no answer although one has gone")
		}
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// WebSockets are the peer server's to count, and exempt addresses nobody's.
func TestGateLetsPass(t *testing.T) {
	t.Run("beside sockets", func(t *testing.T) {
		a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt, c.SocketsPerAddress = nil, 2 })
		for _, id := range []string{"a", "b"} {
			if got := upgrade(t, a.URL(), id, "https://x"); got != 101 {
				t.Fatalf("status %d", got)
			}
		}
		if !isAlive(t, a, "127.0.0.1") {
			t.Error("no answer beside two WebSockets")
		}
	})
	t.Run("exempt", func(t *testing.T) {
		a := startArchiver(t, func(c *config.Archiver) { c.SocketsPerAddress = 1 })
		for range 5 {
			silent(t, a, "127.0.0.1")
		}
		if !isAlive(t, a, "127.0.0.1") {
			t.Error("an exempt address is not answered")
		}
	})
	t.Run("a trusted proxy", func(t *testing.T) {
		a := startArchiver(t, func(c *config.Archiver) { c.TrustedProxy, c.SocketsPerAddress = []string{"127.0.0.1"}, 1 })
		for range 5 {
			silent(t, a, "127.0.0.1")
		}
		if !isAlive(t, a, "127.0.0.1") {
			t.Error("a proxy, which speaks for many, is not answered")
		}
	})
}

func TestGateCounts(t *testing.T) {
	g := roles.NewGate(2, 3, "10.0.0.0/8", "192.0.2.0/24")
	for i, step := range []struct {
		addr  string
		enter bool // else leave
		want  bool
	}{
		{"10.0.0.1", true, true},
		{"10.0.0.1", true, true},
		{"10.0.0.1", true, true},
		{"10.0.0.1", true, true}, // spared
		{"2001:db8::1", true, true},
		{"2001:db8::2", true, true},
		{"2001:db8::3", true, false}, // one /64; the last counts until it leaves
		{"203.0.113.1", true, false}, // three are open
		{"2001:db8::3", false, true},
		{"203.0.113.1", false, true},
		{"192.0.2.1", true, true},
		{"192.0.2.1", true, false}, // a proxy, in all
		{"2001:db8::1", false, true},
		{"2001:db8::2", false, true},
		{"192.0.2.1", false, true},
		{"192.0.2.1", false, true},
		{"10.0.0.1", false, true},
		{"10.0.0.1", false, true},
		{"10.0.0.1", false, true},
		{"10.0.0.1", false, true},
	} {
		if !step.enter {
			g.Leave(step.addr)
			continue
		}
		if got := g.Enter(step.addr); got != step.want {
			t.Errorf("step %d: %s enters = %v, want %v", i, step.addr, got, step.want)
		}
	}
	if n := g.Open(); n != 0 {
		t.Errorf("%d addresses are counted when all have left", n)
	}
}
