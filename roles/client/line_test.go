package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/rtc"
)

// A fakeNode is the other end of sessions that a test opens, ends and wears out.
type fakeNode struct {
	id   string
	in   chan []byte // requests
	out  chan []byte // replies
	end  chan struct{}
	worn chan struct{}
	shut chan struct{} // closed when the line has closed the session
	once sync.Once
}

func newFakeNode(id string) *fakeNode {
	return &fakeNode{
		id: id, in: make(chan []byte, 16), out: make(chan []byte, 16),
		end: make(chan struct{}), worn: make(chan struct{}), shut: make(chan struct{}),
	}
}

func (n *fakeNode) MaxSend() int { return 1 << 16 }

func (n *fakeNode) Send(_ context.Context, msg []byte) error {
	select {
	case <-n.end:
		return rtc.ErrClosed
	case n.in <- msg:
		return nil
	}
}

func (n *fakeNode) Recv() ([]byte, error) {
	select {
	case msg := <-n.out:
		return msg, nil
	case <-n.end:
		return nil, rtc.ErrClosed
	}
}

func (n *fakeNode) lose() { n.once.Do(func() { close(n.end) }) }

// next waits for a request and returns its id and url.
func (n *fakeNode) next(t *testing.T) (id, url string) {
	t.Helper()
	select {
	case msg := <-n.in:
		var r struct{ ID, URL string }
		if err := json.Unmarshal(msg, &r); err != nil {
			t.Fatal(err)
		}
		return r.ID, r.URL
	case <-time.After(time.Hour):
		t.Fatalf("%s: no request came", n.id)
		return "", ""
	}
}

// idOf returns the id of a request.
func idOf(msg []byte) string {
	var r struct{ ID string }
	_ = json.Unmarshal(msg, &r) // else no reply fits
	return r.ID
}

func (n *fakeNode) reply(id, kind, body string) {
	n.out <- fmt.Appendf(nil, `{"id":%q,"type":%q,"status":200,"body":%s}`, id, kind, body)
}

// patient is the settings of clients whose tests say when time is over.
var patient = client.Config{Timeout: 2 * time.Hour}

// lineTo returns a client that opens sessions to the nodes in turn; a nil one
// fails to open.
func lineTo(t *testing.T, nodes ...*fakeNode) *client.Client {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	l := client.NewPooled(func(context.Context, []string) (*client.Conversation, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(nodes) == 0 {
			return nil, errors.New("nobody is left")
		}
		n := nodes[0]
		nodes = nodes[1:]
		if n == nil {
			return nil, errors.New("not now")
		}
		conv := client.NewConversation(n.id, n, n.end, n.worn)
		wg.Go(func() { _ = conv.Run() })
		client.OnClose(conv, sync.OnceFunc(func() { n.lose(); close(n.shut) }))
		return conv, nil
	}, patient)
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l
}

// An outcome is how a request ended.
type outcome struct {
	peer string
	err  error
}

func begin(ctx context.Context, l *client.Client, method, url string) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		a, err := l.Do(ctx, client.Request{Method: method, Path: url})
		done <- outcome{a.Peer, err}
	}()
	return done
}

// What was in flight on a session that is lost is sent again only if that can
// do no harm.
func TestLostInFlight(t *testing.T) {
	for _, tt := range []struct {
		method string
		again  bool
	}{{"GET", true}, {"POST", false}} {
		t.Run(tt.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFakeNode("a"), newFakeNode("b")
				l := lineTo(t, a, b)
				got := begin(t.Context(), l, tt.method, "x")
				a.next(t)
				a.lose()
				if tt.again {
					id, _ := b.next(t)
					b.reply(id, "x", "1")
				}
				switch o := <-got; {
				case tt.again && (o.err != nil || o.peer != "b"):
					t.Errorf("= %v by %s, want the answer of b", o.err, o.peer)
				case !tt.again && (!errors.Is(o.err, rpc.ErrClosed) || o.peer != "a"):
					t.Errorf("= %v by %s, want ErrClosed at a", o.err, o.peer)
				}
				// Either way the next request finds another session.
				next := begin(t.Context(), l, tt.method, "y")
				id, _ := b.next(t)
				b.reply(id, "y", "2")
				if o := <-next; o.err != nil || o.peer != "b" {
					t.Errorf("next = %v by %s, want the answer of b", o.err, o.peer)
				}
			})
		})
	}
}

