package rpc_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/rpc"
)

// connected returns a client of a node with f, and what ends their connection.
func connected(t testing.TB, f rpc.Feed, cfg rpc.ServerConfig) (*rpc.Client, func()) {
	t.Helper()
	cfg.Feed = f
	node, end := pipe(16)
	c := rpc.NewClient(end, "me")
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- rpc.Serve(context.Background(), node, cfg, notHandled, discard()) }()
	go func() { ran <- c.Run() }()
	t.Cleanup(func() { end.close(); <-served; <-ran })
	return c, end.close
}

func TestClientSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		c, hangUp := connected(t, f, pushing(f))
		sub, err := c.Subscribe(t.Context(), "a", rpc.FromNow)
		if err != nil || sub.Account() != "a" || sub.Since() != 7 {
			t.Fatalf("Subscribe = %v, since %d; want since 7", err, sub.Since())
		}
		second, err := c.Subscribe(t.Context(), "a", 3)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := second.Next(t.Context()); err != nil || e != (rpc.Event{Account: "a", Timestamp: 1, Seq: 7}) || second.Since() != 7 {
			t.Errorf("Next = %v, %v, since %d; want the state of 7 at once", e, err, second.Since())
		}
		for seq := range int64(5) {
			f.change("a", 20+seq)
			synctest.Wait()
		}
		if got := sub.Since(); got != 7 {
			t.Errorf("since = %d before Next, want 7: nothing has been handed over", got)
		}
		if e, err := sub.Next(t.Context()); err != nil || e.Seq != 24 || sub.Since() != 24 {
			t.Errorf("Next = %v, %v, since %d; want the latest, 24", e, err, sub.Since())
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := sub.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next without news = %v, want the end of ctx", err)
		}
		if err := sub.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := sub.Close(t.Context()); err != nil || f.stopped != 1 {
			t.Errorf("Close again = %v, stopped %d times; want once", err, f.stopped)
		}
		if _, err := sub.Next(t.Context()); err == nil {
			t.Error("Next after Close = nil, want an error")
		}
		f.change("a", 30)
		f.tell("a", func(w rpc.Watcher) { w.Ended(rpc.EndReplaced) })
		synctest.Wait()
		if e, err := second.Next(t.Context()); err != nil || e.Seq != 30 {
			t.Errorf("Next = %v, %v; want the event before the end", e, err)
		}
		var end *rpc.EndError
		if _, err := second.Next(t.Context()); !errors.As(err, &end) || end.Reason != rpc.EndReplaced {
			t.Errorf("Next at the end = %v, want %s", err, rpc.EndReplaced)
		}
		third, err := c.Subscribe(t.Context(), "b", rpc.FromNow)
		if err != nil {
			t.Fatal(err)
		}
		hangUp()
		if _, err := third.Next(t.Context()); !errors.Is(err, rpc.ErrClosed) {
			t.Errorf("Next after the stream = %v, want %v", err, rpc.ErrClosed)
		}
		if _, err := c.Subscribe(t.Context(), "b", rpc.FromNow); !errors.Is(err, rpc.ErrClosed) {
			t.Errorf("Subscribe after the stream = %v, want %v", err, rpc.ErrClosed)
		}
	})
}

func TestClientSubscribeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connected(t, &feed{}, pushing(nil))
		var fault *rpc.FaultError
		_, err := c.Subscribe(t.Context(), "full", 0)
		if !errors.As(err, &fault) || *fault != (rpc.FaultError{Status: 429, Code: rpc.Busy, Text: "no room", RetryAfter: time.Second}) {
			t.Errorf("Subscribe = %v, want the node's fault", err)
		}
	})
}

