package api_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/liberdus/liberdus/internal/api"
)

// serve serves a, by its own listener, until the test ends.
func serve(t testing.TB, a *api.API) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	srv := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		}
	}}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(a.Listener(l)) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v", err)
		}
		open.Wait()
	})
	return l.Addr().String()
}

// ofServer sends what it reads, as it reads it, and returns all answers.
func ofServer(t testing.TB, addr string, requests io.Reader) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	io.Copy(c, requests) // the server may have closed
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	return string(all)
}

// A pipe is a listener with one connection.
type pipe struct{ first chan net.Conn }

func (p *pipe) Accept() (net.Conn, error) {
	if c, ok := <-p.first; ok {
		return c, nil
	}
	return nil, io.EOF
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{} }
func (p *pipe) Close() error   { return nil }

// refused is the answer to one request that no handler sees.
func refused(t testing.TB, a *api.API, request string) answer {
	t.Helper()
	client, server := net.Pipe()
	p := &pipe{make(chan net.Conn, 1)}
	p.first <- server
	close(p.first)
	over := make(chan struct{})
	srv := &http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%q is handed on", request) }),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				close(over)
			}
		},
	}
	if err := srv.Serve(a.Listener(p)); !errors.Is(err, io.EOF) {
		t.Errorf("Serve = %v", err)
	}
	go io.WriteString(client, request) // ends with the connection
	all, err := io.ReadAll(client)
	if err != nil {
		t.Errorf("answer to %q: %v", request, err)
	}
	<-over
	client.Close()
	return faultOf(t, request, string(all))
}

// faultOf takes one answer of a server apart, and demands what all have.
func faultOf(t testing.TB, request, text string) answer {
	t.Helper()
	method, _, _ := strings.Cut(strings.TrimLeft(request, "\r\n"), " ")
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: method})
	if err != nil {
		t.Errorf("answer to %q: %v", request, err)
		return answer{}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("answer to %q: %v", request, err)
	}
	h := resp.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json; charset=utf-8" || !resp.Close {
		t.Errorf("headers of the answer to %q: %v", request, h)
	}
	if !strings.HasSuffix(text, "\r\n\r\n"+string(body)) {
		t.Errorf("more follows the answer to %q: %q", request, text)
	}
	return answer{resp.StatusCode, string(body)}
}

// A bad escape in a path gives the same by both doors, though a server refuses it
// before any handler sees it.
func TestBadEscapes(t *testing.T) {
	a := newAPI(working())
	addr := serve(t, a)
	for path, text := range map[string]string{
		"/account/%zz":                     `url: invalid URL escape \"%zz\"`,
		"/%":                               `url: invalid URL escape \"%\"`,
		"/account/%1":                      `url: invalid URL escape \"%1\"`,
		"/account/%1?x=%20":                `url: invalid URL escape \"%1\"`,
		"/%E/account":                      `url: invalid URL escape \"%E\"`,
		"/%é":                              `url: invalid URL escape \"%é\"`,
		"/%zz" + strings.Repeat("a", 1022): `url of 1025 bytes is over 1024`,
	} {
		want := answer{400, fault("bad-request", text)}
		if got := overChannel(t, a, "GET", path, ""); got != want {
			t.Errorf("data channel %s = %v, want %v", path, got, want)
		}
		const head = " HTTP/1.1\r\nHost: node\r\n\r\n"
		for name, request := range map[string]string{
			"GET":                     "GET " + path + head,
			"POST":                    "POST " + path + " HTTP/1.1\r\nHost: node\r\nContent-Length: 2\r\n\r\n{}",
			"with the host":           "GET http://node:9001" + path + head,
			"lines of UNIX":           "GET " + path + " HTTP/1.1\nHost: node\n\n",
			"after two empty lines":   "\r\n\r\nGET " + path + head,
			"of a method nobody uses": "FETCH " + path + head,
			"with a long body":        "POST " + path + " HTTP/1.1\r\nHost: node\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("a", 200_000),
		} {
			if got := faultOf(t, request, ofServer(t, addr, strings.NewReader(request))); got != want {
				t.Errorf("HTTP, %s of %s = %v, want %v", name, path, got, want)
			}
		}
		request := "GET " + path + head
		if got := faultOf(t, request, ofServer(t, addr, iotest.OneByteReader(strings.NewReader(request)))); got != want {
			t.Errorf("HTTP, byte by byte, of %s = %v, want %v", path, got, want)
		}
		if got := faultOf(t, "HEAD ", ofServer(t, addr, strings.NewReader("HEAD "+path+head))); got != (answer{400, ""}) {
			t.Errorf("HEAD %s = %v, want 400 without a body", path, got)
		}
	}
}

