package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A feed is one that a test drives.
type feed struct {
	mu       sync.Mutex
	watchers map[string][]rpc.Watcher
	sinces   []int64
	stopped  int
	slow     time.Duration // what Watch takes before it watches
	lingers  time.Duration // and after it
}

var _ rpc.Feed = (*feed)(nil)

func (f *feed) Watch(ctx context.Context, account string, since int64, w rpc.Watcher) (int64, func(), *rpc.Response) {
	defer time.Sleep(f.lingers)
	if account == "full" {
		return 0, nil, new(rpc.FaultAfter("no room", time.Second))
	}
	time.Sleep(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = make(map[string][]rpc.Watcher)
	}
	f.watchers[account] = append(f.watchers[account], w)
	f.sinces = append(f.sinces, since)
	if since >= 0 && since < 7 {
		w.Changed(rpc.Event{Account: account, Timestamp: 1, Seq: 7})
	}
	return 7, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stopped++
		f.watchers[account] = slices.DeleteFunc(f.watchers[account], func(x rpc.Watcher) bool { return x == w })
	}, nil
}

// tell tells all that watch account.
func (f *feed) tell(account string, do func(rpc.Watcher)) {
	f.mu.Lock()
	all := slices.Clone(f.watchers[account])
	f.mu.Unlock()
	for _, w := range all {
		do(w)
	}
}

func (f *feed) change(account string, seq int64) {
	f.tell(account, func(w rpc.Watcher) {
		w.Changed(rpc.Event{Account: account, Timestamp: seq, ChatTimestamp: seq / 2, Seq: seq})
	})
}

func pushing(f *feed) rpc.ServerConfig {
	cfg := config()
	cfg.Feed, cfg.Subscriptions = f, 3
	cfg.End = func(error) string { return rpc.EndShutdown }
	return cfg
}

func notHandled(context.Context, rpc.Request) rpc.Response {
	return rpc.Fault(rpc.NotFound, "not here")
}