// What a node may send instead of events does no harm.
func TestStrangeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 16)
		done := make(chan *rpc.Subscription, 1)
		go func() {
			sub, err := c.Subscribe(t.Context(), "a", 0)
			if err != nil {
				t.Error(err)
			}
			done <- sub
		}()
		node.recv(t)
		node.send(t, `{"id":"1","type":"subscribe","status":200,"body":{"subscription":"s","since":5}}`)
		for _, msg := range []string{
			`{"type":"event","subscription":"other","body":{"account":"a","seq":6}}`,
			`{"type":"event","subscription":7,"body":{"account":"a","seq":6}}`,
			`{"type":"event","subscription":"s"}`,
			`{"type":"event","subscription":"s","body":null}`,
			`{"type":"event","subscription":"s","body":{"account":"b","seq":6}}`,
			`{"type":"event","subscription":"s","body":{"account":"a","seq":"6"}}`,
			`{"type":"event","subscription":"s","body":{"account":"a","seq":-6}}`,
			`{"type":"event","subscription":"s","end":null,"body":{"account":"b","seq":8}}`,
			`{"type":"event","subscription":"s","body":{"account":"a","timestamp":1e300,"seq":8}}`,
		} {
			node.send(t, msg)
		}
		sub := <-done
		synctest.Wait()
		if e, err := sub.Next(t.Context()); err != nil || e.Seq != 8 || e.Timestamp != 1<<53 {
			t.Errorf("Next = %v, %v; want the last event alone", e, err)
		}
		node.send(t, `{"type":"event","subscription":"s","body":{"account":"a","seq":7}}`) // an old one
		node.send(t, `{"type":"event","subscription":"s","end":7}`)
		if _, err := sub.Next(t.Context()); err == nil {
			t.Error("Next after the end = nil")
		}
	})
}

// A subscription that nobody waits for any more is none when its reply comes.
func TestSubscribeAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 16)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Subscribe(ctx, "a", 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Subscribe = %v, want the end of ctx", err)
		}
		node.recv(t)
		node.send(t, `{"id":"1","type":"subscribe","status":200,"body":{"subscription":"s","since":5}}`)
		node.send(t, `{"type":"event","subscription":"s","body":{"account":"a","seq":6}}`)
		synctest.Wait()
		if n := rpc.Subscriptions(c); n != 0 {
			t.Errorf("%d subscriptions are kept, want none", n)
		}
	})
}

// Whatever happens and however slow either side is: events come in order, none
// is of another account, and after the last change everybody ends up with it.
func TestLastStateIsNeverLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			f := &feed{}
			cfg := pushing(f)
			cfg.Subscriptions = 8
			node, end := pipe(rapid.IntRange(1, 4).Draw(rt, "room"))
			c := rpc.NewClient(end, "me")
			served, ran := make(chan error, 1), make(chan error, 1)
			go func() { served <- rpc.Serve(context.Background(), node, cfg, notHandled, discard()) }()
			go func() { ran <- c.Run() }()
			defer func() { end.close(); <-served; <-ran }()

			accounts := []string{"a", "b"}
			latest := map[string]int64{"a": 7, "b": 7}
			var subs []*rpc.Subscription
			seen := map[*rpc.Subscription]int64{}
			take := func(rt *rapid.T, s *rpc.Subscription) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				e, err := s.Next(ctx)
				if err != nil {
					return
				}
				if e.Account != s.Account() || e.Seq <= seen[s] || e.Seq > latest[e.Account] {
					rt.Fatalf("event %v of %s after %d, latest %d", e, s.Account(), seen[s], latest[e.Account])
				}
				seen[s] = e.Seq
			}
			rt.Repeat(map[string]func(*rapid.T){
				"change": func(rt *rapid.T) {
					account := rapid.SampledFrom(accounts).Draw(rt, "account")
					latest[account] += rapid.Int64Range(1, 3).Draw(rt, "by")
					f.change(account, latest[account])
				},
				"subscribe": func(rt *rapid.T) {
					if len(subs) == 8 {
						rt.Skip("all are taken")
					}
					account := rapid.SampledFrom(accounts).Draw(rt, "account")
					s, err := c.Subscribe(context.Background(), account, rpc.FromNow)
					if err != nil {
						rt.Fatal(err)
					}
					seen[s] = latest[account]
					subs = append(subs, s)
				},
				"take": func(rt *rapid.T) {
					if len(subs) == 0 {
						rt.Skip("nobody subscribes")
					}
					take(rt, rapid.SampledFrom(subs).Draw(rt, "which"))
				},
				"end": func(rt *rapid.T) {
					if len(subs) == 0 {
						rt.Skip("nobody subscribes")
					}
					i := rapid.IntRange(0, len(subs)-1).Draw(rt, "which")
					if err := subs[i].Close(context.Background()); err != nil {
						rt.Fatal(err)
					}
					subs = slices.Delete(subs, i, i+1)
				},
				"wait": func(*rapid.T) { synctest.Wait() },
			})
			for _, account := range accounts {
				latest[account]++
				f.change(account, latest[account])
			}
			synctest.Wait()
			for _, s := range subs {
				take(rt, s)
				if seen[s] != latest[s.Account()] {
					rt.Fatalf("the last event of %s is %d, want %d", s.Account(), seen[s], latest[s.Account()])
				}
			}
		})
	})
}
