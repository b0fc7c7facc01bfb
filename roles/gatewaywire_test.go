package roles_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// wire sends text over a connection of its own, closes its side if told to, and returns the
// statuses of all answers until the gateway closes, and the last body.
func wire(t *testing.T, g *gateway, text string, half bool) (statuses []string, all string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, text) // it may be refused before it is read
	if half {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	read, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", read, err)
	}
	for _, line := range regexp.MustCompile(`HTTP/1\.[01] (\d{3}) `).FindAllStringSubmatch(string(read), -1) {
		statuses = append(statuses, line[1])
	}
	return statuses, string(read)
}

// What clients write that are old, odd or hostile is answered as HTTP has it.
func TestGatewayAtTheWire(t *testing.T) {
	d := startDevnet(t, 1)
	g := startGateway(t, pinned(d), nil)
	const get, host, last = "GET /timestamp HTTP/1.1\r\n", "Host: localhost\r\n", "Connection: close\r\n\r\n"
	tx := `{"tx":"{}"}`
	post := "POST /inject HTTP/1.1\r\n" + host + "Content-Length: 11\r\n"
	for _, tt := range []struct {
		name, text string
		half       bool // the client closes its side at once
		want       []string
		says       string
	}{
		{name: "HTTP/1.0", text: "GET /timestamp HTTP/1.0\r\n\r\n", want: []string{"200"}, says: `{"timestamp":`},
		{name: "HEAD", text: "HEAD /timestamp HTTP/1.1\r\n" + host + last, want: []string{"200"}, says: "Content-Length: 27\r\n"},
		{name: "a client that sends no more", text: get + host + "\r\n", half: true, want: []string{"200"}, says: `{"timestamp":`},
		{name: "one that has sent a transaction", text: post + "\r\n" + tx, half: true, want: []string{"200"}, says: `"success":false`},
		{name: "three in a row", text: get + host + "\r\n" + get + host + "\r\n" + get + host + last, want: []string{"200", "200", "200"}},
		{name: "one behind a transaction", text: post + "\r\n" + tx + get + host + last, want: []string{"200", "200"}},
		{name: "two lengths", text: post + "Content-Length: 4\r\n\r\n" + tx, want: []string{"400"}, says: "bad-request"},
		{name: "two hosts", text: get + host + "Host: other.example\r\n\r\n", want: []string{"400"}, says: "bad-request"},
		{name: "a proxy's request", text: "GET http://other.example/timestamp HTTP/1.1\r\n" + host + last, want: []string{"421"}, says: "other.example"},
		{name: "CONNECT", text: "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n" + last, want: []string{"421"}},
		{name: "a bad escape", text: "GET /account/%zz HTTP/1.1\r\n" + host + "\r\n", want: []string{"400"}, says: `invalid URL escape`},
		{name: "a long header", text: get + host + "X: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", want: []string{"431"}},
		{name: "HTTP/2", text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", want: []string{"404"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, all := wire(t, g, tt.text, tt.half); !slices.Equal(got, tt.want) || !strings.Contains(all, tt.says) {
				t.Errorf("= %q %.300q, want %q and %q", got, all, tt.want, tt.says)
			}
		})
	}
}

// A transaction is given to the network also where its sender goes at once.
func TestGatewayFinishesWhatItWasGiven(t *testing.T) {
	d := startDevnet(t, 1)
	g := startGateway(t, pinned(d), nil)
	user := newUser(t)
	body := wrapped(register(t, d, user, "gone"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /inject HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	waitFor(t, "the account to be there", func() bool {
		return strings.Contains(exchange(t, "GET", g.URL()+"/account/"+user.Address(), "").body, `"alias":"gone"`)
	})
}

// The clients of a proxy have shares of their own if it is trusted; else they are one client.
func TestGatewayBehindAProxy(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // an archiver that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, tt := range []struct {
		name    string
		trusted []string
		want    int // status for another client
	}{
		{"trusted", []string{"127.0.0.1"}, 503},
		{"another is trusted", []string{"192.0.2.1"}, 429},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default().Gateway
			cfg.Requests, cfg.TrustedProxy = 8, tt.trusted
			g, _ := launchGateway(t, cfg, "http://"+mute.Addr().String(), time.Second)
			ask := func(client string) int {
				req, err := http.NewRequestWithContext(t.Context(), "GET", g.URL()+"/timestamp", nil)
				if err != nil {
					t.Error(err)
					return 0
				}
				req.Header.Set("X-Forwarded-For", client)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return 0
				}
				res.Body.Close()
				return res.StatusCode
			}
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 2 { // all that one may have
				wg.Go(func() { ask("203.0.113.1") })
			}
			waitFor(t, "they are in hand", func() bool { return roles.Asking(g.Gateway) == 2 })
			if got := ask("203.0.113.2"); got != tt.want {
				t.Errorf("another client = %d, want %d", got, tt.want)
			}
		})
	}
}
