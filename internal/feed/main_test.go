package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// accounts are what a hub looks at.
type accounts struct {
	mu     sync.Mutex
	texts  map[string]string
	looks  map[string]int
	failed error
	takes  time.Duration // one look
	varies bool          // takes is the longest
	most   int           // looks at once, so far
	now    int
}

func newAccounts() *accounts {
	return &accounts{texts: make(map[string]string), looks: make(map[string]int)}
}

func (a *accounts) look(ctx context.Context, id string) ([]byte, error) {
	a.mu.Lock()
	a.looks[id]++
	a.now++
	a.most = max(a.most, a.now)
	takes, text, err := a.takes, a.texts[id], a.failed
	if a.varies {
		takes = rand.N(takes + 1)
	}
	a.mu.Unlock()
	defer func() { a.mu.Lock(); a.now--; a.mu.Unlock() }()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err != nil || text == "" {
		return nil, err
	}
	return []byte(text), nil
}

// set gives an account another state.
func (a *accounts) set(id string, timestamp, chat int64, note string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.texts[id] = fmt.Sprintf(`{"data":{"chatTimestamp":%d},"note":%q,"timestamp":%d}`, chat, note, timestamp)
}

func (a *accounts) fail(err error) { a.mu.Lock(); defer a.mu.Unlock(); a.failed = err }

func (a *accounts) count(id string) int { a.mu.Lock(); defer a.mu.Unlock(); return a.looks[id] }

var errDown = errors.New("the node is down")

// A watcher keeps what it is told.
type watcher struct {
	mu     sync.Mutex
	events []rpc.Event
	at     []time.Time
	ends   []string
}

func (w *watcher) Changed(e rpc.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events, w.at = append(w.events, e), append(w.at, time.Now())
}

func (w *watcher) Ended(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, reason)
}

// last returns the newest event, and how many there were.
func (w *watcher) last() (rpc.Event, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return rpc.Event{}, 0
	}
	return w.events[len(w.events)-1], len(w.events)
}

// A tester is a *testing.T, or one of a property.
type tester interface {
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
	Cleanup(func())
}

// run starts a hub that ends with the test, or with stop.
func run(t tester, cfg feed.Config, look feed.Look) (h *feed.Hub, stop func()) {
	t.Helper()
	h, err := feed.New(cfg, look, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return h, stop
}

// watch has a new watcher told of an account.
func watch(t testing.TB, h *feed.Hub, account string, since int64) (w *watcher, from int64, stop func()) {
	t.Helper()
	w = &watcher{}
	from, stop, fault := h.Watch(t.Context(), account, since, w)
	if fault != nil {
		t.Fatalf("Watch(%s) = %s", account, fault.Body)
	}
	return w, from, stop
}

func changed(ids ...string) (list []ledger.Change) {
	for _, id := range ids {
		list = append(list, ledger.Change{ID: id})
	}
	return list
}

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