// A worn session serves until its successor is open, and then what it has in hand.
func TestReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFakeNode("a"), newFakeNode("b")
		l := lineTo(t, a, nil, b) // the first attempt to replace a fails
		slow := begin(t.Context(), l, "POST", "slow")
		slowID, _ := a.next(t)
		close(a.worn)
		synctest.Wait()
		early := begin(t.Context(), l, "POST", "early")
		id, _ := a.next(t)
		a.reply(id, "early", "1")
		if o := <-early; o.err != nil || o.peer != "a" {
			t.Errorf("before there is a successor: %v by %s, want an answer of a", o.err, o.peer)
		}
		time.Sleep(10 * time.Second)
		late := begin(t.Context(), l, "POST", "late")
		id, _ = b.next(t)
		b.reply(id, "late", "2")
		if o := <-late; o.err != nil || o.peer != "b" {
			t.Errorf("after the replacement: %v by %s, want an answer of b", o.err, o.peer)
		}
		select {
		case <-a.shut:
			t.Error("a was closed with a request in hand")
		default:
		}
		a.reply(slowID, "slow", "3")
		if o := <-slow; o.err != nil || o.peer != "a" {
			t.Errorf("in hand on a: %v by %s, want its answer", o.err, o.peer)
		}
		time.Sleep(time.Second)
		select {
		case <-a.shut:
		default:
			t.Error("a is still open with nothing in hand")
		}
	})
}

// A line keeps nothing of sessions that are lost, whatever was in hand on them.
func TestLostSessionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := []*fakeNode{newFakeNode("a"), newFakeNode("b"), newFakeNode("c")}
		lost := newFakeNode("lost before it is used")
		lost.lose()
		l := lineTo(t, append(nodes, lost)...)
		for _, n := range nodes {
			var requests []<-chan outcome
			for range 3 {
				requests = append(requests, begin(t.Context(), l, "POST", "x"))
				n.next(t)
			}
			if got := client.InHand(l); len(got) != 1 || got[0] != 3 {
				t.Errorf("in hand: %v, want 3 on one session", got)
			}
			n.lose()
			for _, r := range requests {
				<-r
			}
			synctest.Wait()
			if got := client.InHand(l); len(got) != 0 {
				t.Errorf("in hand on a lost session: %v", got)
			}
		}
		<-begin(t.Context(), l, "POST", "x")
		synctest.Wait()
		if got := client.InHand(l); len(got) != 0 {
			t.Errorf("in hand on a session that was lost before: %v", got)
		}
	})
}

// A session that opens when the line is closed is closed by whoever opened it.
func TestOpenedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode("late")
		opening, open := make(chan struct{}), make(chan struct{})
		l := client.NewPooled(func(context.Context, []string) (*client.Conversation, error) {
			close(opening)
			<-open
			conv := client.NewConversation(n.id, n, n.end, n.worn)
			client.OnClose(conv, func() { n.lose(); close(n.shut) })
			return conv, nil
		}, patient)
		got := begin(t.Context(), l, "GET", "x")
		<-opening
		l.Close()
		close(open)
		if o := <-got; o.err == nil {
			t.Error("a request on a closed line was answered")
		}
		select {
		case <-n.shut:
		default:
			t.Error("the session is still open when its opener has returned")
		}
	})
}

// A request on a session that nobody can replace ends with its deadline.
func TestDeadlineWhileLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ []string) (*client.Conversation, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		l := client.NewPooled(hang, patient)
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		a, b := begin(ctx, l, "GET", "x"), begin(ctx, l, "GET", "y") // one opens, one waits for it
		for _, c := range []<-chan outcome{a, b} {
			if o := <-c; !errors.Is(o.err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
				t.Errorf("= %v after %v, want the deadline's error after 3 s", o.err, time.Since(start))
			}
		}
	})
}

// Nodes that go away one after the other do not keep a caller for ever.
func TestResendsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := []*fakeNode{newFakeNode("a"), newFakeNode("b"), newFakeNode("c"), newFakeNode("d"), newFakeNode("e")}
		l := lineTo(t, nodes...)
		got := begin(t.Context(), l, "GET", "x")
		for _, n := range nodes[:4] {
			n.next(t)
			n.lose()
		}
		if o := <-got; !errors.Is(o.err, rpc.ErrClosed) || o.peer != "d" {
			t.Errorf("= %v by %s, want ErrClosed at d, the fourth", o.err, o.peer)
		}
	})
}

