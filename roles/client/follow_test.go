package client_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles/client"
)

// A ledgerFeed is what all nodes of a test tell of: one account, whose seq goes
// up.
type ledgerFeed struct {
	mu       sync.Mutex
	seq      int64
	watchers map[rpc.Watcher]bool
	refuse   *rpc.Response
}

func (f *ledgerFeed) Watch(_ context.Context, account string, since int64, w rpc.Watcher) (int64, func(), *rpc.Response) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return 0, nil, f.refuse
	}
	if f.watchers == nil {
		f.watchers = make(map[rpc.Watcher]bool)
	}
	f.watchers[w] = true
	if f.seq > since {
		w.Changed(rpc.Event{Account: account, Seq: f.seq})
	}
	return f.seq, func() { f.mu.Lock(); defer f.mu.Unlock(); delete(f.watchers, w) }, nil
}

func (f *ledgerFeed) each(do func(rpc.Watcher)) {
	f.mu.Lock()
	all := make([]rpc.Watcher, 0, len(f.watchers))
	for w := range f.watchers {
		all = append(all, w)
	}
	f.mu.Unlock()
	for _, w := range all {
		do(w)
	}
}

func (f *ledgerFeed) change() {
	f.mu.Lock()
	f.seq++
	seq := f.seq
	f.mu.Unlock()
	f.each(func(w rpc.Watcher) { w.Changed(rpc.Event{Account: "a", Seq: seq}) })
}

func (f *ledgerFeed) end(reason string) {
	f.each(func(w rpc.Watcher) { w.Ended(reason) })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = nil
}

func (f *ledgerFeed) count() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.watchers) }

// A nodeEnd is the node's end of a session with a fakeNode.
type nodeEnd struct{ *fakeNode }

func (n nodeEnd) Recv() ([]byte, error) {
	select {
	case msg := <-n.in:
		return msg, nil
	case <-n.end:
		return nil, errors.New("the client has gone")
	}
}

func (n nodeEnd) Send(_ context.Context, msg []byte) error {
	select {
	case n.out <- append([]byte(nil), msg...):
		return nil
	case <-n.end:
		return errors.New("the client has gone")
	}
}

// serving returns nodes that tell of what f does.
func serving(t *testing.T, f rpc.Feed, names ...string) (nodes []*fakeNode) {
	t.Helper()
	var wg sync.WaitGroup
	for _, name := range names {
		n := newFakeNode(name)
		nodes = append(nodes, n)
		cfg := rpc.DefaultServerConfig(name)
		cfg.Feed = f
		missing := func(context.Context, rpc.Request) rpc.Response { return rpc.Fault(rpc.NotFound, "no such path") }
		wg.Go(func() { _ = rpc.Serve(context.Background(), nodeEnd{n}, cfg, missing, slog.New(slog.DiscardHandler)) })
	}
	t.Cleanup(func() {
		for _, n := range nodes {
			n.lose()
		}
		wg.Wait()
	})
	return nodes
}

// A told keeps what a follower is told.
type told struct {
	mu   sync.Mutex
	seqs []int64
	peer string
}

func (l *told) add(e rpc.Event, peer string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seqs, l.peer = append(l.seqs, e.Seq), peer
	return nil
}

func (l *told) last(t *testing.T, seq int64, peer string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.seqs); n == 0 || l.seqs[n-1] != seq || l.peer != peer {
		t.Errorf("told %v, the last by %s; want %d by %s", l.seqs, l.peer, seq, peer)
	}
}

// What happens while a session is lost, refused, ended or replaced is told after
// it.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ledgerFeed{seq: 1}
		nodes := serving(t, f, "1", "2", "3", "4")
		l := lineTo(t, nodes[0], nodes[1], nil, nodes[2], nodes[3])
		log, ended := &told{}, make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		go func() { ended <- client.Follow(ctx, l, "a", 0, log.add) }()
		synctest.Wait()
		log.last(t, 1, "1")
		f.change()
		synctest.Wait()
		log.last(t, 2, "1")

		nodes[0].lose()
		synctest.Wait()
		f.change()
		time.Sleep(time.Second)
		log.last(t, 3, "2")

		f.end(rpc.EndShutdown) // and then a session that cannot be opened
		synctest.Wait()
		f.change()
		time.Sleep(5 * time.Second)
		log.last(t, 4, "3")

		close(nodes[2].worn)
		synctest.Wait()
		f.change()
		time.Sleep(time.Second)
		f.change()
		synctest.Wait()
		log.last(t, 6, "4")
		if n := f.count(); n != 1 {
			t.Errorf("%d subscriptions, want 1", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Follow = %v at the end, want nil", err)
		}
		synctest.Wait()
		if n := f.count(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
		if want := []int64{1, 2, 3, 4, 5, 6}; !slices.Equal(log.seqs, want) {
			t.Errorf("told %v, want %v", log.seqs, want)
		}
	})
}

