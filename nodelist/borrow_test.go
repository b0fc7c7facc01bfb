package nodelist_test

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// What an archiver 3.7 of a Liberdus network of three nodes answered to
// GET /full-nodelist?activeOnly=true, and before its first node was active.
var (
	//go:embed testdata/full-nodelist.json
	recordedList string
	//go:embed testdata/empty-nodelist.json
	recordedEmpty string
)

const recordedKey = "758b1c119412298802cd28dbfa394cdfeecc4074492d60844cc192d632d84de3"

// A lender is another archiver: it answers what a test wants.
type lender struct {
	answer atomic.Pointer[http.HandlerFunc]
}

func (l *lender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.RequestURI() != "/full-nodelist?activeOnly=true" {
		http.NotFound(w, r)
		return
	}
	(*l.answer.Load())(w, r)
}

func (l *lender) set(f http.HandlerFunc) { l.answer.Store(&f) }

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// listOf is the list of an archiver with the key of number 2000: of Liberdus
// if epoch is 0, else of ours.
func listOf(t testing.TB, signer, epoch int, nodes ...int) string {
	t.Helper()
	entries := []any{}
	for _, n := range nodes {
		e := entryOf(n)
		delete(e, "peerId")
		entries = append(entries, e)
	}
	o := signing.Object{"nodeList": entries}
	if epoch > 0 {
		o["epoch"], o["time"], o["list"], o["networkId"] = float64(epoch), float64(time.Now().UnixMilli()), "active", networkA
	}
	return signed(t, signer, o)
}

// borrower returns an archiver that follows the lender, which has that key.
func borrower(t testing.TB, l *lender, key, file string, allow ...string) *archiver {
	return newArchiver(t, func(c *nodelist.Config) {
		c.NodesFrom = nodelist.Archiver{URL: "http://lender:4000", Key: key}
		c.NodesFromFile, c.AllowNode = file, allow
		c.NodesFromHTTP = &http.Client{Transport: transport{l}}
	})
}

// follow has a follow its lender until the returned function is called.
func (a *archiver) follow() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.Follow(ctx); err != nil {
			a.t.Errorf("Follow = %v, want nil", err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// Only nodes of the other archiver's list, and those named here, are listed;
// who leaves that list leaves this one.
func TestNodesFrom(t *testing.T) {
	for _, tt := range []struct {
		name  string
		epoch int
	}{{"a Liberdus archiver", 0}, {"one of ours", 5}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := new(lender)
				l.set(text(200, listOf(t, 2000, tt.epoch, 1, 2)))
				a := borrower(t, l, keyOf(2000).Public(), "", keyOf(4).Public())
				defer a.run()()
				const refusal = "publicKey is not among the nodes that this archiver lists"
				if got := a.post(signed(t, 1, joinOf(1))); got != refusal {
					t.Errorf("before the list is known node 1 = %q, want %q", got, refusal)
				}
				defer a.follow()()
				synctest.Wait()
				for _, n := range []int{1, 2, 4} {
					a.connect(a.mustJoin(n), "token")
				}
				if got := a.post(signed(t, 3, joinOf(3))); got != refusal {
					t.Errorf("node 3 = %q, want %q", got, refusal)
				}
				if tt.epoch > 0 {
					tt.epoch++
				}
				l.set(text(200, listOf(t, 2000, tt.epoch, 2, 3)))
				for range 22 { // until it has been fetched again and is signed
					time.Sleep(time.Second) // of the bubble
					for _, n := range []int{1, 2, 4} {
						a.connect(keyOf(n).Public(), "token") // alive still
					}
				}
				want := []string{keyOf(2).Public(), keyOf(4).Public()}
				if got := a.peers("/full-nodelist?activeOnly=true"); len(got) != 2 || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
					t.Errorf("listed are %q, want nodes 2 and 4", got)
				}
				if got := a.post(signed(t, 3, joinOf(3))); got != "" {
					t.Errorf("node 3 = %q once it is listed there", got)
				}
			})
		})
	}
}

// How old what is borrowed is can be seen: from the start, if it was never had.
func TestTheAgeOfWhatIsBorrowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(lender)
		a := borrower(t, l, keyOf(2000).Public(), "")
		good, bad := text(200, listOf(t, 2000, 5, 1, 2)), text(500, "no")
		l.set(bad)
		defer a.follow()()
		for _, tt := range []struct {
			name     string
			answer   http.HandlerFunc
			min, max time.Duration
		}{
			{"never had", bad, 10 * time.Minute, 10*time.Minute + time.Second},
			{"had", good, 0, 30 * time.Second},
			{"lost", bad, 9 * time.Minute, 10*time.Minute + 30*time.Second},
		} {
			l.set(tt.answer)
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if s := a.Stats(); !s.Borrowed || s.BorrowedAge < tt.min || s.BorrowedAge > tt.max {
				t.Errorf("%s: it is %v old (borrowed: %v), want %v to %v", tt.name, s.BorrowedAge, s.Borrowed, tt.min, tt.max)
			}
		}
	})
	if s := newArchiver(t, nil).Stats(); s.Borrowed {
		t.Error("an archiver of its own says that it borrows")
	}
}

