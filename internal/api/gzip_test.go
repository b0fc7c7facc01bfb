package api_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/api"
)

// holding is a ledger with an account that makes an answer of n bytes.
func holding(n int) fake {
	l := working()
	text := `"` + strings.Repeat("x", n-len(`{"account":""}`)) + `"`
	l.account = func(context.Context, string) (json.RawMessage, error) { return json.RawMessage(text), nil }
	return l
}

func TestCompression(t *testing.T) {
	for _, tt := range []struct {
		name, accept string
		size         int
		zipped       bool
	}{
		{"a browser", "gzip, deflate, br, zstd", api.MinZip, true},
		{"in capitals", "GZIP", api.MinZip, true},
		{"weighted", "br;q=1.0, gzip;q=0.8, *;q=0.1", api.MinZip, true},
		{"anything", "*", api.MinZip, true},
		{"two headers", "br\x00gzip", api.MinZip, true},
		{"too small", "gzip", api.MinZip - 1, false},
		{"nobody asks", "", api.MinZip, false},
		{"another one", "br, deflate", api.MinZip, false},
		{"not gzip", "gzip;q=0, *", api.MinZip, false},
		{"not gzip, spelt otherwise", "gzip; Q=0.000", api.MinZip, false},
		{"nothing else", "identity, *;q=0", api.MinZip, false},
		{"a broken weight", "gzip;q=x", api.MinZip, false},
		{"another parameter", "gzip;level=1", api.MinZip, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPI(holding(tt.size))
			for range 2 { // a used writer is as good as a new one
				w := ask(a, "GET", strings.Split(tt.accept, "\x00"))
				if zipped := w.Header().Get("Content-Encoding") == "gzip"; zipped != tt.zipped {
					t.Fatalf("compressed: %v, want %v", zipped, tt.zipped)
				}
				if w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
					t.Errorf("headers = %v of %d bytes", w.Header(), w.Body.Len())
				}
				body := io.Reader(w.Body)
				if tt.zipped {
					z, err := gzip.NewReader(body)
					if err != nil {
						t.Fatal(err)
					}
					body = z
				}
				text, err := io.ReadAll(body)
				if err != nil || len(text) != tt.size || !strings.HasPrefix(string(text), `{"account":"xx`) {
					t.Errorf("body of %d bytes, %v, want %d", len(text), err, tt.size)
				}
			}
		})
	}
}

// HEAD gives the length that GET gives, compressed or not.
func TestHeadOfWhatIsCompressed(t *testing.T) {
	a := newAPI(holding(10_000))
	for _, accept := range []string{"gzip", ""} {
		get, head := ask(a, "GET", []string{accept}), ask(a, "HEAD", []string{accept})
		if g, h := get.Header().Get("Content-Length"), head.Header().Get("Content-Length"); g != h || g == "" {
			t.Errorf("Accept-Encoding %q: Content-Length of GET, HEAD = %s, %s", accept, g, h)
		}
	}
}

func ask(h http.Handler, method string, accept []string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/account/a1", nil)
	for _, value := range accept {
		if value != "" {
			r.Header.Add("Accept-Encoding", value)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
