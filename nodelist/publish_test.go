package nodelist_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

func TestTheListIsSignedAnewEvery30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		for range 5 {
			before := a.object(active)
			time.Sleep(30*time.Second + 150*time.Millisecond)
			after := a.object(active)
			if before["epoch"] != after["epoch"] {
				t.Errorf("epoch went from %v to %v with no change of the list", before["epoch"], after["epoch"])
			}
			at := time.UnixMilli(int64(after["time"].(float64)))
			if before["time"] == after["time"] || time.Since(at) > 31*time.Second {
				t.Errorf("after 30 s the list has the time %v", at)
			}
		}
	})
}

func TestAtMostTenPublicationsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		settle()
		first := a.epoch()
		for n := range 1000 { // a change every 2 ms, for 2 s
			if n%2 == 0 {
				a.mustJoin(1)
			} else {
				a.Left(keyOf(1).Public())
			}
			time.Sleep(2 * time.Millisecond)
		}
		if got := a.epoch() - first; got < 15 || got > 21 {
			t.Errorf("%d publications in 2 s of changes, want about 20", got)
		}
		settle()
		a.wantPeers("/full-nodelist")
	})
}

func TestTheEpochIsKept(t *testing.T) {
	path := stateFile(t)
	config := func(c *nodelist.Config) { c.StateFile = path }
	for start, last := 1, 0; start <= 3; start++ {
		got := newArchiver(t, config).epoch()
		if got <= last {
			t.Errorf("epoch at start %d = %d, after %d", start, got, last)
		}
		last = got
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v, want mode 0600", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files are left in the folder, want 1", len(files))
	}
}

// Who has seen a list refuses one of a lower epoch, for ever. An archiver that is
// restored has to be above what it handed out after the backup was made.
func TestARestoredArchiverIsBelieved(t *testing.T) {
	for name, restore := range map[string]func(t *testing.T, path string, backup []byte){
		"from a backup": func(t *testing.T, path string, backup []byte) {
			if err := os.WriteFile(path, backup, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"with its key alone": func(t *testing.T, path string, _ []byte) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := stateFile(t)
				config := func(c *nodelist.Config) { c.StateFile = path }
				a := newArchiver(t, config)
				stop := a.run()
				backup, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				first := a.epoch()
				for range 100 { // as fast as lists are published
					a.mustJoin(1)
					time.Sleep(100 * time.Millisecond)
					a.Left(keyOf(1).Public())
					time.Sleep(100 * time.Millisecond)
				}
				seen := a.epoch()
				if seen < first+100 {
					t.Fatalf("only %d lists in 20 s", seen-first)
				}
				stop()
				restore(t, path, backup)
				if got := newArchiver(t, config).epoch(); got <= seen {
					t.Errorf("epoch = %d, but clients have seen %d", got, seen)
				}
			})
		})
	}
}

func TestTheClockSetBackTakesNoEpochBack(t *testing.T) {
	path := stateFile(t)
	const far = 4102444800000 // of the year 2100
	if err := os.WriteFile(path, fmt.Appendf(nil, `{"epoch":%d}`, far), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := newArchiver(t, func(c *nodelist.Config) { c.StateFile = path }).epoch(); got != far+1 {
		t.Errorf("epoch = %d, want %d", got, far+1)
	}
}

func TestAStateFileThatIsNoneIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"empty":            "",
		"not JSON":         "epoch: 1",
		"cut short":        `{"epoch":1`,
		"negative epoch":   `{"epoch":-1}`,
		"inexact epoch":    `{"epoch":9007199254740993}`,
		"odd network":      `{"epoch":1,"networkId":"x"}`,
		"larger than ours": strings.Repeat(" ", 1<<20) + "{}",
	} {
		path := stateFile(t)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := nodelist.New(nodelist.Config{
			Key: keyOf(1), RTC: nodelist.RTC{Port: 1, Path: "/p", Key: "k"}, StateFile: path,
		}, &sockets{}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: New = %v, want an error that names the file", name, err)
		}
	}
}

func TestAnEpochThatCannotBeKeptIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		hidden := dir + "-gone"
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		a := newArchiver(t, func(c *nodelist.Config) { c.StateFile = filepath.Join(dir, "state.json") })
		first := a.epoch()
		stop := a.run()
		if err := os.Rename(dir, hidden); err != nil {
			t.Fatal(err)
		}
		id := a.mustJoin(1)
		a.connect(id, "")
		settle()
		a.wantPeers(active)
		if got := a.epoch(); got != first {
			t.Errorf("epoch = %d while it cannot be kept, want %d", got, first)
		}
		if behind := a.Stats().Behind; behind == 0 {
			t.Error("the list's statistics do not say that changes are kept back")
		}
		time.Sleep(5 * time.Minute) // clients refuse a list that is two minutes old
		if at := time.UnixMilli(int64(a.object(active)["time"].(float64))); time.Since(at) > 32*time.Second {
			t.Errorf("what was published before was last signed %v ago, want 32 s at most", time.Since(at))
		}
		a.wantPeers(active)
		a.mustJoin(1)
		a.connect(id, "")
		if err := os.Rename(hidden, dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		a.wantPeers(active, id)
		stop()
		if told := strings.Count(a.logs.String(), "list not published"); told == 0 || told > 12 {
			t.Errorf("the log says %d times in 5 minutes that the list was not published, want one in 30 s", told)
		}
		if behind := a.Stats().Behind; behind != 0 || !strings.Contains(a.logs.String(), "list published again") {
			t.Errorf("afterwards changes are kept back for %v, want that the log says they are published", behind)
		}
	})
}
