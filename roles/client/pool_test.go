package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// A town is nodes of which a client opens sessions; each session is a fakeNode.
type town struct {
	t     *testing.T
	names []string
	takes map[string]time.Duration // to open a session; set before it is used

	mu       sync.Mutex
	wg       sync.WaitGroup
	sessions map[string]*fakeNode
	next     map[string]func(*fakeNode) // who speaks at the next session with a node; nil = nobody
	opened   int
}

func (w *town) open(_ context.Context, claim func(peer string) bool) (*client.Conversation, error) {
	for _, name := range w.names {
		if !claim(name) {
			continue
		}
		time.Sleep(w.takes[name])
		n := newFakeNode(name)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sessions[name] = n
		if speak := w.next[name]; speak != nil {
			delete(w.next, name)
			w.wg.Go(func() { speak(n) })
		}
		w.opened++
		conv := client.NewConversation(name, n, n.end, n.worn)
		w.wg.Go(func() { _ = conv.Run() })
		client.OnClose(conv, n.lose)
		return conv, nil
	}
	return nil, client.ErrNoOther
}

func (w *town) session(name string) *fakeNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[name]
}

// follow has a node speak at its next session, too.
func (w *town) follow(name string, speak func(*fakeNode)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = make(map[string]func(*fakeNode))
	}
	w.next[name] = speak
}

func newTown(t *testing.T, names ...string) (*town, *client.Client) {
	w := &town{t: t, names: names, sessions: map[string]*fakeNode{}}
	c := client.NewSearching(w.open, patient)
	client.Keep(c, len(names))
	t.Cleanup(func() { c.Close(); w.wg.Wait() })
	synctest.Wait()
	return w, c
}

// serve answers what a session is asked, after some time, until it is mute.
func (w *town) serve(name string, after time.Duration, mute *atomic.Bool) {
	n := w.session(name)
	w.wg.Go(func() {
		for {
			select {
			case <-n.end:
				return
			case msg := <-n.in:
				if mute != nil && mute.Load() {
					continue
				}
				id := idOf(msg)
				w.wg.Go(func() {
					time.Sleep(after)
					select {
					case n.out <- fmt.Appendf(nil, `{"id":%q,"type":"x","status":200,"body":1}`, id):
					case <-n.end:
					}
				})
			}
		}
	})
}

// A client keeps sessions with different nodes, and opens another where one ends.
func TestSessionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newTown(t, "a", "b", "c")
		peers := func() (list []string) {
			for _, p := range c.Peers() {
				list = append(list, p.Peer)
			}
			slices.Sort(list)
			return list
		}
		if got := peers(); !slices.Equal(got, w.names) {
			t.Fatalf("sessions with %v, want %v", got, w.names)
		}
		w.session("b").lose()
		time.Sleep(5 * time.Second)
		if got := peers(); !slices.Equal(got, w.names) || w.opened != 4 {
			t.Errorf("after the loss of b: sessions with %v after %d were opened, want %v after 4", got, w.opened, w.names)
		}
	})
}

// The faster a node answers, the more it is asked; and none is never asked.
func TestFastNodesAreAskedMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newTown(t, "fast", "slow")
		w.serve("fast", 10*time.Millisecond, nil)
		w.serve("slow", 40*time.Millisecond, nil)
		asked := map[string]int{}
		for range 400 {
			a, err := c.Do(t.Context(), client.Request{Path: "x"})
			if err != nil {
				t.Fatal(err)
			}
			asked[a.Peer]++
		}
		if asked["fast"] < 250 || asked["slow"] < 20 {
			t.Errorf("asked %v of 400, want most of the fast one, and some of the slow one", asked)
		}
	})
}

// A node that falls silent costs the reads in flight on it a moment, later ones
// nothing, and no read fails.
func TestASilentNodeIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newTown(t, "a", "b", "c")
		var mute atomic.Bool
		w.serve("a", 10*time.Millisecond, &mute)
		w.serve("b", 10*time.Millisecond, nil)
		w.serve("c", 10*time.Millisecond, nil)
		var longest time.Duration
		for i := range 600 {
			mute.Store(i >= 200)
			began := time.Now()
			if _, err := c.Do(t.Context(), client.Request{Path: "x"}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > longest {
				longest = took
			}
		}
		if longest > 500*time.Millisecond {
			t.Errorf("one read took %v, want under 500ms", longest)
		}
	})
}

// Where all nodes are slow at times, only a share of the reads is sent twice.
func TestHedgesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newTown(t, "a", "b")
		var sent atomic.Int64
		for _, name := range w.names {
			n := w.session(name)
			w.wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-n.end:
						return
					case msg := <-n.in:
						sent.Add(1)
						id, after := idOf(msg), 10*time.Millisecond
						if i%2 == 1 { // every second one is slow
							after = 200 * time.Millisecond
						}
						w.wg.Go(func() {
							time.Sleep(after)
							select {
							case n.out <- fmt.Appendf(nil, `{"id":%q,"type":"x","status":200,"body":1}`, id):
							case <-n.end:
							}
						})
					}
				}
			})
		}
		const reads = 1000
		for range reads {
			if _, err := c.Do(t.Context(), client.Request{Path: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if extra := sent.Load() - reads; extra > reads/10+20 {
			t.Errorf("%d reads were sent %d times more, want at most a tenth and 20", reads, extra)
		}
	})
}

// A node without time sends a read to another; the answer of the last one stands.
func TestBusyNodes(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, c := newTown(t, "a", "b")
			answered := make(chan client.Answer, 1)
			go func() {
				a, err := c.Do(t.Context(), client.Request{Path: "x"})
				if err != nil {
					t.Error(err)
				}
				answered <- a
			}()
			var first, second *fakeNode
			var msg []byte
			select {
			case msg = <-w.session("a").in:
				first, second = w.session("a"), w.session("b")
			case msg = <-w.session("b").in:
				first, second = w.session("b"), w.session("a")
			}
			first.out <- fmt.Appendf(nil, `{"id":%q,"type":"x","status":429,"body":{"error":"busy"}}`, idOf(msg))
			msg = <-second.in
			status := 200
			if all {
				status = 503
			}
			second.out <- fmt.Appendf(nil, `{"id":%q,"type":"x","status":%d,"body":{"error":"busy"}}`, idOf(msg), status)
			if a := <-answered; a.Status != status || a.Peer != second.id {
				t.Errorf("= %d by %s, want %d by %s", a.Status, a.Peer, status, second.id)
			}
		})
	}
}

// What is waited for ends with the client.
func TestCloseEndsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newTown(t, "a")
		failed := make(chan error, 1)
		go func() {
			_, err := c.Do(t.Context(), client.Request{Path: "x"})
			failed <- err
		}()
		w.session("a").next(t)
		c.Close()
		if err := <-failed; err == nil {
			t.Error("a request was answered by nobody")
		}
		if _, err := c.Do(t.Context(), client.Request{Path: "x"}); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after Close: %v, want another error", err)
		}
	})
}
