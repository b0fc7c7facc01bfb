package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/rpc"
)

// A userFeed tells of one user, whose newest chat came at newest.
type userFeed struct {
	mu      sync.Mutex
	newest  int64
	watches map[rpc.Watcher]bool
	refuse  *rpc.Response
}

func (f *userFeed) Watch(_ context.Context, account string, since int64, w rpc.Watcher) (int64, func(), *rpc.Response) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return 0, nil, f.refuse
	}
	if f.watches == nil {
		f.watches = make(map[rpc.Watcher]bool)
	}
	f.watches[w] = true
	if f.newest > 0 && since == 0 {
		w.Changed(rpc.Event{Account: account, ChatTimestamp: f.newest, Seq: f.newest})
	}
	return f.newest, func() { f.mu.Lock(); defer f.mu.Unlock(); delete(f.watches, w) }, nil
}

func (f *userFeed) tell(do func(rpc.Watcher)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watches {
		do(w)
	}
}

func (f *userFeed) count() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.watches) }

func polling(f rpc.Feed, most int) *api.API {
	a := newAPI(working())
	a.Polls(f, most)
	return a
}

// When a poll is answered, and with what.
func TestPoll(t *testing.T) {
	for _, tt := range []struct {
		name    string
		query   string
		timeout time.Duration // of the request
		during  func(f *userFeed)
		after   time.Duration
		want    string
	}{
		{"news is there", "account=u&chatTimestamp=6", 0, nil, 0, `{"chatTimestamp":7,"success":true}`},
		{"never polled before", "account=u", 0, nil, 0, `{"chatTimestamp":7,"success":true}`},
		{"news comes", "account=u&chatTimestamp=7", 0, func(f *userFeed) {
			time.Sleep(time.Second)
			f.tell(func(w rpc.Watcher) { w.Changed(rpc.Event{ChatTimestamp: 7}); w.Changed(rpc.Event{ChatTimestamp: 7}) }) // another change
			time.Sleep(time.Second)
			f.tell(func(w rpc.Watcher) { w.Changed(rpc.Event{ChatTimestamp: 8}) })
		}, 2 * time.Second, `{"chatTimestamp":8,"success":true}`},
		{"no news", "chatTimestamp=7&account=u", 0, nil, 25 * time.Second, `{"chatTimestamp":7,"success":true}`},
		{"no news for one ahead", "account=u&chatTimestamp=9e15", 0, nil, 25 * time.Second, `{"chatTimestamp":7,"success":true}`},
		{"no news in the caller's time", "account=u&chatTimestamp=7", 5 * time.Second, nil, 4 * time.Second, `{"chatTimestamp":7,"success":true}`},
		{"no time at all", "account=u&chatTimestamp=7", 100 * time.Millisecond, nil, 0, `{"chatTimestamp":7,"success":true}`},
		{"the node stops", "account=u&chatTimestamp=7", 0, func(f *userFeed) {
			time.Sleep(time.Second)
			f.tell(func(w rpc.Watcher) { w.Ended(rpc.EndShutdown) })
		}, time.Second, `{"chatTimestamp":7,"success":true}`},
		{"no account", "account=&chatTimestamp=7", 0, nil, 0, fault("bad-request", "account must be 1 to 128 of A-Z a-z 0-9 _ . -")},
		{"another's path", "account=..%2Fdebug", 0, nil, 0, fault("bad-request", "account must be 1 to 128 of A-Z a-z 0-9 _ . -")},
		{"a bad escape", "account=u&%zz", 0, nil, 0, fault("bad-request", `query: invalid URL escape \"%zz\"`)},
		{"no time", "account=u&chatTimestamp=-1", 0, nil, 0, fault("bad-request", "chatTimestamp must be a time in milliseconds")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &userFeed{newest: 7}
				a := polling(f, 1)
				ctx, cancel := context.WithTimeout(t.Context(), max(tt.timeout, 30*time.Second))
				defer cancel()
				if tt.timeout > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				var wg sync.WaitGroup
				if tt.during != nil {
					wg.Go(func() { tt.during(f) })
				}
				began := time.Now()
				got := a.Handle(ctx, rpc.Request{URL: "collector/api/poll?" + tt.query, Method: "GET"})
				if string(got.Body) != tt.want || time.Since(began) != tt.after {
					t.Errorf("after %v: %s, want %s after %v", time.Since(began), got.Body, tt.want, tt.after)
				}
				wg.Wait()
				if n := f.count(); n != 0 {
					t.Errorf("%d watches are left", n)
				}
			})
		})
	}
}

