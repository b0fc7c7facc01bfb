package signaling_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// try opens a WebSocket from addr, of a page of the given origin if there is
// one. The status is 101 or that of the refusal.
func (n *pipeNet) try(t *testing.T, query, addr, origin string) (conn *websocket.Conn, status int) {
	t.Helper()
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	d := websocket.Dialer{NetDialContext: n.dialer(addr)}
	conn, resp, err := d.Dial("ws://pipe/peerjs?"+query, header)
	if resp == nil {
		t.Fatalf("dial ?%s: %v", query, err)
	}
	if err != nil {
		if resp.StatusCode != http.StatusForbidden && resp.Header.Get("Retry-After") == "" {
			t.Errorf("a refusal with status %d does not say when to come again", resp.StatusCode)
		}
		return nil, resp.StatusCode
	}
	t.Cleanup(func() { conn.Close() })
	return conn, resp.StatusCode
}

// get makes a request from addr and returns status and body.
func (n *pipeNet) get(t *testing.T, path, addr string) (int, string) {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{DialContext: n.dialer(addr), DisableKeepAlives: true}}
	resp, err := web.Get("http://pipe" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func query(id int) string { return fmt.Sprintf("key=peerjs&token=t&id=peer%d", id) }

// inBubble runs f with a server in a bubble of synthetic time.
func inBubble(t *testing.T, change func(*signaling.Config), f func(*testing.T, *pipeNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, startPipeNet(t, signaling.Hooks{}, change)) })
}

func TestConnectRate(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.ConnectRate, c.ConnectBurst = 2, 3 }, func(t *testing.T, n *pipeNet) {
		id := 0
		open := func(addr string, want ...int) {
			t.Helper()
			for i, w := range want {
				id++
				if _, got := n.try(t, query(id), addr, ""); got != w {
					t.Errorf("socket %d from %s: status %d, want %d", i+1, addr, got, w)
				}
			}
		}
		open("192.0.2.1:1", 101, 101, 101, 429, 429)
		open("192.0.2.2:1", 101)
		open("[2001:db8::1]:1", 101, 101)
		open("[2001:db8::ffff:1]:1", 101, 429) // the same /64
		open("[2001:db8:0:1::1]:1", 101)
		time.Sleep(500 * time.Millisecond) // what was refused has not counted
		open("192.0.2.1:1", 101, 429)
		time.Sleep(time.Minute)
		open("192.0.2.1:1", 101, 101, 101, 429)
		if got := n.Stats().Refused[signaling.RefusedConnects]; got != 5 {
			t.Errorf("refused for their rate = %d, want 5", got)
		}
	})
}

func TestCallRate(t *testing.T) {
	for _, path := range []string{"/peerjs/id", "/peerjs/peers"} {
		t.Run(path, func(t *testing.T) {
			inBubble(t, func(c *signaling.Config) { c.CallRate, c.CallBurst = 1, 2 }, func(t *testing.T, n *pipeNet) {
				last := 0
				for range 3 {
					last, _ = n.get(t, path, here)
				}
				if other, _ := n.get(t, path, there); last != 429 || other == 429 {
					t.Errorf("third request: status %d, want 429; from another address: %d", last, other)
				}
				time.Sleep(time.Second)
				if status, _ := n.get(t, path, here); status == 429 {
					t.Error("a second later it is still refused")
				}
				if got := n.Stats().Refused[signaling.RefusedCalls]; got != 1 {
					t.Errorf("refused calls = %d, want 1", got)
				}
			})
		})
	}
}

func TestSocketsPerAddress(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.SocketsPerAddress = 2 }, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		n.listen(t, "b", "t", here, true)
		if _, got := n.try(t, query(1), here, ""); got != 429 {
			t.Errorf("third socket: status %d, want 429", got)
		}
		n.listen(t, "c", "t", there, true).expect(openFrame)
		a.conn.Close()
		synctest.Wait()
		if _, got := n.try(t, query(1), here, ""); got != 101 {
			t.Errorf("after one is gone: status %d, want 101", got)
		}
		if got := n.Stats().Refused[signaling.RefusedSockets]; got != 1 {
			t.Errorf("refused = %d, want 1", got)
		}
	})
}

