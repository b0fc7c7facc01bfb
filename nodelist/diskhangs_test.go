//go:build unix

package nodelist_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// hang has whoever opens the file at path wait, as on a disk that does not
// answer, until goOn, which gives back what the file held.
func hang(t *testing.T, path string) (goOn func()) {
	t.Helper()
	aside := path + ".aside"
	if err := errors.Join(os.Rename(path, aside), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	return func() {
		waiting, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait
		if err == nil {
			err = errors.Join(os.Rename(aside, path), waiting.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestADiskThatHangsKeepsNobodyWaiting: whatever the client does with its files,
// it does not wait for them longer than it may, and all is well once they are back.
func TestADiskThatHangsKeepsNobodyWaiting(t *testing.T) {
	tests := []struct {
		name string
		file string // glob of the one that hangs
		ask  func(context.Context, *nodelist.Client) error
	}{
		{"what is known", "archivers.json", func(ctx context.Context, c *nodelist.Client) error { _, err := c.Active(ctx); return err }},
		{"the kept list", "list-*.json", func(ctx context.Context, c *nodelist.Client) error { _, _, err := c.Kept(ctx); return err }},
	}
	for _, tt := range tests { // each meets the file before it asks the archiver
		t.Run(tt.name, func(t *testing.T) {
			dir, a := t.TempDir(), newFake(t)
			c := nodelist.NewClient(nodelist.Archiver{URL: "http://archiver:6080"}, nodelist.ClientConfig{
				HTTP: httpOf(a), Folder: dir, KnownKeys: openKnown(t, filepath.Join(dir, "archivers.json")),
			})
			if _, err := c.Active(t.Context()); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, tt.file))
			if err != nil || len(files) != 1 {
				t.Fatalf("files %q, %v; want one", files, err)
			}
			goOn := hang(t, files[0])
			for range 2 { // the second waits for its turn
				short, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("time is up"))
				defer cancel()
				if err := tt.ask(short, c); err == nil || !strings.Contains(err.Error(), "time is up") {
					t.Errorf("meanwhile: %v, want an error that says %q", err, "time is up")
				}
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if err := tt.ask(gone, c); !errors.Is(err, context.Canceled) {
				t.Errorf("with nobody who waits: %v, want %v", err, context.Canceled)
			}
			goOn()
			if err := tt.ask(t.Context(), c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}
