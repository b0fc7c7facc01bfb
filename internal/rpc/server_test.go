package rpc_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// work takes as many milliseconds as the body says, or as ctx leaves it.
func work(ctx context.Context, r rpc.Request) rpc.Response {
	ms, err := strconv.Atoi(string(r.Body))
	if err != nil {
		return rpc.Fault(rpc.BadRequest, err.Error())
	}
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return rpc.JSON(r.Body)
	case <-ctx.Done():
		return rpc.Fault(rpc.Timeout, "the node did not finish in time")
	}
}

// stubborn works on when ctx has ended.
func stubborn(_ context.Context, r rpc.Request) rpc.Response {
	return work(context.Background(), r)
}

const late = `"status":504,"body":{"code":"timeout","error":"the node did not finish in time"}`

func TestDeadlines(t *testing.T) {
	for _, tt := range []struct {
		name, members string
		after         time.Duration // of the reply
		want          string
	}{
		{"in time", `"body":10`, 10 * time.Millisecond, `"status":200,"body":10`},
		{"the node's own limit", `"body":99999`, 30 * time.Second, late},
		{"the caller's, which is shorter", `"body":99999,"timeout":1500`, 1500 * time.Millisecond, late},
		{"the caller's, which is longer", `"body":99999,"timeout":1e9`, 30 * time.Second, late},
		{"a caller in a hurry", `"body":99999,"timeout":0.001`, time.Microsecond, late},
	} {
		for name, h := range map[string]rpc.Handler{"": work, " and a handler that overlooks it": stubborn} {
			t.Run(tt.name+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, 1, config(), h)
					start := time.Now()
					s.send(t, `{"id":1,"url":"x",`+tt.members+`}`)
					if got, want := s.recv(t), `{"id":1,"type":"x","method":"GET",`+tt.want+`,"sender":"node"}`; got != want {
						t.Errorf("reply = %s, want %s", got, want)
					}
					if took := time.Since(start); took != tt.after {
						t.Errorf("reply after %v, want %v", took, tt.after)
					}
					time.Sleep(time.Hour)
					s.quiet(t) // an answer that comes later is thrown away
				})
			})
		}
	}
}

// Requests without an id are answered in their order, faults among them, while
// those with an id overtake.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, 16, config(), work)
		for _, msg := range []string{
			`{"url":"a","body":300}`,
			`rubbish`,
			`{"url":"b","body":0}`,
			`{"id":{},"url":"c"}`,
			`{"url":"d","timeout":-1}`,
			`{"url":"e","body":100}`,
			`{"id":"f","url":"f","body":50}`,
			`{"id":"g","url":"g","timeout":-1}`,
		} {
			s.send(t, msg)
		}
		var got []string
		for range 8 {
			reply := s.recv(t)
			_, kind, _ := strings.Cut(reply, `"type":"`)
			kind, _, _ = strings.Cut(kind, `"`)
			got = append(got, kind)
		}
		if got, want := strings.Join(got, " "), "g f a error b error d e"; got != want {
			t.Errorf("replies = %s, want %s", got, want)
		}
	})
}

// A message that was dropped, for its size or for its form, gets a fault, in its turn.
func TestDroppedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, client := pipe(4)
		node.maxRecv = 100
		done := make(chan error, 1)
		go func() { done <- rpc.Serve(t.Context(), node, config(), work, discard()) }()
		client.send(t, `{"url":"x","body":20}`)
		client.send(t, `{"url":"x","body":1`+strings.Repeat(" ", 100)+`}`)
		client.send(t, garbled)
		client.send(t, `{"url":"x","body":3}`)
		for _, want := range []string{
			`{"type":"x","method":"GET","status":200,"body":20,"sender":"node"}`,
			`{"type":"error","status":413,"body":{"code":"too-large","error":"message too large"},"sender":"node"}`,
			`{"type":"error","status":400,"body":{"code":"bad-request","error":"message not readable"},"sender":"node"}`,
			`{"type":"x","method":"GET","status":200,"body":3,"sender":"node"}`,
		} {
			if got := client.recv(t); got != want {
				t.Errorf("reply = %s, want %s", got, want)
			}
		}
		client.close()
		if err := <-done; !errors.Is(err, errGone) {
			t.Errorf("Serve = %v, want %v", err, errGone)
		}
	})
}

func TestDuplicateIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, 4, config(), work)
		for _, ms := range []string{"30", "10", "20"} {
			s.send(t, `{"id":"same","url":"x","body":`+ms+`}`)
		}
		for _, ms := range []string{"10", "20", "30"} {
			if got, want := s.recv(t), `{"id":"same","type":"x","method":"GET","status":200,"body":`+ms+`,"sender":"node"}`; got != want {
				t.Errorf("reply = %s, want %s", got, want)
			}
		}
	})
}

// A handler that panics fails one request.
func TestPanics(t *testing.T) {
	s := serve(t, 1, config(), func(_ context.Context, r rpc.Request) rpc.Response {
		if r.URL == "bad" {
			var none []int
			_ = none[len(r.Method)]
		}
		return rpc.JSON([]byte("1"))
	})
	for _, id := range []string{`"id":1,`, ``} {
		s.send(t, `{`+id+`"url":"bad"}`)
		if got, want := s.recv(t), `{`+id+`"type":"bad","method":"GET","status":503,"body":{"code":"unavailable","error":"the node failed on this request"},"sender":"node"}`; got != want {
			t.Errorf("reply = %s, want %s", got, want)
		}
		s.send(t, `{`+id+`"url":"good"}`)
		if got := s.recv(t); !strings.Contains(got, `"status":200,"body":1`) {
			t.Errorf("next reply = %s, want status 200", got)
		}
	}
}