// Sockets that are refused linger for a moment; nobody may have many of them.
func TestPendingPerAddress(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.PendingPerAddress = 2 }, func(t *testing.T, n *pipeNet) {
		for range 5 { // admitted ones do not count
			n.listen(t, fmt.Sprint("peer", time.Now().UnixNano()), "t", here, true)
			time.Sleep(time.Millisecond)
		}
		var got []int
		for range 3 {
			_, status := n.try(t, "key=peerjs&id=a", here, "") // no token; the close frame is never read
			got = append(got, status)
		}
		if fmt.Sprint(got) != "[101 101 429]" {
			t.Errorf("statuses %v, want 101, 101, 429", got)
		}
		time.Sleep(15 * time.Second) // a write's time and a close frame's
		if _, status := n.try(t, query(1), here, ""); status != 101 {
			t.Errorf("after they are gone: status %d, want 101", status)
		}
		if got := n.Stats().Refused[signaling.RefusedOpening]; got != 1 {
			t.Errorf("refused = %d, want 1", got)
		}
	})
}

// Whoever asks for an upgrade, is refused, and then does not take the answer
// counts while that lasts, and not for ever. In all it gives way to newcomers.
func TestUnfinishedUpgrades(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		status string
		why    signaling.Refusal
		times  uint64
	}{
		{"of one address", func(c *signaling.Config) { c.PendingPerAddress = 2 }, "429", signaling.RefusedOpening, 1},
		{"in all", func(c *signaling.Config) { c.MaxPending = 2 }, "101", signaling.RefusedPending, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.change, func(t *testing.T, n *pipeNet) {
				upgrade := func() net.Conn {
					conn, _ := n.connect(here)
					t.Cleanup(func() { conn.Close() })
					fmt.Fprintf(conn, "GET /peerjs?key=peerjs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
						"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
					synctest.Wait()
					return conn
				}
				upgrade()
				upgrade()
				third := upgrade()
				buf := make([]byte, 64)
				if _, err := io.ReadFull(third, buf[:12]); err != nil || string(buf[9:12]) != tt.status {
					t.Errorf("third upgrade: %q, %v, want status %s", buf[:12], err, tt.status)
				}
				time.Sleep(11 * time.Second) // the write timeout
				if _, status := n.try(t, query(1), here, ""); status != 101 {
					t.Errorf("when they are over: status %d, want 101", status)
				}
				if got := n.Stats().Refused[tt.why]; got != tt.times {
					t.Errorf("refused as %s = %d, want %d", tt.why, got, tt.times)
				}
			})
		})
	}
}

func TestExemptAddressesAreSpared(t *testing.T) {
	inBubble(t, func(c *signaling.Config) {
		c.ConnectBurst, c.CallBurst, c.SocketsPerAddress, c.PendingPerAddress, c.MessageBurst = 1, 1, 1, 1, 1
		c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	}, func(t *testing.T, n *pipeNet) {
		for i := range 5 {
			if _, status := n.try(t, query(i), here, ""); status != 101 {
				t.Errorf("socket %d: status %d", i+1, status)
			}
			if status, _ := n.get(t, "/peerjs/id", here); status != 200 {
				t.Errorf("call %d: status %d", i+1, status)
			}
		}
		a := n.listen(t, "a", "t", here, true)
		began := time.Now()
		for range 50 {
			a.send(`{"type":"OFFER","dst":"a"}`)
		}
		if got := len(a.heard()); got != 51 || time.Since(began) != 0 {
			t.Errorf("%d frames in %v, want 51 at once", got, time.Since(began))
		}
		if _, status := n.try(t, query(10), there, ""); status != 101 {
			t.Error("another address is refused at once")
		}
		if _, status := n.try(t, query(11), there, ""); status != 429 {
			t.Error("another address is spared too")
		}
	})
}

// What is remembered of addresses is bounded, and forgotten when it says
// nothing any more.
func TestAddressesAreForgotten(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.MaxAddresses, c.CallRate, c.CallBurst = 10, 1, 2 }, func(t *testing.T, n *pipeNet) {
		n.listen(t, "a", "t", here, true) // is not forgotten: it is here
		for i := range 50 {
			n.get(t, "/peerjs/id", fmt.Sprintf("198.51.100.%d:1", i))
			if got := n.Stats().Addresses; got > 11 {
				t.Fatalf("%d addresses are remembered, want at most 10 and the one that is here", got)
			}
		}
		if got := n.Stats().Addresses; got != 11 {
			t.Errorf("%d addresses are remembered, want 11", got)
		}
		n.get(t, "/peerjs/id", "198.51.100.49:1")
		if status, _ := n.get(t, "/peerjs/id", "198.51.100.49:1"); status != 429 {
			t.Errorf("the newest: status %d, want it to be remembered", status)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := n.Stats().Addresses; got != 1 {
			t.Errorf("%d addresses are remembered a minute later, want the one that is here", got)
		}
	})
}