// Whatever goes wrong over there, the last good list counts on.
func TestNodesFromFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(t *testing.T) http.HandlerFunc
		logged string
	}{
		{"signed by another key", func(t *testing.T) http.HandlerFunc { return text(200, listOf(t, 2001, 8, 3)) }, "not the pinned"},
		{"changed on the way", func(t *testing.T) http.HandlerFunc {
			return text(200, strings.Replace(listOf(t, 2000, 8, 3), keyOf(3).Public(), keyOf(5).Public(), 1))
		}, "not signed"},
		{"not signed", func(*testing.T) http.HandlerFunc { return text(200, `{"nodeList":[]}`) }, "not signed"},
		{"an older epoch", func(t *testing.T) http.HandlerFunc { return text(200, listOf(t, 2000, 6, 3)) }, "older"},
		{"no epoch any more", func(t *testing.T) http.HandlerFunc { return text(200, listOf(t, 2000, 0, 3)) }, "older"},
		{"empty", func(t *testing.T) http.HandlerFunc { return text(200, listOf(t, 2000, 8)) }, "empty"},
		{"of another kind", func(t *testing.T) http.HandlerFunc {
			return text(200, signed(t, 2000, signing.Object{"list": "standby", "nodeList": []any{entryOf(3)}, "epoch": 8.0}))
		}, "kind standby"},
		{"no list", func(t *testing.T) http.HandlerFunc {
			return text(200, signed(t, 2000, signing.Object{"nodeList": "none"}))
		}, "no array"},
		{"gone", func(*testing.T) http.HandlerFunc { return text(502, "<html>") }, "502"},
		{"no archiver", func(*testing.T) http.HandlerFunc { return text(404, "<html>") }, "404"},
		{"slow", func(*testing.T) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}, "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := new(lender)
				l.set(text(200, listOf(t, 2000, 7, 1)))
				a := borrower(t, l, keyOf(2000).Public(), "")
				stop := a.follow()
				synctest.Wait()
				l.set(tt.answer(t))
				time.Sleep(5 * time.Minute) // of the bubble
				a.mustJoin(1)
				if got := a.post(signed(t, 3, joinOf(3))); got == "" {
					t.Error("node 3 was listed")
				}
				l.set(text(200, listOf(t, 2000, 9, 1, 3)))
				time.Sleep(61*time.Second + 10*time.Second) // the longest wait, after a request that hangs
				if got := a.post(signed(t, 3, joinOf(3))); got != "" {
					t.Errorf("node 3 = %q after the other archiver has recovered", got)
				}
				stop()
				if !strings.Contains(a.logs.String(), tt.logged) {
					t.Errorf("log = %s, want %q", a.logs, tt.logged)
				}
			})
		})
	}
}

// The list is kept for a start without the other archiver, but not for one with
// another.
func TestNodesFromIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "nodes-from.json")
		l := new(lender)
		l.set(text(200, listOf(t, 2000, 7, 1)))
		a := borrower(t, l, keyOf(2000).Public(), file)
		stop := a.follow()
		synctest.Wait()
		stop()
		again := borrower(t, l, keyOf(2000).Public(), file)
		again.mustJoin(1)
		l.set(text(200, listOf(t, 2000, 6, 3)))
		stop = again.follow()
		time.Sleep(time.Minute)
		stop()
		if got := again.post(signed(t, 3, joinOf(3))); got == "" {
			t.Error("a list older than the one of the last run was taken over")
		}
		if got := borrower(t, l, keyOf(2001).Public(), file).post(signed(t, 1, joinOf(1))); got == "" {
			t.Error("the list of another archiver counts")
		}
		if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := nodelist.New(nodelist.Config{
			Key: keyOf(1000), RTC: nodelist.RTC{Port: 1, Path: "/p", Key: "k"},
			NodesFrom: nodelist.Archiver{URL: "http://h", Key: recordedKey}, NodesFromFile: file,
		}, a.sockets, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("New with a broken file = %v, want the remedy", err)
		}
	})
}

// What a real archiver answers is verified and read, its empty list too.
func TestNodesFromRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "nodes-from.json")
		l := new(lender)
		l.set(text(200, recordedList))
		a := borrower(t, l, recordedKey, file)
		stop := a.follow()
		synctest.Wait()
		l.set(text(200, recordedEmpty))
		time.Sleep(time.Minute)
		stop()
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{
			"499a602c0109bcf3bb84fe414032d792bd7c56f3a68ca547cf9c70552c713b8f",
			"83b74471c321b1b32146f4e8ff69998e8acbdeade6ed945623a2d4d03850acd1",
			"a0438915d63b2618bb75763fa492d2762b1bb0a4ace9333fc52cb7778018ff3c",
		} {
			if !strings.Contains(string(kept), key) {
				t.Errorf("kept is %s, want %s in it", kept, key)
			}
		}
		if !strings.Contains(a.logs.String(), "empty") || strings.Contains(a.logs.String(), "not signed") {
			t.Errorf("log = %s, want the empty list to be verified and told", a.logs)
		}
	})
}

func TestNodesFromNeedsAKey(t *testing.T) {
	cfg := nodelist.Config{Key: keyOf(1000), RTC: nodelist.RTC{Port: 1, Path: "/p", Key: "k"}, NodesFrom: nodelist.Archiver{URL: "http://h"}}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "URL#PUBLICKEY") {
		t.Errorf("Validate = %v, want the form that is needed", err)
	}
}
