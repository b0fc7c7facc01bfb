package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A result is what a Do came back with.
type result struct {
	reply rpc.Reply
	err   error
	took  time.Duration
}

// do runs Do in the background.
func do(ctx context.Context, c *rpc.Client, r rpc.Request) <-chan result {
	done, start := make(chan result, 1), time.Now()
	go func() {
		reply, err := c.Do(ctx, r)
		done <- result{reply, err, time.Since(start)}
	}()
	return done
}

func get(url string) rpc.Request { return rpc.Request{URL: url, Method: "GET"} }

// wantReply demands a reply with this body.
func wantReply(t *testing.T, done <-chan result, body string) {
	t.Helper()
	if got := <-done; got.err != nil || string(got.reply.Body) != body {
		t.Errorf("Do = %s, %v, want %s", got.reply.Body, got.err, body)
	}
}

// What the node sees of a request.
func TestRequestOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request rpc.Request
		timeout time.Duration // of the context; 0 for none
		want    string
	}{
		{"plain", get("timestamp"), 0, `{"id":"1","url":"timestamp","method":"GET","sender":"me"}`},
		{"deadline", get("timestamp"), 1500 * time.Millisecond, `{"id":"1","url":"timestamp","method":"GET","sender":"me","timeout":1500}`},
		{"hardly any time", get("timestamp"), time.Microsecond, `{"id":"1","url":"timestamp","method":"GET","sender":"me","timeout":1}`},
		{"leading slash", get("/account/a?b=<c>"), 0, `{"id":"1","url":"account/a?b=<c>","method":"GET","sender":"me"}`},
		{
			"body",
			rpc.Request{URL: "inject", Method: "POST", Body: json.RawMessage(`{ "tx": "<é\u2028` + "\u2028" + `>" }`)},
			0,
			`{"id":"1","url":"inject","method":"POST","body":{"tx":"<é\u2028` + "\u2028" + `>"},"sender":"me"}`,
		},
		{"an id and a timeout of one's own", rpc.Request{ID: []byte("9"), URL: "x", Method: "GET", Timeout: time.Hour}, 0, `{"id":"1","url":"x","method":"GET","sender":"me"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, node := start(t, 1)
				ctx, cancel := context.WithCancel(t.Context())
				if tt.timeout > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), tt.timeout)
				}
				defer cancel()
				done := do(ctx, c, tt.request)
				if got := node.recv(t); got != tt.want {
					t.Errorf("request = %s, want %s", got, tt.want)
				}
				node.send(t, `{"id":"1","type":"x","status":200,"body":1}`)
				wantReply(t, done, "1")
			})
		})
	}
}

func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 2000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 1024 {
			do(ctx, c, get("inject"))
		}
		synctest.Wait()
		_, err := c.Do(t.Context(), get("account/x"))
		if want := "1024 requests are waiting"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Do = %v, want %s…", err, want)
		}
		if n := len(node.in); n != 1024 {
			t.Errorf("%d requests were sent, want 1024", n)
		}
		time.Sleep(62 * time.Second) // they are abandoned, then forgotten
		done := do(t.Context(), c, get("account/x"))
		synctest.Wait()
		node.send(t, `{"type":"account","body":1}`)
		wantReply(t, done, "1")
	})
}

func TestEndWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 1)
		sent := do(t.Context(), c, get("a"))
		synctest.Wait() // fills the pipe
		sending := do(t.Context(), c, get("b"))
		synctest.Wait()
		queued := do(t.Context(), c, get("c"))
		synctest.Wait()
		node.close()
		for _, done := range []<-chan result{sent, sending, queued, do(t.Context(), c, get("d"))} {
			if got := <-done; !errors.Is(got.err, rpc.ErrClosed) || !errors.Is(got.err, errGone) {
				t.Errorf("Do = %+v, want %v: %v", got, rpc.ErrClosed, errGone)
			}
		}
	})
}

// What had come before the end is handed out.
func TestReplyBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 1)
		done := do(t.Context(), c, get("a"))
		node.recv(t)
		node.send(t, `{"id":"1","body":1}`)
		node.close()
		wantReply(t, done, "1")
	})
}

// What nobody wants any more is not sent.
func TestDoAfterItsContext(t *testing.T) {
	node, end := pipe(100)
	c := rpc.NewClient(reliable{end}, "me")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	for range 20 {
		if _, err := c.Do(ctx, get("never")); !errors.Is(err, why) {
			t.Errorf("Do = %v, want %v", err, why)
		}
	}
	node.quiet(t)
}

// Do ends with its context wherever it stands: while it waits, on the way into
// a stream that is stuck, and behind another that is.
func TestDoEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, 1)
		why := errors.New("enough")
		for _, name := range []string{"waits", "is stuck", "is behind"} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
			defer cancel()
			done := do(ctx, c, get(name))
			synctest.Wait()
			defer func() {
				if got := <-done; !errors.Is(got.err, why) || errors.Is(got.err, rpc.ErrClosed) || got.took != time.Second {
					t.Errorf("Do that %s = %v after %v, want %v after 1s", name, got.err, got.took, why)
				}
			}()
		}
	})
}

// A reply that comes as the context ends is not thrown away.
func TestReplyAtTheEndOfTheContext(t *testing.T) {
	for range 50 { // the two compete in a select
		ctx, cancel := context.WithCancel(t.Context())
		node := &oracle{answer: make(chan []byte, 1), settled: make(chan struct{}), sent: cancel}
		c := rpc.NewClient(node, "me")
		done := make(chan error, 1)
		go func() { done <- c.Run() }()
		if reply, err := c.Do(ctx, get("a")); err != nil || string(reply.Body) != "1" {
			t.Errorf("Do = %s, %v, want 1", reply.Body, err)
		}
		close(node.answer)
		<-done
	}
}

// An oracle has answered the first request before Send returns.
type oracle struct {
	answer  chan []byte
	settled chan struct{} // closed by the second Recv
	sent    func()
	reads   int // owned by Recv
}

func (o *oracle) Send(context.Context, []byte) error {
	o.answer <- []byte(`{"id":"1","body":1}`)
	<-o.settled
	o.sent()
	return nil
}

func (o *oracle) Recv() ([]byte, error) {
	if o.reads++; o.reads == 2 {
		close(o.settled)
	}
	if msg, ok := <-o.answer; ok {
		return msg, nil
	}
	return nil, errGone
}

func (o *oracle) MaxSend() int { return 1 << 10 }

// What cannot be sent fails at once, and leaves no place behind.
func TestRequestsThatCannotBeSent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request rpc.Request
		want    string
	}{
		{"body is no JSON", rpc.Request{URL: "account/x", Method: "POST", Body: []byte("{")}, "send account/x: encode"},
		{"too large", rpc.Request{URL: "account/x", Method: "POST", Body: []byte(`"` + strings.Repeat("x", 1<<18) + `"`)}, "the connection carries 262144"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, node := start(t, 1)
				if _, err := c.Do(t.Context(), tt.request); err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, rpc.ErrClosed) {
					t.Errorf("Do = %v, want %s", err, tt.want)
				}
				node.quiet(t)
				done := do(t.Context(), c, get("account/y"))
				node.recv(t)
				node.send(t, `{"type":"account","body":1}`)
				wantReply(t, done, "1")
			})
		})
	}
}

// Without TooLarge every error is the end.
func TestRunWithoutTooLarge(t *testing.T) {
	node, end := pipe(1)
	end.maxRecv = 0
	c := rpc.NewClient(end, "me")
	node.send(t, "x")
	if err := c.Run(); !errors.Is(err, errDropped) {
		t.Errorf("Run = %v, want %v", err, errDropped)
	}
	if _, err := c.Do(t.Context(), get("a")); !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("Do = %v, want %v", err, rpc.ErrClosed)
	}
}
