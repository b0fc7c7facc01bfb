package roles_test

import (
	"net/http"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
)

// An origin may be written in capitals; browsers send it in lower case. The
// WebSocket and the HTTP answers judge it alike.
func TestOriginsInCapitals(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) {
		c.CORS, c.AllowOrigin = []string{"HTTPS://Wallet.Example.org"}, []string{"HTTPS://Wallet.Example.org"}
	})
	for _, tt := range []struct {
		origin string
		status int
		allow  string
	}{
		{"https://wallet.example.org", 101, "https://wallet.example.org"},
		{"https://other.example.org", 403, ""},
	} {
		t.Run(tt.origin, func(t *testing.T) {
			if got := upgrade(t, a.URL(), "x", tt.origin); got != tt.status {
				t.Errorf("WebSocket: status %d, want %d", got, tt.status)
			}
			r, err := http.NewRequest(http.MethodGet, a.URL()+"/liberdus-peer/liberdus/id", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", tt.origin)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != tt.allow {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, tt.allow)
			}
		})
	}
}