func TestAllowOrigin(t *testing.T) {
	for _, tt := range []struct {
		name    string
		allowed []string
		origin  string
		status  int
	}{
		{"any", nil, "https://x.example", 101},
		{"star", []string{"*"}, "https://x.example", 101},
		{"listed", []string{"https://y.example", "https://x.example"}, "https://x.example", 101},
		{"in capitals", []string{"https://x.example"}, "https://X.example", 101},
		{"not listed", []string{"https://y.example"}, "https://x.example", 403},
		{"another scheme", []string{"https://x.example"}, "http://x.example", 403},
		{"another port", []string{"https://x.example"}, "https://x.example:444", 403},
		{"a longer name", []string{"https://x.example"}, "https://x.example.evil.example", 403},
		{"a file", []string{"https://x.example"}, "null", 403},
		{"a file, listed", []string{"null"}, "null", 101},
		{"no browser", []string{"https://x.example"}, "", 101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(c *signaling.Config) { c.AllowOrigin = tt.allowed }, func(t *testing.T, n *pipeNet) {
				if _, got := n.try(t, query(1), here, tt.origin); got != tt.status {
					t.Errorf("status %d, want %d", got, tt.status)
				}
				synctest.Wait()
				st := n.Stats()
				if refused := st.Refused[signaling.RefusedOrigin] == 1; refused != (tt.status == 403) || refused == (st.Connected == 1) {
					t.Errorf("counted as refused = %v, connected = %d", refused, st.Connected)
				}
			})
		})
	}
	t.Run("two origins", func(t *testing.T) {
		inBubble(t, func(c *signaling.Config) { c.AllowOrigin = []string{"https://x"} }, func(t *testing.T, n *pipeNet) {
			d := websocket.Dialer{NetDialContext: n.dialer(here)}
			_, resp, err := d.Dial("ws://pipe/peerjs?"+query(1), http.Header{"Origin": {"https://x", "https://evil"}})
			if err == nil || resp == nil || resp.StatusCode != 403 {
				t.Errorf("dial = %v, %v, want status 403", resp, err)
			}
		})
	})
}

// An id is kept for whoever asked for it.
func TestReservedIDs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		asks   string
		comes  string
		after  time.Duration
		want   string
	}{
		{name: "the same address", asks: "192.0.2.1:1", comes: "192.0.2.1:2", want: openFrame},
		{name: "another address", asks: "192.0.2.1:1", comes: "192.0.2.2:1", want: taken},
		{name: "the same /64", asks: "[2001:db8::1]:1", comes: "[2001:db8::2]:1", want: openFrame},
		{name: "another /64", asks: "[2001:db8::1]:1", comes: "[2001:db8:0:1::1]:1", want: taken},
		{name: "another family", asks: "192.0.2.1:1", comes: "[2001:db8::1]:1", want: openFrame}, // may be the same client
		{name: "just in time", asks: "192.0.2.1:1", comes: "192.0.2.2:1", after: 9900 * time.Millisecond, want: taken},
		{name: "too late", asks: "192.0.2.1:1", comes: "192.0.2.2:1", after: 10 * time.Second, want: openFrame},
		{name: "off", change: func(c *signaling.Config) { c.ReserveID = 0 }, asks: "192.0.2.1:1", comes: "192.0.2.2:1", want: openFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.change, func(t *testing.T, n *pipeNet) {
				_, id := n.get(t, "/peerjs/id", tt.asks)
				time.Sleep(tt.after)
				n.listen(t, id, "t", tt.comes, true).expect(tt.want)
				if reserved := n.Stats().Refused[signaling.RefusedReserved] == 1; reserved != (tt.want == taken) {
					t.Errorf("counted as reserved = %v", reserved)
				}
				if tt.want == taken {
					n.listen(t, id, "t", tt.asks, true).expect(openFrame)
				}
			})
		})
	}
	t.Run("is not given to two", func(t *testing.T) {
		inBubble(t, func(c *signaling.Config) { c.GenerateID = func() string { return "same" } }, func(t *testing.T, n *pipeNet) {
			for i, want := range []struct {
				addr   string
				status int
			}{{here, 200}, {here, 200}, {there, 503}} {
				if status, _ := n.get(t, "/peerjs/id", want.addr); status != want.status {
					t.Errorf("request %d: status %d, want %d", i+1, status, want.status)
				}
			}
		})
	})
	t.Run("is free again once it was used", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, n *pipeNet) {
			_, id := n.get(t, "/peerjs/id", here)
			a := n.listen(t, id, "t", here, true)
			a.conn.Close()
			synctest.Wait()
			n.listen(t, id, "t", there, true).expect(openFrame)
		})
	})
	t.Run("bounded", func(t *testing.T) {
		inBubble(t, func(c *signaling.Config) { c.MaxHeld = 5 }, func(t *testing.T, n *pipeNet) {
			var ids []string
			for range 20 {
				_, id := n.get(t, "/peerjs/id", here)
				ids = append(ids, id)
			}
			if got := n.Stats().Held; got != 5 {
				t.Errorf("%d ids are kept, want 5", got)
			}
			n.listen(t, ids[14], "t", there, true).expect(openFrame) // the oldest were given up
			n.listen(t, ids[15], "t", there, true).expect(taken)
			time.Sleep(12 * time.Second)
			synctest.Wait()
			if got := n.Stats().Held; got != 0 {
				t.Errorf("%d ids are kept after their time, want 0", got)
			}
		})
	})
}