// A refusal is of the request that is read, not of one that was answered before.
func TestBadEscapeAfterOthers(t *testing.T) {
	addr := serve(t, newAPI(working()))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for _, tt := range []struct {
		request string
		want    answer
	}{
		{"GET /account/a1 HTTP/1.1\r\nHost: node\r\n\r\n", answer{200, `{"account":` + accountA1 + `}`}},
		{"GET /account/a1/%41 HTTP/1.1\r\nHost: node\r\n\r\n", answer{404, notFound("GET /account/a1/A")}},
		{"POST /inject HTTP/1.1\r\nHost: node\r\nContent-Length: 11\r\n\r\n{\"tx\":null}", answer{200, `{"error":{}}`}},
		{"GET /%zz HTTP/1.1\r\nHost: node\r\n\r\n", answer{400, fault("bad-request", `url: invalid URL escape \"%zz\"`)}},
	} {
		if _, err := io.WriteString(c, tt.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if got := (answer{resp.StatusCode, string(body)}); err != nil || got != tt.want {
			t.Errorf("%q = %v, %v, want %v", tt.request, got, err, tt.want)
		}
	}
}

// What is not HTTP gets a fault, too, that a page may read.
func TestNotHTTP(t *testing.T) {
	a := newAPI(working())
	addr := serve(t, a)
	const unread = "its first line or a header cannot be read"
	for name, tt := range map[string]struct{ request, reason string }{
		"no version":         {"GET /account/a1\r\n\r\n", unread},
		"no method":          {" /account/a1 HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"a space":            {"GET /account/a 1 HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"a control byte":     {"GET /account/a\x01 HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"a bad method":       {"G@T /account/a1 HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"no slash":           {"GET account/a1 HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"a bad header":       {"GET /account/a1 HTTP/1.1\r\nHost: node\r\nno colon\r\n\r\n", unread},
		"two lengths":        {"POST /inject HTTP/1.1\r\nHost: node\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", unread},
		"no host":            {"GET /account/a1 HTTP/1.1\r\n\r\n", "missing required Host header"},
		"two hosts":          {"GET /account/a1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", unread},
		"a bad host":         {"GET /account/a1 HTTP/1.1\r\nHost: a\x80{\r\n\r\n", "malformed Host header"},
		"a header's name":    {"GET /account/a1 HTTP/1.1\r\nHost: node\r\nü: 1\r\n\r\n", unread},
		"TLS":                {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n\n", unread},
		"a very long line":   {"GET /%zz" + strings.Repeat("a", 4096) + " HTTP/1.1\r\nHost: node\r\n\r\n", unread},
		"a header's control": {"GET /account/a1 HTTP/1.1\r\nHost: node\r\nA: \x01\r\n\r\n", unread},
	} {
		want := answer{400, fault("bad-request", "not an HTTP request: "+tt.reason)}
		if got := faultOf(t, tt.request, ofServer(t, addr, strings.NewReader(tt.request))); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// What the HTTP layer refuses with another status is its own, and what a handler
// says is never taken for a refusal.
func TestOtherAnswersPass(t *testing.T) {
	for name, tt := range map[string]struct{ request, want string }{
		"too long headers": {"GET /account/a1 HTTP/1.1\r\nHost: node\r\nA: " + strings.Repeat("a", 24<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"an encoding":      {"POST /inject HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
		"a version":        {"GET /account/a1 HTTP/3.1\r\nHost: node\r\n\r\n", "HTTP/1.1 505 "},
		"an expectation":   {"POST /inject HTTP/1.1\r\nHost: node\r\nExpect: more\r\nConnection: close\r\n\r\n", "HTTP/1.1 417 "},
	} {
		if got := ofServer(t, serve(t, newAPI(working())), strings.NewReader(tt.request)); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %.80q, want %s", name, got, tt.want)
		}
	}
	const own = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	echo := newAPI(working()).Listener(l)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if c, err := echo.Accept(); err == nil {
			c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 132\r\n\r\n"))
			c.Write([]byte(own)) // no first word
			c.Close()
		}
	}()
	if got := ofServer(t, l.Addr().String(), bytes.NewReader(nil)); !strings.HasSuffix(got, own) {
		t.Errorf("a handler's own words came as %q", got)
	}
	<-over
}

// token reports whether a server takes s for a method.
func token(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// noURL reports whether no request line can have r in its target.
func noURL(r rune) bool { return r <= ' ' || r == 0x7f }
