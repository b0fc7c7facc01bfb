package ledger_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/ledger"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  ledger.Config
		want string // empty: good
	}{
		{"least", ledger.Config{Dir: "x"}, ""},
		{"no folder", ledger.Config{}, "dir is empty"},
		{"short network", ledger.Config{Dir: "x", NetworkID: "abc"}, `network id "abc" is not 64`},
		{"upper case network", ledger.Config{Dir: "x", NetworkID: strings.ToUpper(networkID)}, "lower-case"},
		{"window of the integer 5", ledger.Config{Dir: "x", TxWindow: 5}, "5ns is under 100ms"},
		{"negative queue", ledger.Config{Dir: "x", Queue: -1}, "queue -1"},
		{"huge batch", ledger.Config{Dir: "x", Batch: 1 << 20}, "batch 1048576"},
		{"small cache", ledger.Config{Dir: "x", CacheSize: 7}, "cache size 7"},
		{"all at once", ledger.Config{Queue: -1, Batch: -1}, "dir is empty\nqueue -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cfg.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Validate = %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Validate = %v, want %q", err, tt.want)
			}
			if tt.want == "" {
				return
			}
			if l, err := ledger.Open(tt.cfg, discard()); err == nil {
				l.Close()
				t.Error("Open took it")
			}
		})
	}
}

// onDisk is a configuration in a folder of the test.
func onDisk(t *testing.T) ledger.Config {
	t.Helper()
	return ledger.Config{Dir: filepath.Join(t.TempDir(), "new", "ledger"), Now: func() time.Time { return now }}
}

func TestRestart(t *testing.T) {
	cfg := onDisk(t)
	l := open(t, cfg)
	id := l.NetworkID()
	if len(id) != 64 || id == networkID {
		t.Errorf("network id %q, want 64 random digits", id)
	}
	if info, err := os.Stat(cfg.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v, want mode 0700", info, err)
	}
	k := userKey(0)
	tx := sign(k, with(createTx(k, one), map[string]any{"networkId": id}))
	want := accept(t, l, tx)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	if l.NetworkID() != id {
		t.Errorf("network id %s after a restart, want %s", l.NetworkID(), id)
	}
	if got := receipt(t, l, want["txId"].(string)); got["success"] != true {
		t.Errorf("receipt %v", got)
	}
	if got := balance(t, l, k.Address()); got.Cmp(lib(51)) != 0 {
		t.Errorf("balance %d, want 51 LIB", got)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	l := open(t, onDisk(t))
	k := userKey(0)
	put(t, l, sign(k, with(createTx(k, one), map[string]any{"networkId": l.NetworkID()})))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

func TestRandomNetworkIDsDiffer(t *testing.T) {
	if a, b := open(t, onDisk(t)).NetworkID(), open(t, onDisk(t)).NetworkID(); a == b {
		t.Errorf("two ledgers are network %s", a)
	}
}

func TestAnotherNetwork(t *testing.T) {
	cfg := onDisk(t)
	cfg.NetworkID = networkID
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"", networkID} {
		cfg.NetworkID = same
		if err := open(t, cfg).Close(); err != nil {
			t.Errorf("network id %q: %v", same, err)
		}
	}
	cfg.NetworkID = strings.Repeat("ab", 32)
	_, err := ledger.Open(cfg, discard())
	for _, want := range []string{cfg.Dir, networkID, cfg.NetworkID, "use another data folder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want an error with %q", err, want)
		}
	}
	cfg.NetworkID = "" // the refusal left nothing locked
	open(t, cfg)
}

// TestOpenedTwice: also by another name of the folder.
func TestOpenedTwice(t *testing.T) {
	cfg := onDisk(t)
	open(t, cfg)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(cfg.Dir, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{cfg.Dir, link, filepath.Join(cfg.Dir, "..", "ledger")} {
		_, err := ledger.Open(ledger.Config{Dir: dir}, discard())
		if err == nil || !strings.Contains(err.Error(), cfg.Dir+" is in use") || !strings.Contains(err.Error(), "choose another data folder") {
			t.Errorf("Open(%s) = %v, want an error that says %s is in use and what to do", dir, err, cfg.Dir)
		}
	}
}

func TestFolderCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := ledger.Open(ledger.Config{Dir: dir}, discard()); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("Open(%s) = %v, want an error that names it", dir, err)
		}
	}
}

// TestForeignStore: a database that is not a ledger, or one of another format,
// is left alone.
func TestForeignStore(t *testing.T) {
	t.Run("no ledger", func(t *testing.T) {
		dir := t.TempDir()
		db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Set([]byte("k"), []byte("v"), pebble.Sync), db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Open(ledger.Config{Dir: dir}, discard()); err == nil || !strings.Contains(err.Error(), "not a ledger") {
			t.Errorf("Open = %v, want an error that says it is not a ledger", err)
		}
	})
	t.Run("another format", func(t *testing.T) {
		cfg := onDisk(t)
		l := open(t, cfg)
		if err := errors.Join(l.CorruptFormat("liberdus-ledger/9"), l.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Open(cfg, discard()); err == nil || !strings.Contains(err.Error(), "liberdus-ledger/9") {
			t.Errorf("Open = %v, want an error that names the format", err)
		}
	})
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// TestLog: Pebble's log is a matter of debugging, and goes where the ledger's goes.
func TestLog(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level}))
		l, err := ledger.Open(config(), log)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), `"msg":"pebble"`); got != want {
			t.Errorf("at %v pebble is in the log: %t, want %t\n%s", level, got, want, &out)
		}
		if !strings.Contains(out.String(), networkID) || strings.Contains(out.String(), `"text":{}`) {
			t.Errorf("log: %s", &out)
		}
	}
}
