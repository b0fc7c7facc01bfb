package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/roles/client"
)

// A file of known keys that cannot be read is named with what to do about it; it is no fault of a node.
func TestNewWithBrokenKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "archivers.json")
	if err := os.WriteFile(path, []byte(`{"archivers":`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{"http://127.0.0.1:1"}, dir
	_, err := client.New(cfg)
	if err == nil || client.Hop(err) != "archiver" {
		t.Fatalf("New = %v at the hop %s, want an error at the hop archiver", err, client.Hop(err))
	}
	for _, part := range []string{path, "repair the file, or remove it"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}
