package signaling_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/signaling"
)

// call makes a request and returns the answer with its body.
func (s *site) call(t *testing.T, method, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

const rootBody = `{"name":"PeerJS Server","description":"A server side element to broker connections between PeerJS clients.","website":"https://peerjs.com/"}`

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestHTTP(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	for _, tt := range []struct {
		name, method, path string
		status             int
		contentType, body  string // body "UUID": one of version 4; "404": directions
	}{
		{"root", "GET", "/", 200, "application/json; charset=utf-8", rootBody},
		{"id", "GET", "/peerjs/id", 200, "text/html; charset=utf-8", "UUID"},
		{"id of any key", "GET", "/other/id", 200, "text/html; charset=utf-8", "UUID"},
		{"id with a query", "GET", "/peerjs/id?ts=1&version=1.5.5", 200, "text/html; charset=utf-8", "UUID"},
		{"id with a slash", "GET", "/peerjs/id/", 200, "text/html; charset=utf-8", "UUID"},
		{"id in capitals", "GET", "/peerjs/ID", 200, "text/html; charset=utf-8", "UUID"},
		{"id with an escaped key", "GET", "/%70eerjs/id", 200, "text/html; charset=utf-8", "UUID"},
		{"id, doubled slash", "GET", "/peerjs//id", 404, "text/plain; charset=utf-8", "404"},
		{"id, two slashes at the end", "GET", "/peerjs/id//", 404, "text/plain; charset=utf-8", "404"},
		{"id of no key", "GET", "//id", 404, "text/plain; charset=utf-8", "404"},
		{"id, broken escape", "GET", "/%zz/id", 400, "", ""},
		{"peers", "GET", "/peerjs/peers", 401, "text/plain; charset=utf-8", "Unauthorized"},
		{"the socket without an upgrade", "GET", "/peerjs", 404, "text/plain; charset=utf-8", "404"},
		{"post", "POST", "/peerjs/id", 404, "text/plain; charset=utf-8", "404"},
		{"old offer", "POST", "/peerjs/a/t/offer", 404, "text/plain; charset=utf-8", "404"},
		{"old stream", "POST", "/peerjs/a/t/id", 404, "text/plain; charset=utf-8", "404"},
		{"head of id", "HEAD", "/peerjs/id", 200, "text/html; charset=utf-8", ""},
		{"head of peers", "HEAD", "/peerjs/peers", 401, "text/plain; charset=utf-8", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "id, broken escape" {
				if got := s.rawStatus(t, tt.path); got != "HTTP/1.1 400 Bad Request" {
					t.Errorf("answer = %q", got)
				}
				return
			}
			resp, body := s.call(t, tt.method, tt.path, nil)
			if resp.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", resp.StatusCode, tt.status)
			}
			if got := resp.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("content type = %q, want %q", got, tt.contentType)
			}
			switch tt.body {
			case "UUID":
				if !uuid4.MatchString(body) {
					t.Errorf("body = %q, want a UUID", body)
				}
			case "404":
				for _, want := range []string{"/peerjs/id", "/peerjs?key=peerjs&id=", `path: "/", key: "peerjs"`} {
					if !strings.Contains(body, want) {
						t.Errorf("body = %q, want it to name %s", body, want)
					}
				}
			default:
				if body != tt.body {
					t.Errorf("body = %q, want %q", body, tt.body)
				}
			}
		})
	}
	_, one := s.call(t, "GET", "/peerjs/id", nil)
	if _, two := s.call(t, "GET", "/peerjs/id", nil); one == two {
		t.Errorf("two ids are equal: %q", one)
	}
}

func TestPath(t *testing.T) {
	for _, configured := range []string{"/myapp", "/myapp/", "myapp", "myapp/"} {
		t.Run(configured, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.Path = configured })
			for path, want := range map[string]int{
				"/myapp": 200, "/myapp/": 200, "/MyApp/": 200, "/myapp/peerjs/id": 200,
				"/": 404, "/peerjs/id": 404, "/myapplication": 404, "/myapp//": 404,
			} {
				resp, body := s.call(t, "GET", path, http.Header{"Origin": {"https://x"}})
				if resp.StatusCode != want {
					t.Errorf("GET %s = %d, want %d", path, resp.StatusCode, want)
				}
				if want == 404 && !strings.Contains(body, "/myapp/peerjs/id") {
					t.Errorf("GET %s does not name the path that works: %q", path, body)
				}
			}
			s.url += "/myapp"
			s.join(t, "a", "t")
		})
	}
}

