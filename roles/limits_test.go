package roles_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
)

// upgrade asks for a WebSocket on behalf of a page of origin, and returns the
// status of the answer. The connection stays open until the test ends.
func upgrade(t *testing.T, url, id, origin string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/liberdus-peer/peerjs?key=liberdus&token=t&id="+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {origin},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	web := &http.Transport{DisableKeepAlives: true}
	resp, err := web.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp.StatusCode
}

// What the operator says about limits is what the peer server does.
func TestLimitsReachThePeerServer(t *testing.T) {
	const page, other = "https://page.example", "https://other.example"
	for _, tt := range []struct {
		name   string
		change func(*config.Archiver)
		origin string
		want   []int // of sockets opened one after the other
	}{
		{"loopback is spared", func(c *config.Archiver) { c.SocketsPerAddress, c.ConnectRate = 1, 1 }, page, slices.Repeat([]int{101}, 15)},
		{"sockets", func(c *config.Archiver) { c.LimitExempt, c.SocketsPerAddress = nil, 2 }, page, []int{101, 101, 429}},
		{"rate", func(c *config.Archiver) { c.LimitExempt, c.ConnectRate = nil, 1 }, page, append(slices.Repeat([]int{101}, 10), 429)},
		{"origin", func(c *config.Archiver) { c.AllowOrigin = []string{page} }, page, []int{101}},
		{"another origin", func(c *config.Archiver) { c.AllowOrigin = []string{page} }, other, []int{403}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, tt.change)
			var got []int
			for i := range tt.want {
				got = append(got, upgrade(t, a.URL(), string(rune('a'+i)), tt.origin))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("statuses %v, want %v", got, tt.want)
			}
		})
	}
}

// One setting serves WebSocket and HTTP unless there are two.
func TestAllowedOriginsMayRead(t *testing.T) {
	for _, tt := range []struct {
		name          string
		allowed, cors []string
		want          string
	}{
		{"any", nil, nil, "https://x"},
		{"allowed", []string{"https://x"}, nil, "https://x"},
		{"not allowed", []string{"https://y"}, nil, ""},
		{"cors says otherwise", []string{"https://y"}, []string{"https://x"}, "https://x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, func(c *config.Archiver) { c.AllowOrigin, c.CORS = tt.allowed, tt.cors })
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/liberdus-peer/liberdus/id", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", "https://x")
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("allowed origin %q, want %q", got, tt.want)
			}
		})
	}
}
