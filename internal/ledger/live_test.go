package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestExportWhileBusy: an export of a ledger at work is one moment of it, in which
// all is that was accepted before, and its books balance.
func TestExportWhileBusy(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ledger")
	l := open(t, ledger.Config{Dir: dir, NetworkID: networkID})
	stop := make(chan struct{})
	var mu sync.Mutex
	accepted := map[string]bool{} // guarded by mu
	var rest sync.RWMutex         // held for writing while nobody is to work
	var wg sync.WaitGroup
	enough := make(chan struct{}, crashUsers)
	for i := range crashUsers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if n == 30 {
					enough <- struct{}{}
				}
				tx := with(crashTx(i, n), signing.Object{"timestamp": float64(time.Now().UnixMilli()), "n": float64(n)})
				rest.RLock()
				r, err := l.Put(context.Background(), sign(userKey(i), tx))
				rest.RUnlock()
				if err != nil {
					t.Error(err)
					return
				}
				if r.Success {
					mu.Lock()
					accepted[r.TxID] = true
					mu.Unlock()
				}
			}
		})
	}
	<-enough
	for range 2 {
		mu.Lock()
		var before []string
		for id := range accepted {
			before = append(before, id)
		}
		mu.Unlock()
		var text bytes.Buffer
		done, err := l.Export(t.Context(), &text)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			rest.Lock() // what is done from here on would only be more to export
			defer rest.Unlock()
			checkExport(t, text.Bytes(), done, before)
		}()
	}
	close(stop)
	wg.Wait()
}

// checkExport imports an export, and demands that its books balance and that it
// has what was accepted before.
func checkExport(t *testing.T, text []byte, done ledger.Exported, before []string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	got, err := ledger.Import(t.Context(), copied, bytes.NewReader(text), discard(), silent)
	if err != nil || got != done {
		t.Fatalf("Import = %+v, %v, want %+v", got, err, done)
	}
	if books := verify(t, copied); books.Receipts < len(before) {
		t.Errorf("%d receipts, %d were accepted before", books.Receipts, len(before))
	}
	for _, id := range before {
		if !bytes.Contains(text, []byte(`{"receipt":"`+id)) {
			t.Errorf("%s was accepted before, and is not in it", id)
		}
	}
}

// stuck takes nothing until it is closed.
type stuck struct {
	begun  chan struct{}
	closed chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	close(s.begun)
	<-s.closed
	return len(p), nil
}

// TestCloseEndsExports: Close waits for an export to notice, and it is an error.
func TestCloseEndsExports(t *testing.T) {
	l := open(t, config())
	k := userKey(0)
	apply(t, l, k, registerTx(k, "alice"))
	w := stuck{make(chan struct{}), make(chan struct{})}
	ended := make(chan error, 1)
	big := signing.Object{"pqPublicKey": strings.Repeat("A", 100_000)} // more than is buffered
	apply(t, l, userKey(1), with(registerTx(userKey(1), "bob"), big))
	go func() {
		_, err := l.Export(context.Background(), w)
		ended <- err
	}()
	<-w.begun
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	for { // until Close has begun
		if _, err := l.Put(t.Context(), sign(k, createTx(k, one))); errors.Is(err, ledger.ErrClosed) {
			break
		}
		runtime.Gosched()
	}
	close(w.closed)
	if err := <-ended; !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Export = %v, want %v", err, ledger.ErrClosed)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
	if _, err := l.Export(t.Context(), io.Discard); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Export = %v, want %v", err, ledger.ErrClosed)
	}
}

// TestServeExports: what comes over a connection is the export, or is seen to be
// less than that.
func TestServeExports(t *testing.T) {
	l := open(t, config())
	users(t, l, 3)
	var want bytes.Buffer
	if _, err := l.Export(t.Context(), &want); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- l.ServeExports(ctx, ln) }()
	for range 2 {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		done, err := ledger.Receive(conn, &got, silent)
		if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) || done.Records != bytes.Count(want.Bytes(), []byte{'\n'})-2 {
			t.Errorf("Receive = %+v, %v", done, err)
		}
		conn.Close()
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("ServeExports = %v", err)
	}
	text := want.String()
	for name, part := range map[string]string{
		"nothing": "", "one line": text[:strings.Index(text, "\n")+1], "without its end": text[:strings.LastIndex(text[:len(text)-1], "\n")+1],
		"cut in a line": text[:len(text)-10], "changed": strings.Replace(text, "alias", "alien", 1), "not JSON": text + "x",
	} {
		if done, err := ledger.Receive(strings.NewReader(part), io.Discard, silent); !errors.Is(err, ledger.ErrImport) {
			t.Errorf("%s: Receive = %+v, %v, want %v", name, done, err, ledger.ErrImport)
		}
	}
}
