package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A disk is a file system in memory that does what it is told to do before each
// operation.
type disk struct {
	mem    *vfs.MemFS
	before atomic.Pointer[func(errorfs.Op) error]
}

func newDisk() *disk { return &disk{mem: vfs.NewCrashableMem()} }

func (d *disk) config() ledger.Config {
	return ledger.OnFS(config(), errorfs.Wrap(d.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := d.before.Load(); f != nil {
			return (*f)(op)
		}
		return nil
	})))
}

func (d *disk) do(f func(errorfs.Op) error) { d.before.Store(&f) }

// hold makes the next syncs of the log wait until release is called.
func (d *disk) hold() (release func()) {
	gate := make(chan struct{})
	d.do(func(op errorfs.Op) error {
		if isLogSync(op) {
			<-gate
		}
		return nil
	})
	return sync.OnceFunc(func() { close(gate) })
}

func isLogSync(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return strings.HasSuffix(op.Path, ".log")
	}
	return false
}

var errDisk = errors.New("no space left on device")

// TestDiskFailure: whatever goes wrong with the disk is an error of Put, and
// nothing is accepted afterwards. What was accepted before stays readable, and
// is there when the ledger is opened again.
func TestDiskFailure(t *testing.T) {
	for _, tt := range []struct {
		name string
		hits func(errorfs.Op) bool
	}{
		{"sync of the log", isLogSync},
		{"write to the log", func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log")
		}},
		{"every write", func(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, k := newDisk(), userKey(0)
			l := open(t, d.config())
			apply(t, l, k, registerTx(k, "alice"))
			d.do(func(op errorfs.Op) error {
				if tt.hits(op) {
					return errDisk
				}
				return nil
			})
			for i := range 3 {
				r, err := l.Put(t.Context(), sign(k, createTx(k, lib(int64(i)+1))))
				if !errors.Is(err, ledger.ErrStorage) || !strings.Contains(fmt.Sprint(err), errDisk.Error()) || r != (ledger.Result{}) {
					t.Errorf("Put %d = %+v, %v, want %v because of %v", i, r, err, ledger.ErrStorage, errDisk)
				}
			}
			if got := balance(t, l, k.Address()); got.Cmp(lib(50)) != 0 {
				t.Errorf("balance = %d, want 50 LIB: it was not accepted", got)
			}
			select {
			case <-l.Failed():
			default:
				t.Error("Failed does not tell")
			}
			_ = l.Close() // says what it could not write
			reopenAfterPowerCut(t, d, func(l *ledger.Ledger) {
				if got := balance(t, l, k.Address()); got.Cmp(lib(50)) < 0 {
					t.Errorf("balance = %d after all, want at least 50 LIB", got)
				}
				checkSum(t, l)
			})
		})
	}
}

// TestFailureWithTime: what fails only when memory is full and goes to tables,
// some of it in the background, and some of it where Pebble by itself would end
// the process.
func TestFailureWithTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		hits func(errorfs.Op) bool
	}{
		{"new log", func(op errorfs.Op) bool {
			return (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && strings.HasSuffix(op.Path, ".log")
		}},
		{"folder", func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileSync && strings.HasSuffix(op.Path, "ledger")
		}},
		{"table", func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst")
		}},
		{"list of tables", func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileSync && strings.Contains(op.Path, "MANIFEST")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			l := open(t, d.config())
			d.do(func(op errorfs.Op) error {
				if tt.hits(op) {
					return errDisk
				}
				return nil
			})
			accepted := fill(t, l)
			if len(accepted) == 0 || account(t, l, userKey(0).Address()) == nil {
				t.Error("nothing was accepted, or what was cannot be read any more")
			}
			_ = l.Close() // says what it could not write
			reopenAfterPowerCut(t, d, func(l *ledger.Ledger) {
				for _, id := range accepted {
					receipt(t, l, id)
				}
				checkSum(t, l)
			})
		})
	}
}

// fill puts large transactions until the storage fails, and returns the ids of
// those that were accepted.
func fill(t *testing.T, l *ledger.Ledger) (accepted []string) {
	t.Helper()
	large := strings.Repeat("A", 100_000)
	for i := range 1000 {
		k := userKey(i)
		r, err := l.Put(t.Context(), sign(k, with(registerTx(k, fmt.Sprint("user", i)), signing.Object{"pqPublicKey": large})))
		switch {
		case errors.Is(err, ledger.ErrStorage):
			return accepted
		case err != nil:
			t.Fatalf("Put = %v, want %v", err, ledger.ErrStorage)
		}
		accepted = append(accepted, r.TxID)
	}
	t.Fatal("the storage did not fail")
	return nil
}

// TestEveryOperationFails lets the first, the second, … operation on the disk
// fail, alone or with all that follow: opening or putting says so, or it did not
// matter; and afterwards what was accepted is there.
func TestEveryOperationFails(t *testing.T) {
	for name, only := range map[string]bool{"alone": true, "and all after": false} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				d, count := newDisk(), atomic.Int64{}
				d.do(func(op errorfs.Op) error {
					if c := int(count.Add(1)); c == n || c > n && !only {
						return errDisk
					}
					return nil
				})
				id := tryOut(t, d)
				d.do(func(errorfs.Op) error { return nil })
				l, err := ledger.Open(d.config(), discard())
				if err != nil {
					t.Fatalf("operation %d failed, and now Open = %v", n, err)
				}
				if id != "" {
					receipt(t, l, id)
				}
				checkSum(t, l)
				if err := l.Close(); err != nil {
					t.Errorf("operation %d failed, and now Close = %v", n, err)
				}
				if count.Load() < int64(n) {
					return
				}
			}
		})
	}
}

// tryOut opens a ledger, puts a transaction and returns its id if it was accepted.
func tryOut(t *testing.T, d *disk) (accepted string) {
	t.Helper()
	l, err := ledger.Open(d.config(), discard())
	if err != nil {
		return ""
	}
	k := userKey(0)
	r, err := l.Put(t.Context(), sign(k, registerTx(k, "alice")))
	if err != nil && !errors.Is(err, ledger.ErrStorage) {
		t.Errorf("Put = %v", err)
	}
	_ = l.Close() // says what it could not write
	return r.TxID
}

// reopenAfterPowerCut opens what the disk surely has: nothing that was not synced.
func reopenAfterPowerCut(t *testing.T, d *disk, check func(*ledger.Ledger)) {
	t.Helper()
	after := d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
	l, err := ledger.Open(ledger.OnFS(config(), after), discard())
	if err != nil {
		t.Fatalf("Open after a power cut = %v", err)
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// TestPowerCut cuts the power at random moments under load: what Put said was
// accepted by then is there, and nothing is half done.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	d := newDisk()
	l := open(t, d.config())
	keys := users(t, l, 8)
	var said sync.Map
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				tx := createTx(k, lib(2))
				if n%2 == 1 {
					tx = transferTx(k, keys[(i+1)%len(keys)].Address(), one)
				}
				r, err := l.Put(context.Background(), sign(k, with(tx, signing.Object{"n": float64(n)})))
				if err != nil || !r.Success {
					t.Errorf("Put = %+v, %v", r, err)
					return
				}
				said.Store(r.TxID, true)
			}
		})
	}
	for range 20 {
		var before []string
		said.Range(func(id, _ any) bool { before = append(before, id.(string)); return true })
		reopenAfterPowerCut(t, d, func(l *ledger.Ledger) {
			for _, id := range before {
				receipt(t, l, id)
			}
			checkSum(t, l)
		})
	}
	stop()
	wg.Wait()
}
