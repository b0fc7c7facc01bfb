package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/liberdus/liberdus/roles/client"
)

// A client that was there before starts while the archiver's API is down, as long as its
// signalling server answers; one that was not, or whose copy was changed, does not.
func TestStartFromWhatIsKept(t *testing.T) {
	d := startDevnet(t, 2)
	u, err := url.Parse(d.Archiver.URL())
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(u)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	cfg := configFor(t, d)
	cfg.Archivers = []string{front.URL + "#" + d.Archiver.Key()}
	start := func(data string) error {
		cfg := cfg
		cfg.Data = data
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Do(t.Context(), client.Request{Path: "timestamp"})
		return err
	}
	data := t.TempDir()
	if err := start(data); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	if err := start(data); err != nil {
		t.Errorf("with what is kept: %v", err)
	}
	if err := start(t.TempDir()); client.Hop(err) != "archiver" || !strings.Contains(err.Error(), "503") {
		t.Errorf("with nothing kept: %v at %s, want what the archiver says", err, client.Hop(err))
	}

	files, err := filepath.Glob(filepath.Join(data, "list-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept are %v, %v, want one file", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.ReplaceAll(string(text), d.Consensors[0].PeerID(), strings.Repeat("ab", 32))
	if err := os.WriteFile(files[0], []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(data); client.Hop(err) != "archiver" {
		t.Errorf("with a forged list: %v, want the archiver's error", err)
	}
}