// With a grace, only the token that held an id may have it again after its
// connection was lost; who said goodbye leaves it to anybody.
func TestIDGrace(t *testing.T) {
	lose := func(l *listener) { l.conn.NetConn().Close() }
	bye := func(l *listener) {
		_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
	}
	leave := func(l *listener) { l.send(`{"type":"LEAVE"}`) }
	for _, tt := range []struct {
		name  string
		grace time.Duration
		end   func(*listener)
		token string
		after time.Duration
		want  string
	}{
		{"off by default", 0, lose, "other", 0, openFrame},
		{"lost", 5 * time.Second, lose, "other", 0, taken},
		{"lost, the same token", 5 * time.Second, lose, "t", 0, openFrame},
		{"lost, after the grace", 5 * time.Second, lose, "other", 5200 * time.Millisecond, openFrame},
		{"lost, before its end", 5 * time.Second, lose, "other", 4800 * time.Millisecond, taken},
		{"a reload", 5 * time.Second, bye, "other", 0, openFrame},
		{"left", 5 * time.Second, leave, "other", 0, openFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(c *signaling.Config) { c.IDGrace = tt.grace }, func(t *testing.T, n *pipeNet) {
				a := n.listen(t, "a", "t", here, true)
				time.Sleep(time.Second)
				tt.end(a)
				synctest.Wait()
				time.Sleep(tt.after)
				n.listen(t, "a", tt.token, here, true).expect(tt.want)
				if kept := n.Stats().Refused[signaling.RefusedGrace] == 1; kept != (tt.want == taken) {
					t.Errorf("counted as grace = %v", kept)
				}
			})
		})
	}
}

// Who came back within its grace may leave for good after all.
func TestGraceEndsWithTheReturn(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.IDGrace = time.Minute }, func(t *testing.T, n *pipeNet) {
		n.listen(t, "a", "t", here, true).conn.NetConn().Close()
		synctest.Wait()
		back := n.listen(t, "a", "t", here, true)
		back.expect(openFrame)
		_ = back.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
		synctest.Wait()
		n.listen(t, "a", "other", here, true).expect(openFrame)
		if got := n.Stats().Held; got != 0 {
			t.Errorf("%d ids are kept, want 0", got)
		}
	})
}

func TestStoppedWhileUpgrading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		conn, end := n.connect(here)
		defer conn.Close()
		end.held = make(chan struct{})
		fmt.Fprintf(conn, "GET /peerjs?key=peerjs&id=a&token=t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
			"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		synctest.Wait() // it is being upgraded
		n.stop()
		close(end.held)
		said, _ := io.ReadAll(conn)
		if _, frame, _ := strings.Cut(string(said), "\r\n\r\n"); frame != "\x88\x02\x03\xe9" {
			t.Errorf("heard %q, want a close frame with 1001", frame)
		}
		if got := n.Stats(); got.Sockets != 0 || got.Refused[signaling.RefusedStopping] != 1 {
			t.Errorf("stats = %+v", got)
		}
	})
}
