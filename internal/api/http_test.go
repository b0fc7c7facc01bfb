package api_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/liberdus/liberdus/internal/api"
)

func request(a *api.API, method, path string, body io.Reader, headers ...string) *http.Response {
	r := httptest.NewRequest(method, path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

func TestAnyPageMayCall(t *testing.T) {
	a := newAPI(working())
	for _, tt := range []struct {
		name, method, path string
		body               io.Reader
		status             int
	}{
		{"an answer", "GET", "/nodeInfo", nil, 200},
		{"not found", "GET", "/nowhere", nil, 404},
		{"a bad body", "POST", "/inject", strings.NewReader("{"), 400},
		{"too large a body", "POST", "/inject", strings.NewReader(strings.Repeat(" ", api.MaxBody+1)), 413},
		{"a preflight", "OPTIONS", "/inject", nil, 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := request(a, tt.method, tt.path, tt.body)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "*" || resp.StatusCode != tt.status {
				t.Errorf("%s %s = %d, Allow-Origin %q, want %d, *", tt.method, tt.path, resp.StatusCode, got, tt.status)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	a := newAPI(fake{}) // which would panic
	for _, tt := range []struct{ name, path, wants string }{
		{"with headers", "/inject", "content-type,x-app-version"},
		{"without", "/account/a1", ""},
		{"of a path that is not there", "/nowhere", "content-type"},
		{"of the server", "*", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("OPTIONS", "/", strings.NewReader("not read"))
			r.URL.Path = tt.path
			if tt.wants != "" {
				r.Header.Set("Access-Control-Request-Headers", tt.wants)
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			h := w.Header()
			if w.Code != 204 || w.Body.Len() != 0 {
				t.Errorf("status = %d, body %q, want 204 and none", w.Code, w.Body)
			}
			if got := h.Get("Access-Control-Allow-Headers"); got != tt.wants {
				t.Errorf("Allow-Headers = %q, want %q", got, tt.wants)
			}
			for _, method := range []string{"GET", "POST"} {
				if got := h.Get("Access-Control-Allow-Methods"); !strings.Contains(got, method) {
					t.Errorf("Allow-Methods = %q, want %s among them", got, method)
				}
			}
		})
	}
}

// HEAD gives the headers of GET and no body.
func TestHead(t *testing.T) {
	srv := httptest.NewServer(newAPI(working()))
	defer srv.Close()
	for path, status := range map[string]int{"/account/a1": 200, "/nowhere": 404, "/inject": 404} {
		var lengths []int64
		for _, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != status || method == "HEAD" && len(body) > 0 {
				t.Errorf("%s %s = %d %s, %v, want %d", method, path, resp.StatusCode, body, err, status)
			}
			lengths = append(lengths, resp.ContentLength)
		}
		if path == "/account/a1" && (lengths[0] != lengths[1] || lengths[0] <= 0) {
			t.Errorf("Content-Length of GET, HEAD %s = %d", path, lengths)
		}
	}
}

func TestBodies(t *testing.T) {
	a := newAPI(working())
	tx := func(n int) io.Reader { // n bytes
		const head, tail = `{"from":"alice","memo":"`, `"}`
		return strings.NewReader(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
	}
	for _, tt := range []struct {
		name   string
		body   io.Reader
		status int
		want   string // in the body
	}{
		{"the largest", tx(api.MaxBody), 200, `"success":true`},
		{"one more", tx(api.MaxBody + 1), 413, `{"code":"too-large","error":"the body has more than 1048576 bytes"}`},
		{"not UTF-8", strings.NewReader("{\"from\":\"\xff\"}"), 400, `"code":"bad-request"`},
		{"cut short", io.MultiReader(strings.NewReader(`{"from"`), iotest.ErrReader(errors.New("reset"))), 400, `{"code":"bad-request","error":"body: reset"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := request(a, "POST", "/inject", tt.body)
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("answer = %d %.200s, %v, want %d %s", resp.StatusCode, body, err, tt.status, tt.want)
			}
		})
	}
}

// What kind of text a body says it is does not matter, as wallets err there.
func TestContentTypeOfBodies(t *testing.T) {
	for _, kind := range []string{"application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""} {
		resp := request(newAPI(working()), "POST", "/inject", strings.NewReader(`{"from":"alice"}`), "Content-Type", kind)
		if resp.StatusCode != 200 {
			t.Errorf("status with Content-Type %q = %d, want 200", kind, resp.StatusCode)
		}
	}
}

// The handlers of a caller who has gone are told.
func TestCallerGoes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := working()
	l.account = waits
	r := httptest.NewRequestWithContext(ctx, "GET", "/account/a1", nil)
	cancel()
	w := httptest.NewRecorder()
	newAPI(l).ServeHTTP(w, r)
	if w.Code != 504 {
		t.Errorf("status = %d, want 504", w.Code)
	}
}

// One connection does for requests of every kind, faults included.
func TestKeepAlive(t *testing.T) {
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(newAPI(working()))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/account/a1", "", 200},
		{"HEAD", "/account/a1", "", 200},
		{"OPTIONS", "/inject", "", 204},
		{"POST", "/inject", `{"from":"alice"}`, 200},
		{"POST", "/inject", `[`, 400},
		{"GET", "/nowhere", "", 404},
		{"GET", "/messages/none/0", "", 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != tt.status {
			t.Errorf("%s %s = %d, %v, want %d", tt.method, tt.path, resp.StatusCode, err, tt.status)
		}
		resp.Body.Close()
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A proxy may name the host in the request line.
func TestAbsoluteForm(t *testing.T) {
	want := answer{200, `{"account":` + accountA1 + `}`}
	for _, target := range []string{"http://node/account/a1", "http://node:9001/account/a1?x=1"} {
		if got, ok := overHTTP(t, newAPI(working()), "GET", target, ""); !ok || got != want {
			t.Errorf("GET %s = %v, want %v", target, got, want)
		}
	}
}
