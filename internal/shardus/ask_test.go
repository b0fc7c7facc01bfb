package shardus_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/shardus"
)

const jsonType = "application/json; charset=utf-8"

func fault(status int, code, text string) answer {
	return answer{status, `{"code":"` + code + `","error":"` + text + `"}`, jsonType}
}

// says answers like a node.
func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// raw answers with bytes that need not be HTTP, and closes the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, text)
			conn.Close()
		}
	}
}

// Whatever the node does, both doors give its own answer or a typed fault, and
// soon.
func TestAnswers(t *testing.T) {
	const notFound = "<!DOCTYPE html>\n<html lang=\"en\"><pre>Cannot GET /account/a1</pre></html>\n"
	const trace = `{"result":{"reason":"Failed to process transaction: TypeError: x\n    at Object.f (/srv/app.js:1:1)","status":500,"success":false}}`
	large := strings.Repeat("x", 50<<20)
	unreachable := fault(503, "unavailable", "the node did not answer")
	tooLarge := fault(413, "too-large", "the node's answer has more than 4194304 bytes")
	for _, tt := range []struct {
		name string
		node http.HandlerFunc
		want answer
	}{
		{"an account", says(200, jsonType, `{"account":{"id":"a1"} }`), answer{200, `{"account":{"id":"a1"} }`, jsonType}},
		{"an empty error", says(200, jsonType, `{"error":{}}`), answer{200, `{"error":{}}`, jsonType}},
		{"an error of the node", says(500, jsonType, `{"error":"Internal Server Error","message":"x"}`), answer{500, `{"error":"Internal Server Error","message":"x"}`, jsonType}},
		{"a stack trace", says(200, jsonType, trace), answer{200, trace, jsonType}},
		{"the page of a node that is joining", says(404, "text/html; charset=utf-8", notFound), answer{404, notFound, "text/html; charset=utf-8"}},
		{"what only claims to be JSON", says(200, "application/json", `{"account":`), answer{200, `{"account":`, "application/json"}},
		{"a redirect", says(302, "text/plain", "elsewhere"), answer{302, "elsewhere", "text/plain"}},
		{"too many requests", says(429, jsonType, `{}`), answer{429, `{}`, jsonType}},
		{"50 MB", says(200, jsonType, large), tooLarge},
		{"50 MB of known length", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(large)))
			says(200, jsonType, large)(w, r)
		}, tooLarge},
		{"garbage", raw("\x16\x03\x01 hello\r\n\r\n"), unreachable},
		{"nothing", raw(""), unreachable},
		{"half an answer", raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"), unreachable},
		{"another protocol", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), unreachable},
		{"an endless header", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), unreachable},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault(504, "timeout", "the node did not finish in time")},
		{"an answer that stops", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, fault(504, "timeout", "the node did not finish in time")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, serve(t, tt.node), func(c *shardus.Config) { c.Timeout = 300 * time.Millisecond })
			if strings.Contains(tt.name, "MB") {
				n = newNode(t, serve(t, tt.node), nil)
			}
			a := api.NewFront(n, quiet)
			if got, _ := overHTTP(t, a, "GET", "/account/a1", ""); got != tt.want {
				t.Errorf("HTTP = %.300v, want %v", got, tt.want)
			}
			want := tt.want
			if want.ContentType == jsonType {
				want.ContentType = ""
			}
			if got := overChannel(t, a, "GET", "account/a1", ""); got != want {
				t.Errorf("data channel = %.300v, want %v", got, want)
			}
		})
	}
}

func TestNodeDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	a := api.NewFront(newNode(t, "http://"+l.Addr().String(), nil), quiet)
	for _, ask := range []struct{ method, path, body string }{{"GET", "/timestamp", ""}, {"POST", "/inject", `{"tx":"{}"}`}} {
		if got, _ := overHTTP(t, a, ask.method, ask.path, ask.body); got != fault(503, "unavailable", "the node did not answer") {
			t.Errorf("%s %s = %v", ask.method, ask.path, got)
		}
	}
}

