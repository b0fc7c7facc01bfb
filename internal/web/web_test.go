package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/web"
)

func serve(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	files, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	if header != nil {
		r.Header = header
	}
	files.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	var from io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		from = z
	}
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFiles(t *testing.T) {
	for _, tt := range []struct{ name, path, kind, has string }{
		{"the module", "/liberdus.js", "text/javascript; charset=utf-8", " as connect"},
		{"its types", "/liberdus.d.ts", "application/typescript; charset=utf-8", "export function connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain := serve(t, "GET", tt.path, nil)
			packed := serve(t, "GET", tt.path, http.Header{"Accept-Encoding": {"br;q=1.0, gzip;q=0.8"}})
			text := body(t, plain)
			if plain.StatusCode != 200 || !strings.Contains(text, tt.has) || plain.Header.Get("Content-Encoding") != "" {
				t.Errorf("GET %s = %d %v, want 200 and %s", tt.path, plain.StatusCode, plain.Header, tt.has)
			}
			if packed.Header.Get("Content-Encoding") != "gzip" || body(t, packed) != text {
				t.Errorf("with gzip: %v, want the same, compressed", packed.Header)
			}
			if plain.Header.Get("ETag") == packed.Header.Get("ETag") {
				t.Error("both encodings have the same ETag")
			}
			for name, want := range map[string]string{
				"Content-Type": tt.kind, "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
				"Vary": "Accept-Encoding", "Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin",
			} {
				if got := plain.Header.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			again := serve(t, "GET", tt.path, http.Header{"If-None-Match": {plain.Header.Get("ETag")}})
			if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
				t.Errorf("with the ETag: %d, want 304", again.StatusCode)
			}
		})
	}
}

// The page loads nothing but what is served beside it, and its policy lets it do nothing else.
func TestPage(t *testing.T) {
	files, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	files.ServePage(w, httptest.NewRequest("GET", "/", nil), "wss://archiver.example:6080")
	res := w.Result()
	text := body(t, res)
	if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type = %q, want HTML", got)
	}
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' wss://archiver.example:6080;", "frame-ancestors 'none'", "base-uri 'none'", "trusted-types 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("Content-Security-Policy = %s, want %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(text, " style=") || strings.Contains(text, "<style") || strings.Contains(text, " onclick") {
		t.Error("the page has code or style of its own in it, or a policy that allows that")
	}
	for _, found := range regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(web.Paths(), found[1]) {
			t.Errorf("the page asks for %s, which is not served", found[1])
		}
	}
	for _, path := range web.Paths() {
		if strings.HasPrefix(path, "/page/") && !strings.Contains(text, `"`+path+`"`) {
			t.Errorf("the page does not load %s at once", path)
		}
		if res := serve(t, "GET", path, nil); res.StatusCode != 200 {
			t.Errorf("GET %s = %d, want 200", path, res.StatusCode)
		}
	}
}

func TestWhoTakesThePage(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"Text/HTML": true, "*/*": false, "": false, "application/json": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := web.TakesPage(r); got != want {
			t.Errorf("Accept: %s takes the page: %t, want %t", accept, got, want)
		}
	}
}

func TestRequestsOfOtherKinds(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, encoding string
		status                       int
		packed                       bool
	}{
		{"HEAD", "HEAD", "/liberdus.js", "gzip", 200, true},
		{"POST", "POST", "/liberdus.js", "", 405, false},
		{"another path", "GET", "/liberdus.min.js", "", 404, false},
		{"gzip refused", "GET", "/liberdus.js", "gzip;q=0, br", 200, false},
		{"gzip refused at length", "GET", "/liberdus.js", "gzip; q=0.000", 200, false},
		{"gzip in capitals", "GET", "/liberdus.js", "deflate, GZIP", 200, true},
		{"something like gzip", "GET", "/liberdus.js", "x-gzip-ish", 200, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := serve(t, tt.method, tt.path, http.Header{"Accept-Encoding": {tt.encoding}})
			if res.StatusCode != tt.status || (res.Header.Get("Content-Encoding") == "gzip") != tt.packed {
				t.Errorf("%s %s = %d, encoded %q, want %d, packed: %t", tt.method, tt.path, res.StatusCode, res.Header.Get("Content-Encoding"), tt.status, tt.packed)
			}
		})
	}
}

// A page on a slow line waits for the module before anything else.
func TestSizeOfTheModule(t *testing.T) {
	const most, mostPacked = 20 << 10, 7 << 10
	size := func(encoding string) int {
		data, err := io.ReadAll(serve(t, "GET", "/liberdus.js", http.Header{"Accept-Encoding": {encoding}}).Body)
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	plain, packed := size(""), size("gzip")
	if plain > most || packed > mostPacked || packed >= plain {
		t.Errorf("the module has %d bytes, compressed %d; want up to %d and %d", plain, packed, most, mostPacked)
	}
	t.Logf("%d bytes, compressed %d", plain, packed)
}
