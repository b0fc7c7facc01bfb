package roles_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

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

// A node's HTTP server has a gate, too.
func TestSilentConnectionsToANode(t *testing.T) {
	n := startConsensor(t, startDevnet(t, 1), func(c *config.Consensor) { c.LimitExempt = nil })
	roles.NarrowNode(n, 3)
	dial := func(addr string) net.Conn {
		c, err := from(addr).Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range 3 {
		dial("127.0.0.3")
	}
	fourth := dial("127.0.0.3")
	_ = fourth.SetReadDeadline(time.Now().Add(4 * time.Second)) // the header's time is 5 s
	if n, err := fourth.Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("the fourth reads %d, %v, want it closed", n, err)
	}
	web := &http.Client{Transport: &http.Transport{DialContext: from("127.0.0.4").DialContext, DisableKeepAlives: true}, Timeout: 4 * time.Second}
	resp, err := web.Get("http://" + n.Addr() + "/nodeinfo")
	if err != nil {
		t.Fatal("another address is not answered: ", err)
	}
	resp.Body.Close()
	if declined, _ := roles.Declined(n); declined["connections"] != 1 {
		t.Errorf("%d connections were counted as refused, want 1", declined["connections"])
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

// Addresses that fill every place of the gate do not keep others out, whether
// they wait between requests or have one in hand.
func TestFullGateLetsNewcomersIn(t *testing.T) {
	for _, tt := range []struct{ name, say string }{
		{"idle", "GET /is-alive HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"silent", ""},
		{"busy", "POST /nodelist HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt = nil })
			roles.Narrow(a, 24)
			for i := range 24 {
				c := silent(t, a, "127.0.0."+strconv.Itoa(3+i%3))
				if _, err := io.WriteString(c, tt.say); err != nil {
					t.Fatal(err)
				}
				if tt.name == "idle" {
					if _, err := c.Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i := range 5 {
				if addr := "127.0.1." + strconv.Itoa(1+i); !isAlive(t, a, addr) {
					t.Errorf("%s is not answered", addr)
				}
			}
			if got := upgrade(t, a.URL(), "newcomer", ""); got != 101 {
				t.Errorf("status of a WebSocket %d", got)
			}
		})
	}
}

// A crowd before the public listeners does not stand before that for nodes.
func TestNodesHaveTheirOwnGate(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) {
		c.LimitExempt, c.SocketsPerAddress, c.NodeListen = nil, 1, "127.0.0.1:0"
	})
	silent(t, a, "127.0.0.3")
	web := &http.Client{Transport: &http.Transport{DialContext: from("127.0.0.3").DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := web.Get("http://" + roles.NodeAddr(a) + "/is-alive")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// An address keeps only so many connections for later.
func TestIdleConnections(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt = nil })
	conns := make([]net.Conn, roles.MaxIdle+1)
	for i := range conns {
		conns[i] = silent(t, a, "127.0.0.3")
		ask(t, conns[i])
		if i == 0 { // it is idle a moment after its answer: the second must not be before it
			awaitIdle(t, a, "127.0.0.3", 1)
		}
	}
	_ = conns[0].SetReadDeadline(time.Now().Add(4 * time.Second)) // an idle one's time is 10 s
	if n, err := conns[0].Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("the longest idle reads %d, %v, want it closed", n, err)
	}
	ask(t, conns[1])
	if got := roles.Dropped(a)["connections"]; got != 1 {
		t.Errorf("%d connections were counted as dropped, want 1", got)
	}
}

// awaitIdle waits until a keeps n connections of addr for later.
func awaitIdle(t *testing.T, a *roles.Archiver, addr string, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); roles.Idle(a, addr) != n; <-tick.C { // half an idle one's time
		if time.Now().After(deadline) {
			t.Fatalf("%d connections of %s are idle, want %d", roles.Idle(a, addr), addr, n)
		}
	}
}

// ask sends a request on c and reads the answer.
func ask(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "GET /is-alive HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// A caller is a connection that says only where it is from.
type caller struct {
	net.Conn
	addr   string
	closed bool
}

func (c *caller) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.addr), 1))
}
func (c *caller) Close() error { c.closed = true; return nil }

