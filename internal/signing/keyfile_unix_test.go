//go:build unix

package signing_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// A pipe that nobody writes into is not waited for.
func TestLoadKeyRefusesAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.LoadKey(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("LoadKey = %v", err)
	}
}
