package nodelist_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

func TestTheKeySeenFirstIsKept(t *testing.T) {
	path := stateFile(t)
	f := newFake(t)
	first := f.key.Public()
	if _, err := clientOf(f, "", openKnown(t, path)).Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v, want mode 0600", info, err)
	}
	f.key = keyOf(1001)
	_, _, err := clientOf(f, "", openKnown(t, path)).RTC(t.Context())
	for _, want := range []string{
		"its key is " + f.key.Public(), "was " + first + " when first seen", path, "http://archiver:6080#" + f.key.Public(),
	} {
		wantError(t, err, want)
	}
	if _, _, err := clientOf(f, f.key.Public(), openKnown(t, path)).RTC(t.Context()); err != nil { // the remedy
		t.Fatal(err)
	}
	if _, err := clientOf(f, "", openKnown(t, path)).Active(t.Context()); err != nil {
		t.Errorf("after the remedy: %v", err)
	}
}

func TestNothingIsKeptOfAnAnswerThatIsRefused(t *testing.T) {
	path := stateFile(t)
	f := newFake(t)
	f.rtc = func(o map[string]any) { o["purpose"] = "x" }
	if _, err := clientOf(f, "", openKnown(t, path)).Active(t.Context()); err == nil {
		t.Fatal("the answer is not refused")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("something is kept")
	}
}

func TestAPinnedKeyIsDemanded(t *testing.T) {
	f := newFake(t)
	pin := keyOf(1001).Public()
	_, _, err := clientOf(f, pin, nil).RTC(t.Context())
	wantError(t, err, "its key is "+f.key.Public()+", not the pinned "+pin)
	if _, err := clientOf(f, strings.ToUpper(f.key.Public()), nil).Active(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutAFileTheKeyIsKeptInMemory(t *testing.T) {
	f := newFake(t)
	c := clientOf(f, "", nil)
	if _, err := c.Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.key = keyOf(1001)
	_, err := c.Active(t.Context())
	wantError(t, err, "kept in memory")
}

func TestAFileThatCannotBeReadIsRefused(t *testing.T) {
	path := stateFile(t)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := nodelist.OpenKnownKeys(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "repair the file") {
		t.Errorf("OpenKnownKeys = %v, want an error that names the file and the remedy", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c := clientOf(newFake(t), "", openKnown(t, path))
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.RTC(t.Context())
	wantError(t, err, path)
}

func TestAFolderThatCannotBeWrittenIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "known.json")
	f := newFake(t)
	c, logs := clientWithLog(f, openKnown(t, path))
	if _, err := c.Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logs.String(), "archiver not remembered") {
		t.Errorf("the log is %q, want a warning", logs)
	}
	f.key = keyOf(1001)
	_, err := c.Active(t.Context())
	wantError(t, err, "when first seen") // it is kept in memory
}

func TestManyClientsShareAFile(t *testing.T) {
	path := stateFile(t)
	known := openKnown(t, path)
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			f := newFake(t)
			f.key = keyOf(1000 + n)
			c := nodelist.NewClient(nodelist.Archiver{URL: fmt.Sprintf("http://archiver-%d", n)}, nodelist.ClientConfig{
				HTTP: httpOf(f), KnownKeys: known,
			})
			for range 3 {
				f.epoch++
				if _, err := c.Active(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	archivers, epochs := countKnown(t, path)
	if archivers != 10 || epochs != 10 {
		t.Errorf("the file has %d archivers and %d epochs, want 10 of each", archivers, epochs)
	}
}

func TestTheFileIsBounded(t *testing.T) {
	path := stateFile(t)
	content := map[string]map[string]any{"archivers": {}, "epochs": {}}
	for n := range 300 {
		content["archivers"][fmt.Sprintf("http://old-%d", n)] = map[string]any{"key": networkA, "seen": n}
		content["epochs"][fmt.Sprintf("%064d", n)] = map[string]any{"epoch": 1, "seen": n}
	}
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	if _, err := clientOf(f, "", openKnown(t, path)).Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	archivers, epochs := countKnown(t, path)
	if archivers != 256 || epochs != 256 {
		t.Errorf("the file has %d archivers and %d epochs, want 256 of each", archivers, epochs)
	}
	f.key = keyOf(1001)
	_, err = clientOf(f, "", openKnown(t, path)).Active(t.Context())
	wantError(t, err, "when first seen") // the newest stays
}

func TestAClearErrorForA404(t *testing.T) {
	empty := newFake(t)
	empty.text = func(string, []byte) (int, []byte) { return 404, []byte("<html>") }
	_, _, err := clientOf(empty, "", nil).RTC(t.Context())
	if !errors.Is(err, nodelist.ErrNotArchiver) {
		t.Errorf("RTC = %v, want ErrNotArchiver", err)
	}
	wantError(t, err, "http://archiver:6080")
	_, _, err = clientOf(empty, empty.key.Public(), nil).RTC(t.Context())
	if err == nil || errors.Is(err, nodelist.ErrNotArchiver) {
		t.Errorf("pinned: RTC = %v, want another error", err)
	}
	path := stateFile(t)
	if _, err := clientOf(newFake(t), "", openKnown(t, path)).Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _, err = clientOf(empty, "", openKnown(t, path)).RTC(t.Context())
	if err == nil || errors.Is(err, nodelist.ErrNotArchiver) {
		t.Errorf("known: RTC = %v, want another error", err)
	}
}

// countKnown returns how much a file remembers.
func countKnown(t *testing.T, path string) (archivers, epochs int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	return len(content["archivers"]), len(content["epochs"])
}