// The wire: each message, and what comes back.
func TestSubscribeOnTheWire(t *testing.T) {
	const wantSub = `wants a body {\"account\":\"\u003cid\u003e\",\"since\"?:\u003cnumber\u003e}`
	for _, tt := range []struct{ name, members, want string }{
		{"from now", `"url":"subscribe","method":"POST","body":{"account":"a"}`, `"status":200,"body":{"since":7,"subscription":"1"}`},
		{"with a slash and a query", `"url":"/subscribe/?x","method":"post","body":{"account":"a"}`, `"status":200,"body":{"since":7,"subscription":"1"}`},
		{"since null is none", `"url":"subscribe","method":"POST","body":{"account":"a","since":null}`, `"status":200,"body":{"since":7,"subscription":"1"}`},
		{"since beyond all numbers", `"url":"subscribe","method":"POST","body":{"account":"a","since":1e999}`, `"status":200,"body":{"since":7,"subscription":"1"}`},
		{"no body", `"url":"subscribe","method":"POST"`, `"status":400,"body":{"code":"bad-request","error":"subscribe ` + wantSub + `"}`},
		{"no object", `"url":"subscribe","method":"POST","body":"a"`, `"status":400,"body":{"code":"bad-request","error":"subscribe ` + wantSub + `"}`},
		{"no account", `"url":"subscribe","method":"POST","body":{"account":null}`, `"status":400,"body":{"code":"bad-request","error":"subscribe ` + wantSub + `"}`},
		{"account no string", `"url":"subscribe","method":"POST","body":{"account":7}`, `"status":400,"body":{"code":"bad-request","error":"account must be a string"}`},
		{"account with a path", `"url":"subscribe","method":"POST","body":{"account":"../a"}`, `"status":400,"body":{"code":"bad-request","error":"account must be 1 to 128 of A-Z a-z 0-9 _ . -"}`},
		{"account of dots", `"url":"subscribe","method":"POST","body":{"account":".."}`, `"status":400,"body":{"code":"bad-request","error":"account must be 1 to 128 of A-Z a-z 0-9 _ . -"}`},
		{"account too long", `"url":"subscribe","method":"POST","body":{"account":"` + strings.Repeat("a", 129) + `"}`, `"status":400,"body":{"code":"bad-request","error":"account must be 1 to 128 of A-Z a-z 0-9 _ . -"}`},
		{"since no number", `"url":"subscribe","method":"POST","body":{"account":"a","since":"7"}`, `"status":400,"body":{"code":"bad-request","error":"since must be a number, 0 or more"}`},
		{"since negative", `"url":"subscribe","method":"POST","body":{"account":"a","since":-1}`, `"status":400,"body":{"code":"bad-request","error":"since must be a number, 0 or more"}`},
		{"refused", `"url":"subscribe","method":"POST","body":{"account":"full"}`, `"status":429,"body":{"code":"busy","error":"no room","retryAfter":1000}`},
		{"GET", `"url":"subscribe","body":{"account":"a"}`, `"status":404,"body":{"code":"not-found","error":"not here"}`},
		{"deeper", `"url":"subscribe/a","method":"POST","body":{"account":"a"}`, `"status":404,"body":{"code":"not-found","error":"not here"}`},
		{"of none", `"url":"unsubscribe","body":{"subscription":"1"}`, `"status":404,"body":{"code":"not-found","error":"there is no such subscription, or it has ended"}`},
		{"of nothing", `"url":"unsubscribe","body":{"subscription":1}`, `"status":400,"body":{"code":"bad-request","error":"unsubscribe wants a body {\"subscription\":\"\u003cid\u003e\"}"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := pushing(&feed{})
				cfg.End = nil
				s := serve(t, 1, cfg, notHandled)
				s.send(t, `{"id":1,`+tt.members+`}`)
				if got := s.recv(t); !strings.Contains(got, tt.want) {
					t.Errorf("reply = %s, want %s", got, tt.want)
				}
				synctest.Wait()
				s.quiet(t)
			})
		})
	}
}

const subscribeA = `{"id":1,"url":"subscribe","method":"POST","body":{"account":"a"}}`

// The first event follows the reply, also where it came up before; then each
// change, and nothing old; then, after unsubscribe, nothing.
func TestEventsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{lingers: time.Second}
		s := serve(t, 8, pushing(f), notHandled)
		s.send(t, `{"id":1,"url":"subscribe","method":"POST","body":{"account":"a","since":3}}`)
		want := []string{
			`{"id":1,"type":"subscribe","method":"POST","status":200,"body":{"since":7,"subscription":"1"},"sender":"node"}`,
			`{"type":"event","subscription":"1","body":{"account":"a","timestamp":1,"chatTimestamp":0,"seq":7}}`,
		}
		for _, w := range want {
			if got := s.recv(t); got != w {
				t.Fatalf("received %s, want %s", got, w)
			}
		}
		f.change("a", 9)
		if got, want := s.recv(t), `{"type":"event","subscription":"1","body":{"account":"a","timestamp":9,"chatTimestamp":4,"seq":9}}`; got != want {
			t.Errorf("received %s, want %s", got, want)
		}
		f.change("a", 8) // late
		synctest.Wait()
		s.quiet(t)
		s.send(t, `{"id":2,"url":"unsubscribe","method":"POST","body":{"subscription":"1"}}`)
		if got, want := s.recv(t), `{"id":2,"type":"unsubscribe","method":"POST","status":200,"body":{"subscription":"1"},"sender":"node"}`; got != want {
			t.Errorf("received %s, want %s", got, want)
		}
		f.change("a", 10)
		synctest.Wait()
		s.quiet(t)
		if f.stopped != 1 || len(f.watchers["a"]) != 0 {
			t.Errorf("the feed was stopped %d times, %d watch", f.stopped, len(f.watchers["a"]))
		}
	})
}

// A peer that does not read costs one event for each subscription, and gets the
// latest state when it reads again.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		s := serve(t, 1, pushing(f), notHandled)
		for _, account := range []string{"a", "b"} {
			s.send(t, `{"id":1,"url":"subscribe","method":"POST","body":{"account":"`+account+`"}}`)
			s.recv(t)
		}
		for seq := range int64(1000) {
			f.change("a", 10+seq)
			f.change("b", 10+seq)
			synctest.Wait()
		}
		var got []string
		for {
			synctest.Wait()
			if len(s.in) == 0 {
				break
			}
			got = append(got, s.recv(t))
		}
		// One is in the pipe, one was being sent; after them the last states.
		if n := len(got); n > 4 || !strings.Contains(strings.Join(got[n-2:], ""), `"a","timestamp":1009,`) || !strings.Contains(strings.Join(got[n-2:], ""), `"b","timestamp":1009,`) {
			t.Errorf("received %d events, %s; want at most 4, the last ones the latest of both", n, got)
		}
	})
}

// A session that may have so many subscriptions is refused one more, until one
// has ended.
func TestSubscriptionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, 1, pushing(&feed{}), notHandled)
		for i := range 4 {
			s.send(t, subscribeA)
			want := fmt.Sprintf(`"status":200,"body":{"since":7,"subscription":"%d"}`, i+1)
			if i == 3 {
				want = `"status":429,"body":{"code":"busy","error":"this connection has 3 subscriptions, which is all it may have: end one first"}`
			}
			if got := s.recv(t); !strings.Contains(got, want) {
				t.Errorf("reply = %s, want %s", got, want)
			}
		}
		s.send(t, `{"id":1,"url":"unsubscribe","body":{"subscription":"2"}}`)
		s.recv(t)
		s.send(t, subscribeA)
		if got, want := s.recv(t), `"subscription":"4"`; !strings.Contains(got, want) {
			t.Errorf("reply = %s, want %s", got, want)
		}
	})
}

// A subscription whose reply was not sent, since its time was up, does not
// stay; one whose session ends is told why.
func TestSubscriptionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{slow: 2 * time.Second}
		node, client := pipe(8)
		ended := make(chan error, 1)
		go func() { ended <- rpc.Serve(t.Context(), node, pushing(f), notHandled, discard()) }()
		client.send(t, `{"id":1,"url":"subscribe","method":"POST","timeout":1000,"body":{"account":"a"}}`)
		if got := client.recv(t); !strings.Contains(got, `"code":"timeout"`) {
			t.Errorf("reply = %s, want a timeout", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if f.stopped != 1 {
			t.Errorf("the feed was stopped %d times, want once", f.stopped)
		}
		f.slow = 0
		client.send(t, subscribeA)
		client.recv(t)
		client.send(t, subscribeA)
		client.recv(t)
		synctest.Wait()
		f.tell("a", func(w rpc.Watcher) { w.Ended(rpc.EndUnavailable); w.Ended("again") })
		f.watchers = nil // who was told the end need not stop
		for _, id := range []string{"2", "3"} {
			if got, want := client.recv(t), `{"type":"event","subscription":"`+id+`","end":"unavailable"}`; got != want {
				t.Errorf("received %s, want %s", got, want)
			}
		}
		f.change("a", 50)
		client.send(t, subscribeA)
		client.recv(t)
		f.change("a", 51)
		node.in <- nil // not a request, and the last that is read
		synctest.Wait()
		close(node.ended) // the client's end still has what was sent
		<-ended
		var rest []string
		for len(client.in) > 0 {
			rest = append(rest, string(<-client.in))
		}
		if len(rest) != 2 || !strings.Contains(strings.Join(rest, ""), `"seq":51`) {
			t.Errorf("received %q, want the event and what is no request", rest)
		}
		if n := len(f.watchers["a"]); n != 0 {
			t.Errorf("%d still watch", n)
		}
	})
}

// A node that stops tells its subscribers, after their last event.
func TestShutdownIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		node, client := pipe(8)
		stopping := &stoppable{stream: node, stop: make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- rpc.Serve(t.Context(), stopping, pushing(f), notHandled, discard()) }()
		client.send(t, subscribeA)
		client.recv(t)
		f.change("a", 9)
		close(stopping.stop)
		if err := <-ended; !errors.Is(err, errStopping) {
			t.Errorf("Serve = %v, want %v", err, errStopping)
		}
		for _, want := range []string{`{"account":"a","timestamp":9,`, `{"type":"event","subscription":"1","end":"shutdown"}`} {
			if got := client.recv(t); !strings.Contains(got, want) {
				t.Errorf("received %s, want %s", got, want)
			}
		}
	})
}

var errStopping = errors.New("reading was stopped")

// A stoppable stream is read no more once it is stopped, and still carries what
// is sent.
type stoppable struct {
	*stream
	stop chan struct{}
}

func (s *stoppable) Recv() ([]byte, error) {
	select {
	case msg := <-s.in:
		return msg, nil
	case <-s.stop:
		return nil, errStopping
	}
}

// What a session gets at most is paced; in between, states are left out.
func TestEventPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := rpc.DefaultLimitsConfig()
		cfg.EventsPerSecond = 10
		limits, err := rpc.NewLimits(cfg)
		if err != nil {
			t.Fatal(err)
		}
		f := &feed{}
		scfg := pushing(f)
		scfg.Limits, scfg.End = limits, nil
		s := serve(t, 1024, scfg, notHandled)
		s.send(t, subscribeA)
		s.recv(t)
		for i := range int64(1000) {
			f.change("a", 10+i)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		n := len(s.in)
		var last string
		for range n {
			last = s.recv(t)
		}
		if n < 100 || n > 112 || !strings.Contains(last, `"timestamp":1009,`) {
			t.Errorf("%d events in 10 s, the last %s; want 10 at once, 10 a second and the latest state", n, last)
		}
	})
}