// Who is refused, and who goes for whom.
func TestGateChooses(t *testing.T) {
	const (
		in     = http.StateNew
		active = http.StateActive
		idle   = http.StateIdle
		out    = http.StateClosed
	)
	type step struct {
		conn  int // its address is the case's of that index
		state http.ConnState
	}
	for _, tt := range []struct {
		name   string
		addrs  []string
		steps  []step
		closed []int
	}{
		{"of an address", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"}, // the first three are one /64
			[]step{{0, in}, {1, in}, {2, in}, {3, in}}, []int{2}},
		{
			"of a spared address",
			[]string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
			[]step{{0, in}, {1, in}, {2, in}, {3, in}, {4, in}, {5, in}},
			nil,
		},
		{
			"of a proxy",
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1"},
			[]step{{0, in}, {1, in}, {2, in}},
			nil,
		},
		{
			"one has left",
			[]string{"203.0.113.1", "203.0.113.1", "203.0.113.1"},
			[]step{{0, in}, {1, in}, {0, out}, {2, in}},
			nil,
		},
		{
			"one was upgraded",
			[]string{"203.0.113.1", "203.0.113.1", "203.0.113.1"},
			[]step{{0, in}, {1, in}, {0, http.StateHijacked}, {2, in}},
			nil,
		},
		{
			"the longest idle of the place with the most",
			[]string{"203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
			[]step{{0, in}, {1, in}, {2, in}, {1, active}, {1, idle}, {3, in}, {4, in}},
			[]int{2},
		},
		{
			"requests in hand are spared",
			[]string{"203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
			[]step{{0, in}, {0, active}, {1, in}, {1, active}, {2, in}, {3, in}, {3, active}, {4, in}},
			[]int{2},
		},
		{
			"but not all of an address",
			[]string{"203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
			[]step{{0, in}, {0, active}, {1, in}, {1, active}, {2, in}, {2, active}, {3, in}, {3, active}, {4, in}},
			[]int{0},
		},
		{
			"where all have one request",
			[]string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5"},
			[]step{{0, in}, {0, active}, {1, in}, {1, active}, {2, in}, {2, active}, {3, in}, {3, active}, {4, in}},
			[]int{4},
		},
		{
			"a proxy last",
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "203.0.113.1", "203.0.113.2"},
			[]step{{0, in}, {1, in}, {2, in}, {3, in}, {4, in}},
			[]int{3},
		},
		{
			"a proxy at last",
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "203.0.113.2"},
			[]step{{0, in}, {1, in}, {2, in}, {3, in}, {4, in}},
			[]int{0},
		},
		{
			"its own",
			[]string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.1"},
			[]step{{1, in}, {0, in}, {2, in}, {3, in}, {1, active}, {2, active}, {3, active}, {4, in}},
			[]int{0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := roles.NewGate(4, 2, "10.0.0.0/8", "192.0.2.0/24", slog.New(slog.DiscardHandler))
			callers := make([]*caller, len(tt.addrs))
			for i, addr := range tt.addrs {
				callers[i] = &caller{addr: addr}
			}
			for _, s := range tt.steps {
				g.Watch(callers[s.conn], s.state)
			}
			var closed []int
			for i, c := range callers {
				if c.closed {
					closed = append(closed, i)
				}
				g.Watch(c, out)
			}
			if !slices.Equal(closed, tt.closed) {
				t.Errorf("closed = %v, want %v", closed, tt.closed)
			}
			if conns, addrs := g.Left(); conns+addrs != 0 {
				t.Errorf("%d connections and %d addresses are counted when all have left", conns, addrs)
			}
		})
	}
}

// Whatever happens in whatever order, no limit is exceeded and nothing is
// counted for good.
func TestGateProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const total, perAddress = 6, 3
		g := roles.NewGate(total, perAddress, "10.0.0.0/8", "192.0.2.0/24", slog.New(slog.DiscardHandler))
		var all []*caller
		open := func() (n int, of map[string]int) {
			of = make(map[string]int)
			for _, c := range all {
				if !c.closed && !strings.HasPrefix(c.addr, "10.") {
					n++
					of[c.addr]++
				}
			}
			return n, of
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			state := http.ConnState(rapid.IntRange(0, 4).Draw(t, "state"))
			if state == http.StateNew || len(all) == 0 {
				c := &caller{addr: rapid.SampledFrom([]string{"10.0.0.1", "192.0.2.1", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"}).Draw(t, "addr")}
				all = append(all, c)
				g.Watch(c, http.StateNew)
			} else {
				c := rapid.SampledFrom(all).Draw(t, "conn") // perhaps one that the gate has closed
				g.Watch(c, state)
				c.closed = c.closed || state == http.StateClosed || state == http.StateHijacked
			}
			n, of := open()
			if conns, _ := g.Left(); conns != n || n > total {
				t.Fatalf("%d connections are counted, %d are open of %d", conns, n, total)
			}
			for addr, n := range of {
				if n > perAddress && !strings.HasPrefix(addr, "192.") {
					t.Fatalf("%d connections of %s", n, addr)
				}
			}
		}
		for _, c := range all {
			g.Watch(c, http.StateClosed)
		}
		if conns, addrs := g.Left(); conns+addrs != 0 {
			t.Fatalf("%d connections and %d addresses are counted when all have left", conns, addrs)
		}
	})
}

// The first refusal is warned about at once, the others once a minute.
func TestGateWarns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := roles.NewGate(4, 2, "10.0.0.0/8", "192.0.2.0/24", slog.New(slog.NewTextHandler(&out, nil)))
		crowd := func(n int) int {
			for range n {
				g.Watch(&caller{addr: "203.0.113.1"}, http.StateNew)
			}
			return strings.Count(out.String(), "too many connections")
		}
		if n := crowd(2); n != 0 {
			t.Errorf("%d warnings without a refusal", n)
		}
		if n := crowd(1); n != 1 {
			t.Errorf("%d warnings at the first refusal, want 1", n)
		}
		if n := crowd(99); n != 1 {
			t.Errorf("%d warnings at once, want 1", n)
		}
		time.Sleep(time.Minute)
		if n := crowd(1); n != 2 || !strings.Contains(out.String(), "times=100") {
			t.Errorf("%d warnings after a minute, want 2, the last of 100 times: %s", n, &out)
		}
	})
}
