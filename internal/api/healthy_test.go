package api_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
)

// A node is healthy while its ledger can be read.
func TestIsHealthy(t *testing.T) {
	unwell := working()
	unwell.unwell = fmt.Errorf("ledger: %w", ledger.ErrStalled)
	for _, tt := range []struct {
		name   string
		ledger fake
		status int
		want   string
	}{
		{"well", working(), 200, "OK"},
		{"a failed disk", failing(fmt.Errorf("ledger: %w", ledger.ErrStorage)), 503, fault("unavailable", "the node's ledger is unavailable")},
		{"a disk that does not answer", unwell, 503, fault("unavailable", "the node's ledger is unavailable")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPI(tt.ledger)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest("GET", "/is-healthy", nil))
			if w.Code != tt.status || w.Body.String() != tt.want {
				t.Errorf("HTTP = %d %s, want %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			want := tt.want
			if want == "OK" {
				want = `"OK"`
			}
			if got := overChannel(t, a, "GET", "is-healthy", ""); got != (answer{tt.status, want}) {
				t.Errorf("data channel = %v, want %d %s", got, tt.status, want)
			}
		})
	}
}