func TestDiscovery(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.AllowDiscovery = true })
	list := func() string {
		_, body := s.call(t, "GET", "/peerjs/peers", nil)
		return body
	}
	if got := list(); got != "[]" {
		t.Errorf("peers = %s, want []", got)
	}
	bob := s.join(t, "bob", "t")
	s.join(t, "amy", "t")
	bob = func(older *peer) *peer { // a reconnect does not change the order
		newer := s.join(t, "bob", "t")
		older.conn.Close()
		return newer
	}(bob)
	if got := list(); got != `["bob","amy"]` {
		t.Errorf(`peers = %s, want ["bob","amy"]`, got)
	}
	if _, body := s.call(t, "GET", "/p%65erjs/peers", nil); body != `["bob","amy"]` {
		t.Errorf("peers with the key written otherwise = %s", body)
	}
	if resp, body := s.call(t, "GET", "/other/peers", nil); resp.StatusCode != 401 || body != "Unauthorized" {
		t.Errorf("peers with another key = %d %q, want 401", resp.StatusCode, body)
	}
	bob.conn.Close()
	s.awaitGone(t, "bob")
	if got := list(); got != `["amy"]` {
		t.Errorf(`peers = %s, want ["amy"]`, got)
	}
}

func TestGenerateID(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.GenerateID = func() string { return "abcd" } })
	if resp, body := s.call(t, "GET", "/peerjs/id", nil); resp.StatusCode != 200 || body != "abcd" {
		t.Errorf("id = %d %q, want abcd", resp.StatusCode, body)
	}
	s.join(t, "abcd", "t") // now it can never find a free one
	if resp, _ := s.call(t, "GET", "/peerjs/id", nil); resp.StatusCode != 503 {
		t.Errorf("id with none free = %d, want 503", resp.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.Path = "/p" })
	origin := http.Header{"Origin": {"https://x"}}
	for path, status := range map[string]int{"/p/": 200, "/p/peerjs/id": 200, "/p/peerjs/peers": 401, "/p/nope": 404} {
		resp, _ := s.call(t, "GET", path, origin.Clone())
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://x" || resp.StatusCode != status {
			t.Errorf("GET %s: allowed origin %q, status %d; want https://x, %d", path, got, resp.StatusCode, status)
		}
		if !slices.Contains(resp.Header.Values("Vary"), "Origin") {
			t.Errorf("GET %s: Vary = %q, want Origin", path, resp.Header.Values("Vary"))
		}
		resp, _ = s.call(t, "GET", path, nil)
		if got, ok := resp.Header["Access-Control-Allow-Origin"]; ok || resp.Header.Get("Vary") != "Origin" {
			t.Errorf("GET %s without an origin: allowed %q, Vary %q", path, got, resp.Header.Get("Vary"))
		}
	}
	resp, _ := s.call(t, "GET", "/nope", origin.Clone())
	if got, ok := resp.Header["Access-Control-Allow-Origin"]; ok {
		t.Errorf("outside the path: allowed origin %q, want none", got)
	}
}

func TestPreflight(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	resp, body := s.call(t, "OPTIONS", "/peerjs/id", http.Header{"Origin": {"https://x"}, "Access-Control-Request-Headers": {"a,b"}})
	if resp.StatusCode != 204 || body != "" {
		t.Errorf("answer = %d %q, want 204", resp.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  "https://x",
		"Access-Control-Allow-Headers": "a,b",
		"Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
		"Vary":                         "Origin, Access-Control-Request-Headers",
		"Content-Type":                 "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	resp, _ = s.call(t, "OPTIONS", "/peerjs/id", nil)
	if _, ok := resp.Header["Access-Control-Allow-Headers"]; ok {
		t.Error("headers are allowed that nobody asked for")
	}
}

// rawStatus sends a request line that Go's client would not and returns the
// status line of the answer.
func (s *site) rawStatus(t *testing.T, path string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