// A GET whose connection breaks is sent once more, on another; what may have
// been done already is not.
func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		breaks             int // of so many requests the connection
		warm               bool
		status, asked      int
	}{
		{"a GET", "GET", "/timestamp", 1, false, 200, 2},
		{"a GET on a used connection", "GET", "/timestamp", 1, true, 200, 2},
		{"a GET in vain", "GET", "/timestamp", 9, false, 503, 2},
		{"a GET in vain on a used connection", "GET", "/timestamp", 9, true, 503, 2},
		{"a POST", "POST", "/inject", 1, false, 503, 1},
		{"a POST on a used connection", "POST", "/inject", 1, true, 503, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked, breaks atomic.Int64
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				asked.Add(1)
				if breaks.Add(-1) >= 0 {
					raw("")(w, r)
					return
				}
				says(200, jsonType, `{}`)(w, r)
			})
			a := api.NewFront(newNode(t, url, nil), quiet)
			if tt.warm {
				overHTTP(t, a, "GET", "/timestamp", "")
				asked.Store(0)
			}
			breaks.Store(int64(tt.breaks))
			got, _ := overHTTP(t, a, tt.method, tt.path, `{"tx":"{}"}`)
			if got.Status != tt.status || asked.Load() != int64(tt.asked) {
				t.Errorf("status %d after %d requests, want %d after %d", got.Status, asked.Load(), tt.status, tt.asked)
			}
		})
	}
}

// Connections are used again.
func TestConnectionsAreKept(t *testing.T) {
	seen := map[string]bool{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true // one request at a time
		says(200, jsonType, `{}`)(w, r)
	})
	a := api.NewFront(newNode(t, url, nil), quiet)
	for range 20 {
		overHTTP(t, a, "GET", "/timestamp", "")
		overHTTP(t, a, "POST", "/inject", `{"tx":"{}"}`)
	}
	if len(seen) != 2 { // reads and injects do not share any
		t.Errorf("40 requests took %d connections, want 2", len(seen))
	}
}

// What clients of either kind send arrives as wallets send it to a node.
func TestBodies(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, body string
		target, arrives          string
		answers, want            string
	}{
		{"a wallet's transaction", "POST", "/inject", `{"tx":"{\"from\":1}"}`, "POST /inject", `{"tx":"{\"from\":1}"}`, `{"result":1}`, `{"result":1}`},
		{"a bare one keeps its bytes", "POST", "/inject", `{"b":1.0,"a":"\ud800é"}`, "POST /inject", `{"tx":"{\"b\":1.0,\"a\":\"\\ud800é\"}"}`, `{"result":1}`, `{"result":1}`},
		{"an object in tx is the node's to refuse", "POST", "/inject", `{"tx":{"from":1}}`, "POST /inject", `{"tx":{"from":1}}`, `{"error":{}}`, `{"error":{}}`},
		{"so is what is no object", "POST", "/inject", `[1]`, "POST /inject", `[1]`, `{"error":{}}`, `{"error":{}}`},
		{"the body of a GET stays here", "GET", "/account/a1", `{"x":1}`, "GET /account/a1", ``, `{"account":null}`, `{"account":null}`},
		{"a query stays here", "GET", "/account/a1?x=../y", ``, "GET /account/a1", ``, `{"account":null}`, `{"account":null}`},
		{"the literal form", "GET", "/account/id", `{"id":"abc123"}`, "GET /account/abc123", ``, `{"account":{"a":1}}`, `{"account":{"a":1},"id":"abc123"}`},
		{"the literal form, refused", "GET", "/account/id", `{"id":"abc123"}`, "GET /account/abc123", ``, `{"error":{}}`, `{"error":{}}`},
		{"the literal form of no id", "GET", "/account/id", `{"id":"../x"}`, "", ``, ``, `{"account":null,"id":"../x"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var target, arrived string
			a := api.NewFront(newNode(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				target, arrived = r.Method+" "+r.RequestURI, string(body)
				says(200, jsonType, tt.answers)(w, r)
			}), nil), quiet)
			if got, _ := overHTTP(t, a, tt.method, tt.path, tt.body); got.Body != tt.want {
				t.Errorf("HTTP = %v, want %s", got, tt.want)
			}
			if target != tt.target || arrived != tt.arrives {
				t.Errorf("over HTTP %s %s arrived, want %s %s", target, arrived, tt.target, tt.arrives)
			}
			target, arrived = "", ""
			if got := overChannel(t, a, tt.method, tt.path, tt.body); got.Body != tt.want {
				t.Errorf("data channel = %v, want %s", got, tt.want)
			}
			if target != tt.target || arrived != tt.arrives {
				t.Errorf("over the channel %s %s arrived, want %s %s", target, arrived, tt.target, tt.arrives)
			}
		})
	}
}
