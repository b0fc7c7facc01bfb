package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/api"
)

// fromHeader counts requests under what their header X-From says.
func fromHeader(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddr(r.Header.Get("X-From"))
	return addr
}

// An unfinished body has so many bytes, and then nothing until more comes.
type unfinished struct {
	io.Reader
	more chan struct{}
}

func newUnfinished(n int) *unfinished {
	u := &unfinished{more: make(chan struct{})}
	u.Reader = io.MultiReader(strings.NewReader(`{"a":"`+strings.Repeat("x", n-6)), u.rest())
	return u
}

func (u *unfinished) rest() io.Reader {
	return readerFunc(func([]byte) (int, error) { <-u.more; return 0, io.EOF })
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What has no route, or wants no body, is answered before a body is read.
func TestBodyWithoutRoute(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/timestamp", 404},
		{"POST", "/nowhere", 404},
		{"GET", "/timestamp", 200},
		{"GET", "/account/a1", 200},
		{"PUT", "/inject", 404},
	} {
		body := readerFunc(func([]byte) (int, error) { t.Errorf("%s %s: the body is read", tt.method, tt.path); return 0, io.EOF })
		if resp := request(newAPI(working()), tt.method, tt.path, body); resp.StatusCode != tt.status {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, resp.StatusCode, tt.status)
		}
	}
}

// Bodies that never end take a bounded amount of memory, of one address and in
// all, and leave small ones in.
func TestUnfinishedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(working())
		a.Callers(fromHeader)
		var wg sync.WaitGroup
		var held []*unfinished
		hold := func(from string, n int) {
			for range n {
				u := newUnfinished(api.MaxBody - 1)
				held = append(held, u)
				wg.Go(func() {
					if resp := request(a, "POST", "/inject", u, "X-From", from); resp.StatusCode != 400 {
						t.Errorf("an unfinished body of %s = %d, want 400", from, resp.StatusCode)
					}
				})
			}
			synctest.Wait()
		}
		large := `{"from":"alice","memo":"` + strings.Repeat("x", 64<<10) + `"}`
		want := func(from, body string, status int) {
			t.Helper()
			if resp := request(a, "POST", "/inject", strings.NewReader(body), "X-From", from); resp.StatusCode != status {
				t.Errorf("a body of %d bytes of %q beside %d others = %d, want %d", len(body), from, len(held), resp.StatusCode, status)
			}
		}
		const small = `{"from":"alice"}`
		hold("192.0.2.1", 4)
		want("192.0.2.1", large, 429)
		want("192.0.2.1", small, 200)
		want("192.0.2.2", large, 200)
		for i := range 7 {
			hold(fmt.Sprintf("192.0.2.1%d", i), 4)
		}
		want("192.0.2.2", large, 200) // what the 32 were not charged is left
		want("192.0.2.2", `{"from":"alice","memo":"`+strings.Repeat("x", 512<<10)+`"}`, 429)
		want("192.0.2.2", small, 200)
		for _, u := range held {
			close(u.more)
		}
		wg.Wait()
		want("192.0.2.1", large, 200)
		want("192.0.2.2", large, 200)
	})
}

// A body that claims a length and does not come takes nothing from others, and
// its time ends.
func TestClaimedBodies(t *testing.T) {
	a := newAPI(working())
	a.Callers(func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") })
	srv := httptest.NewServer(a)
	defer srv.Close()
	for range 100 {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", api.MaxBody)
	}
	resp, err := srv.Client().Post(srv.URL+"/inject", "", strings.NewReader(`{"from":"alice","memo":"`+strings.Repeat("x", 900<<10)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("a large body beside 100 that only claim to be = %d, want 200", resp.StatusCode)
	}
}

// A body has a time in which to come.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		srv := &http.Server{Handler: newAPI(working())}
		l := &oneConn{conn: make(chan net.Conn, 1), addr: server.LocalAddr()}
		l.conn <- server
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		began := time.Now()
		fmt.Fprintf(client, "POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{")
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if d := time.Since(began); err != nil || resp.StatusCode != 408 || !resp.Close || d < 10*time.Second || d > 20*time.Second {
			t.Errorf("answer = %d after %v, close %v, %v, want 408 after 15 s, and the end", resp.StatusCode, d, resp.Close, err)
		}
		if want := `{"code":"timeout","error":"the body has not come within 15s"}`; string(text) != want {
			t.Errorf("answer = %s, want %s", text, want)
		}
		client.Close()
		srv.Close()
		<-served
	})
}

// oneConn is a listener to which one connection comes.
type oneConn struct {
	conn chan net.Conn
	addr net.Addr
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conn
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.conn) }); return nil }
func (l *oneConn) Addr() net.Addr { return l.addr }
