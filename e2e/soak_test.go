package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tool of `make soak` in small: clients of all kinds come and go for a while, no honest one
// meets a failure, and what the processes hold is kept and drawn. Whether that is level takes
// longer to see.
func TestSoak(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tool := filepath.Join(dir, "soak")
	// As make lint and make release build, so that all use one cache.
	if err := command(t.Context(), "..", "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", tool, "./internal/soak"); err != nil {
		t.Fatal(err)
	}
	if err := command(t.Context(), dir, tool, "-minutes", "0.2", "-o", dir, tools.liberdus); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"soak.csv": "front 2 live heap", "soak.svg": "</svg>"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s = %.300s, %v, want %q", name, text, err, want)
		}
	}
}
