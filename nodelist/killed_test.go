package nodelist_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// killedState names the state file of the process that TestKilledWhilePublishing kills.
const killedState = "LIBERDUS_TEST_KILLED_STATE"

// TestPublishUntilKilled is that process: it changes its list as fast as it is
// published, and says which epochs anybody may have seen.
func TestPublishUntilKilled(t *testing.T) {
	path := os.Getenv(killedState)
	if path == "" {
		return // it is no test
	}
	a := newArchiver(t, func(c *nodelist.Config) { c.StateFile = path })
	defer a.run()()
	for end, last := time.Now().Add(time.Minute), 0; time.Now().Before(end); time.Sleep(time.Millisecond) {
		a.mustJoin(1)
		a.Left(keyOf(1).Public())
		if epoch := a.epoch(); epoch != last {
			last = epoch
			fmt.Println("epoch", epoch)
		}
	}
}

// An archiver that is killed as it publishes comes back above each epoch that it
// has shown, and leaves nothing in its folder but what the next one reads.
func TestKilledWhilePublishing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nodelist.json")
	const rounds = 8
	seen := 0
	for round := range rounds {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestPublishUntilKilled$")
		cmd.Env = append(os.Environ(), killedState+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		epoch := 0
		for n := 0; n < 2+round%5 && lines.Scan(); n++ {
			if _, err := fmt.Sscanf(lines.Text(), "epoch %d", &epoch); err != nil {
				t.Fatalf("it said %q", lines.Text())
			}
			if n == 0 && epoch <= seen {
				t.Fatalf("round %d: it begins at epoch %d, but %d was seen", round, epoch, seen)
			}
			seen = epoch
		}
		time.Sleep(time.Duration(round%20) * 5 * time.Millisecond) // any moment will do
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			_, _ = fmt.Sscanf(lines.Text(), "epoch %d", &seen)
		}
		_ = cmd.Wait()
		var kept struct{ Epoch int }
		if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &kept) != nil || kept.Epoch < seen {
			t.Fatalf("round %d: the file holds %s, %v; %d was seen", round, text, err, seen)
		}
	}
	left := filepath.Join(dir, ".nodelist.json.123") // as one in twenty leaves
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	newArchiver(t, func(c *nodelist.Config) { c.StateFile = path })
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v; want the state alone", files, err)
	}
}

// A client's folder is shared: what another process may just be writing stays, what
// one has left long ago goes.
func TestLeftoversOfKilledClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archivers.json")
	begun, left := filepath.Join(filepath.Dir(path), ".archivers.json.1"), filepath.Join(filepath.Dir(path), ".archivers.json.2")
	long := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.WriteFile(begun, nil, 0o600), os.WriteFile(left, nil, 0o600), os.Chtimes(left, long, long)); err != nil {
		t.Fatal(err)
	}
	c := nodelist.NewClient(nodelist.Archiver{URL: "http://archiver:6080"}, nodelist.ClientConfig{HTTP: httpOf(newFake(t)), KnownKeys: openKnown(t, path)})
	if _, err := c.Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(begun); err != nil {
		t.Errorf("what is being written: %v", err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left long ago: %v, want it gone", err)
	}
}