// A transaction whose session is lost before the answer is sent once more, and
// what the second answer means depends on what became of the first.
func TestInjectAfterALoss(t *testing.T) {
	const id = "7d"
	refused := func(reason string) string {
		return `{"result":{"success":false,"reason":"` + reason + `","status":400}}`
	}
	for _, tt := range []struct {
		name    string
		second  string // its answer; "" = there is no second node
		receipt string // "" = it is not asked for
		success bool
		says    string // of the error
	}{
		{name: "taken the second time", second: `{"result":{"success":true,"txId":"7d","reason":"ok","status":200}}`, success: true},
		{name: "in the queue already", second: refused("Transaction is already in queue."), success: true},
		{name: "refused, for the first was applied", second: refused("insufficient balance"), receipt: `{"success":true}`, success: true},
		{name: "refused, and the first was not taken", second: refused("insufficient balance"), receipt: `null`},
		{name: "nobody is left", says: "sent, not acknowledged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFakeNode("a"), newFakeNode("b")
				nodes := []*fakeNode{a, b}
				if tt.second == "" {
					nodes = nodes[:1]
				}
				l := lineTo(t, nodes...)
				type result struct {
					doc client.Injected
					err error
				}
				got := make(chan result, 1)
				go func() { doc, err := client.InjectBody(t.Context(), l, id); got <- result{doc, err} }()
				a.next(t)
				a.lose()
				if tt.second != "" {
					req, url := b.next(t)
					if url != "inject" {
						t.Fatalf("b was asked for %s", url)
					}
					b.reply(req, "inject", tt.second)
				}
				var r result
				for waits := true; waits; {
					select {
					case r = <-got:
						waits = false
					case msg := <-b.in:
						var q struct{ ID, URL string }
						if err := json.Unmarshal(msg, &q); err != nil || tt.receipt == "" || q.URL != "transaction/"+id {
							t.Fatalf("b was asked %s, %v", msg, err)
						}
						b.reply(q.ID, "transaction", `{"transaction":`+tt.receipt+`}`)
					}
				}
				if tt.says != "" {
					if r.err == nil || !strings.Contains(r.err.Error(), tt.says) || !strings.Contains(r.err.Error(), id) || client.Hop(r.err) != "channel" {
						t.Errorf("= %v at %s, want %q, the transaction, and hop channel", r.err, client.Hop(r.err), tt.says)
					}
					return
				}
				if r.err != nil || r.doc.Success != tt.success || r.doc.Peer != "b" {
					t.Errorf("= %+v, %v; want success %v by b", r.doc, r.err, tt.success)
				}
			})
		})
	}
}

// eachGrows waits until every counter has, or the test is over.
func eachGrows(ctx context.Context, t *testing.T, counters []atomic.Int64) {
	var before []int64
	for i := range counters {
		before = append(before, counters[i].Load())
	}
	for i := range counters {
		for counters[i].Load() == before[i] && ctx.Err() == nil && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
	}
}

// Callers of a client see nothing of sessions that are worn or lost.
func TestSessionsAreReplacedUnderLoad(t *testing.T) {
	d := startDevnet(t, 2)
	for _, tt := range []struct {
		name string
		tune func(*rtc.Config)
		lost bool
	}{
		{name: "worn by datagrams", tune: func(c *rtc.Config) { c.MaxDatagrams = 400 }},
		{name: "worn by age", tune: func(c *rtc.Config) { c.MaxAge = 300 * time.Millisecond }},
		{name: "lost", lost: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(t, d)
			if tt.tune != nil {
				client.Tune(&cfg, tt.tune)
			}
			l, err := client.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var opened atomic.Int64
			client.CountOpened(l, &opened)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			over := make(chan struct{})
			var replies [6]atomic.Int64 // to each caller
			for i := range replies {
				method, url, status := "GET", "timestamp", 200
				if i == 0 && !tt.lost { // a request that is never sent twice
					method, url, status = "POST", "nowhere", 404
				}
				wg.Go(func() {
					for ctx.Err() == nil {
						select {
						case <-over:
							return
						default:
						}
						reply, err := l.Do(ctx, client.Request{Method: method, Path: url})
						if err != nil || reply.Status != status {
							t.Errorf("%s %s = %d, %v, want %d", method, url, reply.Status, err, status)
							return
						}
						replies[i].Add(1)
					}
				})
			}
			for opened.Load() < 4 && ctx.Err() == nil && !t.Failed() {
				if tt.lost {
					client.Drop(l)
				}
				// A request is sent again twice: it may not meet a third loss, however
				// busy the machine is.
				eachGrows(ctx, t, replies[:])
			}
			close(over)
			wg.Wait()
			if opened.Load() < 4 {
				t.Errorf("%d sessions opened within a minute, want 4", opened.Load())
			}
		})
	}
}
