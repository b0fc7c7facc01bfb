package roles_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
)

// The clients of a proxy before a node's HTTP server have shares of their own if
// the proxy is trusted; else they are one client.
func TestConsensorBehindAProxy(t *testing.T) {
	d := startDevnet(t, 1)
	for _, tt := range []struct {
		name       string
		trusted    []string
		other, own int // status of another client, and of the same
	}{
		{"trusted", []string{"127.0.0.1"}, 200, 429},
		{"another is trusted", []string{"192.0.2.1"}, 429, 429},
		{"none, and this machine is exempt", nil, 200, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := startConsensor(t, d, func(c *config.Consensor) { c.TrustedProxy = tt.trusted })
			hog := newHog(t, "http://"+n.Addr(), "203.0.113.1")
			for _, who := range []struct {
				client string
				want   int
			}{{"203.0.113.1", tt.own}, {"203.0.113.2", tt.other}} {
				if got := hog.asks(t, who.client, who.want); got != who.want {
					t.Errorf("a body of %s = %d, want %d", who.client, got, who.want)
				}
			}
		})
	}
}

// asks sends, as client, a body that is charged, until the node has read what the
// hog sent and answers as it is to.
func (h *hog) asks(t *testing.T, client string, want int) (status int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); status != want && time.Now().Before(end); {
		r := h.request(t, client, strings.NewReader(`{"tx":null,"x":"`+strings.Repeat("x", 24<<10)+`"}`))
		if resp, err := h.client.Do(r); err == nil { // one that is refused may be cut off as it is sent
			resp.Body.Close()
			status = resp.StatusCode
		}
	}
	return status
}

// A hog holds all that bodies of one client may take, and does not finish them.
type hog struct {
	url    string
	client *http.Client
}

func newHog(t *testing.T, url, client string) *hog {
	t.Helper()
	h := &hog{url, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	t.Cleanup(func() {
		stop()
		asking.Wait()
	})
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil { // a refused one is sent again
				h.hold(ctx, t, client)
			}
		})
	}
	return h
}

// hold sends most of a body, so that all that one may have is charged, and the
// rest not before ctx ends.
func (h *hog) hold(ctx context.Context, t *testing.T, client string) {
	body, w := io.Pipe()
	r := h.request(t, client, body).WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { body.CloseWithError(context.Canceled) }) // Do waits for it
	defer stop()
	var writing sync.WaitGroup
	writing.Go(func() { io.WriteString(w, strings.Repeat("x", 768<<10)) }) // until the request ends
	if resp, err := h.client.Do(r); err == nil {
		resp.Body.Close()
	}
	body.Close()
	writing.Wait()
}

func (h *hog) request(t *testing.T, client string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/inject", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", client)
	return r
}