// Polls over the limit are answered at once; one whose client has gone makes
// room at once; and a node without room for watches says so.
func TestPollLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &userFeed{newest: 7}
		a := polling(f, 2)
		poll := func(ctx context.Context) rpc.Response {
			return a.Handle(ctx, rpc.Request{URL: "collector/api/poll?account=u&chatTimestamp=7", Method: "GET"})
		}
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { poll(t.Context()) })
		wg.Go(func() { poll(gone) })
		synctest.Wait()
		began := time.Now()
		if got := poll(t.Context()); string(got.Body) != `{"chatTimestamp":7,"success":true}` || time.Since(began) < time.Second || time.Since(began) > 2*time.Second {
			t.Errorf("one too many = %s after %v, want an answer after 1 to 2 s", got.Body, time.Since(began))
		}
		leave()
		synctest.Wait()
		if n := f.count(); n != 1 {
			t.Errorf("%d watches after one client has gone, want 1", n)
		}
		wg.Go(func() { poll(t.Context()) })
		synctest.Wait()
		if n := f.count(); n != 2 {
			t.Errorf("%d polls are held, want 2", n)
		}
		wg.Wait()
		f.refuse = new(rpc.FaultAfter("all taken", time.Second))
		if got := poll(t.Context()); got.Status != 429 {
			t.Errorf("poll without room = %d, want 429", got.Status)
		}
	})
}

// One address has its share of the polls that are held; what is more is held for
// a moment, and beyond that not at all.
func TestPollShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := polling(&userFeed{newest: 7}, 8)
		one := rpc.WithCaller(t.Context(), netip.MustParseAddr("192.0.2.1"))
		var wg sync.WaitGroup
		var at [3]atomic.Int64 // at once, after a moment, at last
		poll := func(ctx context.Context) {
			wg.Go(func() {
				began := time.Now()
				a.Handle(ctx, rpc.Request{Method: "GET", URL: "collector/api/poll?account=u&chatTimestamp=7"})
				switch d := time.Since(began); {
				case d == 0:
					at[0].Add(1)
				case d >= time.Second && d <= 2*time.Second:
					at[1].Add(1)
				case d == 25*time.Second:
					at[2].Add(1)
				}
			})
		}
		for range 20 {
			poll(one)
		}
		synctest.Wait()
		poll(t.Context())
		wg.Wait()
		if now, soon, late := at[0].Load(), at[1].Load(), at[2].Load(); now != 10 || soon != 8 || late != 3 {
			t.Errorf("%d answered at once, %d after a moment, %d at last; want 10, 8, and 2 with the other's", now, soon, late)
		}
	})
}

// A client that hangs up is noticed by the HTTP door.
func TestPollHangUp(t *testing.T) {
	f := &userFeed{newest: 7}
	server := httptest.NewServer(polling(f, 1))
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/collector/api/poll?account=u&chatTimestamp=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	client := server.Client()
	defer client.CloseIdleConnections()
	go func() {
		_, err := client.Do(req)
		done <- err
	}()
	until(t, func() bool { return f.count() == 1 })
	hangUp()
	if err := <-done; err == nil {
		t.Error("a poll was answered that nobody waited for")
	}
	until(t, func() bool { return f.count() == 0 })
}

// until waits for what another goroutine does.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
