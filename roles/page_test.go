package roles_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

// raw sends a request as it is, over plain TCP, and returns the answer.
func raw(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := new(strings.Builder)
	if _, err := bufio.NewReader(res.Body).WriteTo(body); err != nil {
		t.Fatal(err)
	}
	return res, body.String()
}

// What newcomers to PeerJS get wrong: each answer says what would work.
func TestMistakesOfNewcomers(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) { c.NodeListen = "127.0.0.1:0" })
	addr := strings.TrimPrefix(a.URL(), "http://")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	options := func(host string) string {
		return `new Peer({ host: '` + host + `', port: ` + port + `, path: '/liberdus-peer', key: 'liberdus', secure: false })`
	}
	const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	here := []string{a.URL() + "/liberdus-peer/liberdus/id", options("127.0.0.1")}
	for _, tt := range []struct {
		name, path, host, header string
		status                   int
		want                     []string
	}{
		{name: "the paths of a PeerJS server at the root", path: "/peerjs/id", status: 404, want: here},
		{name: "the same with our key", path: "/liberdus/id", status: 404, want: here},
		{name: "the path in the guides", path: "/myapp", status: 404, want: here},
		{name: "the path without a slash", path: "/liberdus-peer", status: 200, want: []string{"PeerJS Server"}},
		{name: "the path with a slash", path: "/liberdus-peer/", status: 200, want: []string{"PeerJS Server"}},
		{name: "the path with two slashes", path: "//liberdus-peer/", status: 404, want: here},
		{name: "no key", path: "/liberdus-peer/id", status: 404, want: here},
		{name: "another key, which PeerJS does not mind here", path: "/liberdus-peer/peerjs/id", status: 200},
		{name: "the WebSocket's URL in the address bar", path: "/liberdus-peer/peerjs?key=liberdus&id=a&token=secret", status: 404, want: here},
		{name: "a WebSocket at the root", path: "/peerjs?key=peerjs&id=a&token=secret", header: upgrade, status: 400, want: here},
		{name: "a WebSocket at the path", path: "/liberdus-peer?key=liberdus&id=a&token=secret", header: upgrade, status: 400, want: here},
		{name: "a WebSocket with a slash at the end", path: "/liberdus-peer/peerjs/?key=liberdus&id=a&token=secret", header: upgrade, status: 400, want: here},
		{name: "a WebSocket at the key", path: "/liberdus-peer/liberdus?id=a&token=secret", header: upgrade, status: 400, want: here},
		{name: "socket.io", path: "/socket.io/?EIO=4&transport=polling", status: 404, want: here},
		{name: "by another name", path: "/nope", host: "my-archiver.example:" + port, status: 404, want: []string{"http://my-archiver.example:" + port + "/liberdus-peer/", options("my-archiver.example")}},
		{name: "through a port mapping", path: "/nope", host: "my-archiver.example:8080", status: 404, want: []string{"http://my-archiver.example:8080/liberdus-peer/", "port: 8080"}},
		{name: "by a port that browsers refuse", path: "/nope", host: "127.0.0.1:6000", status: 404, want: here},
		{name: "by IPv6", path: "/nope", host: "[::1]:" + port, status: 404, want: []string{options("[::1]")}},
		{name: "by a host that is none", path: "/nope", host: `<script>alert(1)</script>`, status: 404, want: here},
		{name: "by a host that breaks out of the snippet", path: "/", host: `x",a:"y`, status: 200, want: []string{options("127.0.0.1")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := tt.host
			if host == "" {
				host = addr
			}
			res, body := raw(t, addr, "GET "+tt.path+" HTTP/1.1\r\nHost: "+host+"\r\n"+tt.header+"\r\n")
			if res.StatusCode == http.StatusBadRequest && strings.Contains(body, "malformed Host header") {
				return // net/http does not let it in
			}
			if res.StatusCode != tt.status {
				t.Fatalf("status = %d, want %d: %s", res.StatusCode, tt.status, body)
			}
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("answer = %s\nwant it to say %s", body, want)
				}
			}
			if tt.status != 200 && res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("content type = %s, want plain text", res.Header.Get("Content-Type"))
			}
			if strings.Contains(body, "secret") || strings.Contains(body, "<script") || len(body) > 2000 {
				t.Errorf("the answer repeats what was asked, or is long: %s", body)
			}
		})
	}
	t.Run("on the listener for nodes", func(t *testing.T) {
		res, body := get(t, http.DefaultClient, "http://"+roles.NodeAddr(a)+"/liberdus-peer/liberdus/id")
		if res.StatusCode != http.StatusNotFound || !strings.Contains(body, a.URL()+"/liberdus-peer/") {
			t.Errorf("answer = %d %s, want 404 and the public URL", res.StatusCode, body)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

// The page and the directions name the URL at which clients arrive.
func TestPageNamesThePublicURL(t *testing.T) {
	ca := testca.New(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.1")
	for _, tt := range []struct {
		name   string
		change func(*config.Archiver)
		at     string
		want   []string
	}{
		{
			name: "a TLS terminator", at: "/", change: func(c *config.Archiver) { c.PublicURL = "https://archiver.example.org/" },
			want: []string{
				`host: 'archiver.example.org', port: 443, path: '/liberdus-peer', key: 'liberdus', secure: true`,
				`fetch('https://archiver.example.org/peerids')`, "--archiver https://archiver.example.org#",
			},
		},
		{
			name: "a terminator at another port", at: "/nope", change: func(c *config.Archiver) { c.PublicURL = "https://archiver.example.org:8443" },
			want: []string{`port: 8443`, "https://archiver.example.org:8443/liberdus-peer/liberdus/id", "wss://archiver.example.org:8443/liberdus-peer/peerjs?"},
		},
		{
			name: "the PeerJS server at the root", at: "/app", change: func(c *config.Archiver) { c.Path, c.Key = "/", "k" },
			want: []string{`path: '/', key: 'k'`},
		},
		{
			name: "TLS of its own", at: "/", change: func(c *config.Archiver) { c.TLSCert, c.TLSKey = cert, key },
			want: []string{`secure: true`, `fetch('https://127.0.0.1:`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, tt.change)
			_, body := get(t, trusting(ca), a.URL()+tt.at)
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("%s\nwant it to say %s", body, want)
				}
			}
		})
	}
}