// A node that refuses one subscription keeps its session, on which there are others.
func TestARefusedSubscriptionLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ledgerFeed{seq: 1}
		nodes := serving(t, f, "1", "2")
		l := lineTo(t, nodes...)
		log, ended := &told{}, make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		go func() { ended <- client.Follow(ctx, l, "a", 0, log.add) }()
		synctest.Wait()
		f.refuse = new(rpc.FaultAfter("full", time.Second))
		if err := client.Follow(ctx, l, "b", 0, (&told{}).add); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("Follow = %v, want that it is refused with 429", err)
		}
		time.Sleep(time.Hour)
		f.change()
		synctest.Wait()
		log.last(t, 2, "1")
		select {
		case <-nodes[0].shut:
			t.Error("the session was closed")
		default:
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Follow = %v at the end, want nil", err)
		}
	})
}

// What the first subscription fails with, and what is final, ends it.
func TestFollowFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first bool // already the first subscription
		fail  func(f *ledgerFeed, nodes []*fakeNode, stop func())
		want  string // "" for none
	}{
		{"busy at first", true, func(f *ledgerFeed, _ []*fakeNode, _ func()) { f.refuse = new(rpc.FaultAfter("full", time.Second)) }, "peer 1: the node answers 429: full"},
		{"an old node", true, func(f *ledgerFeed, _ []*fakeNode, _ func()) { f.refuse = new(rpc.Fault(rpc.NotFound, "no such path")) }, "peer 1 does not tell of changes: the node answers 404: no such path"},
		{"an old node later", false, func(f *ledgerFeed, nodes []*fakeNode, _ func()) {
			f.refuse = new(rpc.Fault(rpc.NotFound, "no such path"))
			nodes[0].lose()
		}, "peer 2 does not tell of changes: the node answers 404: no such path"},
		{"who is told", false, func(f *ledgerFeed, _ []*fakeNode, _ func()) { f.seq = 98; f.change() }, "enough"},
		{"busy later", false, func(f *ledgerFeed, nodes []*fakeNode, stop func()) {
			f.refuse = new(rpc.FaultAfter("full", time.Second))
			nodes[0].lose()
			time.AfterFunc(time.Hour, stop)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &ledgerFeed{seq: 1}
				nodes := serving(t, f, "1", "2")
				l := lineTo(t, nodes...)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if tt.first {
					tt.fail(f, nodes, stop)
				}
				ended := make(chan error, 1)
				go func() {
					ended <- client.Follow(ctx, l, "a", 0, func(e rpc.Event, _ string) error {
						if e.Seq == 99 {
							return errors.New("enough")
						}
						return nil
					})
				}()
				synctest.Wait()
				if !tt.first {
					tt.fail(f, nodes, stop)
				}
				err := <-ended
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
					t.Errorf("Follow = %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// What a node makes up of a time to come keeps nobody from the state that the
// next one tells of.
func TestFollowAfterANodeThatMadeUpATime(t *testing.T) {
	const madeUp = int64(8_000_000_000_000) << 10
	for name, far := range map[string]int64{"a seq": madeUp, "the end of numbers": 1 << 53} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &ledgerFeed{seq: far}
				l := lineTo(t, serving(t, f, "1", "2")...)
				log, ended := &told{}, make(chan error, 1)
				ctx, stop := context.WithCancel(t.Context())
				go func() { ended <- client.Follow(ctx, l, "a", 0, log.add) }()
				synctest.Wait()
				log.last(t, far, "1")
				f.mu.Lock()
				f.seq = time.Now().UnixMilli() << 10
				honest := f.seq
				f.mu.Unlock()
				f.end(rpc.EndUnavailable)
				time.Sleep(5 * time.Second)
				log.last(t, honest, "2")
				stop()
				if err := <-ended; err != nil {
					t.Errorf("Follow = %v at the end, want nil", err)
				}
			})
		})
	}
}
