package roles_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

// runConsensor runs a consensor until the test ends. Its log is read meanwhile.
func runConsensor(t *testing.T, change func(*config.Consensor)) *logbook {
	t.Helper()
	book := new(logbook)
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Data = "127.0.0.1:0", t.TempDir()
	change(&cfg)
	n, err := roles.NewConsensor(cfg, nil, slog.New(slog.NewTextHandler(io.MultiWriter(book, t.Output()), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		n.Close()
	})
	return book
}

// awaitLine waits for a line with each of the words.
func awaitLine(t *testing.T, book *logbook, words ...string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); book.count(words...) == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no line with %q", words)
		}
	}
}

// An archiver that cannot be used is told of once, not at each attempt.
func TestSameFailureIsToldOnce(t *testing.T) {
	var asked atomic.Int64
	third := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		if n == 3 {
			close(third)
		}
		http.Error(w, fmt.Sprintf("request %d", n), http.StatusBadGateway)
	}))
	defer s.Close()
	book := runConsensor(t, func(c *config.Consensor) { c.Archiver = []string{s.URL} })
	select {
	case <-third:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not try again")
	}
	if n := book.count("no connection to the archiver", "502"); n != 1 {
		t.Errorf("two failures are told %d times", n)
	}
}

// A node that came by an address, without TLS, is told by which name the
// archiver's certificate goes.
func TestSignallingUnderAnotherName(t *testing.T) {
	cert, key := testca.New(t).Files(t, t.TempDir(), "archiver.example.org")
	a := startArchiver(t, func(c *config.Archiver) { c.TLSCert, c.TLSKey, c.NodeListen = cert, key, "127.0.0.1:0" })
	book := runConsensor(t, func(c *config.Consensor) { c.Archiver = []string{"http://" + roles.NodeAddr(a)} })
	awaitLine(t, book, "no connection to the archiver", "give it as https://archiver.example.org#KEY")
}

// A consensor beside a node whose key it has not says so, the louder if it was
// given a key.
func TestKeyOfAnotherNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	key, _, err := signing.LoadOrCreateNodeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, node, key string
		level           string // "": nothing is said
	}{
		{"the same", key.Public(), path, ""},
		{"another", strings.Repeat("a", 64), path, "WARN"},
		{"one of its own", key.Public(), "", "INFO"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/nodeInfo" {
					fmt.Fprintf(w, `{"nodeInfo":{"publicKey":%q,"status":"active"}}`, tt.node)
					return
				}
				fmt.Fprintf(w, `{"account":{"networkId":%q}}`, strings.Repeat("c", 64))
			}))
			defer s.Close()
			a := startArchiver(t, func(c *config.Archiver) { c.NodeListen = "127.0.0.1:0" })
			book := runConsensor(t, func(c *config.Consensor) {
				c.Archiver, c.Ledger, c.Node, c.Key = []string{a.URL()}, config.LedgerShardus, s.URL, tt.key
			})
			awaitLine(t, book, "msg=ready") // after the keys were compared
			const said = "this consensor's key is not that of the node beside it"
			if tt.level == "" {
				if book.count(said) != 0 {
					t.Error("equal keys are said to differ")
				}
				return
			}
			awaitLine(t, book, said, "level="+tt.level, tt.node)
		})
	}
}

// A mistake in an archiver's URL is found before a ledger is made, whose network
// would not be the archiver's.
func TestNoLedgerForAWrongURL(t *testing.T) {
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Data, cfg.Archiver = "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), []string{"127.0.0.1:6080"}
	n, err := roles.NewConsensor(cfg, nil, logger(t))
	if err == nil {
		n.Close()
	}
	if _, ok := errors.AsType[*roles.UsageError](err); !ok || !strings.Contains(err.Error(), "http://") {
		t.Errorf("NewConsensor = %v, want a mistake in usage with what to say instead", err)
	}
	if _, err := os.Stat(cfg.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data folder: %v, want none", err)
	}
}