// A deaf stream takes no replies.
type deaf struct{ *stream }

func (deaf) Send(context.Context, []byte) error { return errors.New("no") }

func TestRepliesThatCannotBeSent(t *testing.T) {
	node, client := pipe(0)
	done := make(chan error, 1)
	var handled atomic.Int32
	go func() {
		cfg := config()
		cfg.InFlight = 2
		done <- rpc.Serve(context.Background(), deaf{node}, cfg, func(_ context.Context, r rpc.Request) rpc.Response {
			handled.Add(1)
			return rpc.JSON(nil)
		}, discard())
	}()
	for range 5 {
		for _, msg := range []string{`{"id":1,"url":"x"}`, `{"url":"x"}`, `rubbish`, `{"id":1}`} {
			client.send(t, msg)
		}
	}
	client.close()
	if err := <-done; !errors.Is(err, errGone) {
		t.Errorf("Serve = %v, want %v", err, errGone)
	}
	if n := handled.Load(); n != 10 {
		t.Errorf("handled %d requests, want 10", n)
	}
}

// When the stream ends, what is in hand is finished before Serve returns.
func TestEndOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, client := pipe(8)
		var finished atomic.Int32
		done := make(chan error, 1)
		go func() {
			done <- rpc.Serve(t.Context(), node, config(), func(ctx context.Context, r rpc.Request) rpc.Response {
				defer finished.Add(1)
				return work(ctx, r)
			}, discard())
		}()
		start := time.Now()
		for _, msg := range []string{`{"id":1,"url":"x","body":1000}`, `{"url":"x","body":2000}`, `{"url":"x","body":3000}`} {
			client.send(t, msg)
		}
		synctest.Wait()
		client.close()
		if err := <-done; !errors.Is(err, errGone) {
			t.Errorf("Serve = %v, want %v", err, errGone)
		}
		if n, took := finished.Load(), time.Since(start); n != 3 || took != 5*time.Second {
			t.Errorf("%d handlers finished after %v, want 3 after 5s", n, took)
		}
	})
}

// When ctx ends, requests in hand and those that still come get a fault.
func TestEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = `"status":503,"body":{"code":"unavailable","error":"the node is going away"}`
		node, client := pipe(8)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		cfg := config()
		cfg.InFlight = 2
		go func() { done <- rpc.Serve(ctx, reliable{node}, cfg, stubborn, discard()) }()
		client.send(t, `{"id":1,"url":"x","body":1000}`)
		client.send(t, `{"url":"y","body":1000}`)
		synctest.Wait()
		cancel()
		for range 2 {
			if got := client.recv(t); !strings.Contains(got, away) {
				t.Errorf("reply = %s, want %s", got, away)
			}
		}
		client.send(t, `{"id":2,"url":"x","body":0}`) // finds no slot free
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve = %v, want %v", err, context.Canceled)
		}
		client.quiet(t)
	})
}

// A reliable stream sends whatever becomes of ctx, as a session with room does.
type reliable struct{ *stream }

func (s reliable) Send(_ context.Context, msg []byte) error {
	return s.stream.Send(context.Background(), msg)
}

// What was read before the peer went is done, also what waits for its turn.
func TestWorkOutlivesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, client := pipe(8)
		ctx, cancel := context.WithCancel(t.Context())
		cfg := config()
		cfg.InFlight, cfg.Work = 2, t.Context()
		var done atomic.Int32
		ended := make(chan error, 1)
		go func() {
			ended <- rpc.Serve(ctx, node, cfg, func(ctx context.Context, r rpc.Request) rpc.Response {
				defer done.Add(1)
				if resp := work(ctx, r); resp.Status != 200 {
					t.Errorf("%s = %+v, want 200", r.URL, resp)
				}
				return rpc.JSON(nil)
			}, discard())
		}()
		for _, msg := range []string{`{"id":1,"url":"a","body":1000}`, `{"url":"b","body":1000}`, `{"url":"c","body":1000}`, `{"id":2,"url":"d","body":1000}`} {
			client.send(t, msg)
		}
		synctest.Wait() // two are in hand, one waits for a slot, one has arrived
		client.close()
		cancel()
		if err := <-ended; !errors.Is(err, errGone) {
			t.Errorf("Serve = %v, want %v", err, errGone)
		}
		if n := done.Load(); n != 4 {
			t.Errorf("%d requests were done, want 4", n)
		}
	})
}

// A handler that waits for what its peer is to be told of learns that the peer has gone; its
// context goes on.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, client := pipe(8)
		ended := make(chan error, 1)
		go func() {
			ended <- rpc.Serve(t.Context(), node, config(), func(ctx context.Context, _ rpc.Request) rpc.Response {
				select {
				case <-rpc.Gone(ctx):
				case <-ctx.Done():
				}
				if err := ctx.Err(); err != nil {
					t.Errorf("the context has ended: %v", err)
				}
				return rpc.JSON(nil)
			}, discard())
		}()
		client.send(t, `{"id":1,"url":"a"}`)
		time.Sleep(time.Second)
		client.close()
		start := time.Now()
		if err := <-ended; !errors.Is(err, errGone) || time.Since(start) != 0 {
			t.Errorf("Serve = %v after %v, want %v at once", err, time.Since(start), errGone)
		}
	})
	if rpc.Gone(t.Context()) != nil {
		t.Error("it is known of a request that has no stream")
	}
}
