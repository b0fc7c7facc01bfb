package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// Each reply to a first request for account/id, and what becomes of it.
func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		name, msg string
		want      rpc.Reply
		wantErr   string // "none": the request goes on waiting
	}{
		{
			name: "of our nodes",
			msg:  `{"id":"1","type":"account","method":"GET","status":404,"body":{"a":1},"sender":"n"}`,
			want: rpc.Reply{Type: "account", Status: 404, Body: []byte(`{"a":1}`), Sender: "n"},
		},
		{
			name: "text",
			msg:  `{"id":"1","type":"account","status":200,"contentType":"text/html","body":"<p>"}`,
			want: rpc.Reply{Type: "account", Status: 200, Body: []byte(`"<p>"`), ContentType: "text/html"},
		},
		{
			name: "of the first JavaScript nodes",
			msg:  `{"type":"account","method":"GET","body":{"id":"abc123"},"sender":"n"}`,
			want: rpc.Reply{Type: "account", Status: 200, Body: []byte(`{"id":"abc123"}`), Sender: "n"},
		},
		{name: "id null", msg: `{"id":null,"type":"account","body":1}`, want: rpc.Reply{Type: "account", Status: 200, Body: []byte("1")}},
		{name: "another type under the id", msg: `{"id":"1","type":"x","body":1}`, want: rpc.Reply{Type: "x", Status: 200, Body: []byte("1")}},
		{name: "no more than the id", msg: `{"id":"1"}`, want: rpc.Reply{Status: 200}},
		{name: "body null", msg: `{"id":"1","body":null}`, want: rpc.Reply{Status: 200, Body: []byte("null")}},
		{name: "an error without id", msg: `{"type":"error","status":413,"body":{}}`, want: rpc.Reply{Type: "error", Status: 413, Body: []byte("{}")}},
		{name: "sloppy members", msg: `{"id":"1","type":7,"status":null,"sender":{},"contentType":[],"method":0,"body":1}`, want: rpc.Reply{Status: 200, Body: []byte("1")}},
		{name: "status a string", msg: `{"id":"1","status":"200"}`, wantErr: "the node's reply has no usable status"},
		{name: "status zero", msg: `{"id":"1","status":0}`, wantErr: "the node's reply has no usable status"},
		{name: "status huge", msg: `{"id":"1","status":1e99}`, wantErr: "the node's reply has no usable status"},
		{name: "status half", msg: `{"type":"account","status":200.5}`, wantErr: "the node's reply has no usable status"},
		{name: "unknown id", msg: `{"id":"2","type":"account","body":1}`, wantErr: "none"},
		{name: "our id as a number", msg: `{"id":1,"type":"account","body":1}`, wantErr: "none"},
		{name: "id an object", msg: `{"id":{"1":1},"type":"account"}`, wantErr: "none"},
		{name: "error with another id", msg: `{"id":"0","type":"error","status":400}`, wantErr: "none"},
		{name: "another type", msg: `{"type":"inject","body":1}`, wantErr: "none"},
		{name: "no type", msg: `{"body":1}`, wantErr: "none"},
		{name: "an event", msg: `{"type":"event","subscription":"s","body":{}}`, wantErr: "none"},
		{name: "a request", msg: `{"url":"account/id","method":"GET"}`, wantErr: "none"},
		{name: "nothing", msg: ``, wantErr: "none"},
		{name: "null", msg: `null`, wantErr: "none"},
		{name: "an array", msg: `[{"id":"1"}]`, wantErr: "none"},
		{name: "half", msg: `{"id":"1","body":`, wantErr: "none"},
		{name: "not UTF-8", msg: "{\"id\":\"\xff\"}", wantErr: "none"},
		{name: "too large", msg: `{"id":"1","body":"` + strings.Repeat("x", 1<<18) + `"}`, wantErr: "reply: message too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, node := start(t, 1)
				done := do(t.Context(), c, get("account/id"))
				node.recv(t)
				node.send(t, tt.msg)
				synctest.Wait()
				if tt.wantErr == "none" {
					if len(done) > 0 {
						t.Errorf("Do = %+v, want it to wait", <-done)
					}
					node.send(t, `{"id":"1","body":"the reply"}`)
					wantReply(t, done, `"the reply"`)
					return
				}
				got := <-done
				if tt.wantErr != "" {
					if got.err == nil || got.err.Error() != tt.wantErr {
						t.Errorf("Do = %+v, want %s", got, tt.wantErr)
					}
				} else if got.err != nil || !reflect.DeepEqual(got.reply, tt.want) {
					t.Errorf("Do = %+v, %v, want %+v", got.reply, got.err, tt.want)
				}
				next := do(t.Context(), c, get("account/id")) // the stream lives on
				node.recv(t)
				node.send(t, `{"id":"2","type":"account","body":2}`)
				wantReply(t, next, "2")
			})
		})
	}
}

func TestRepliesInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 4)
		var waiting []<-chan result
		for range 3 {
			waiting = append(waiting, do(t.Context(), c, get("account/x")))
			synctest.Wait()
		}
		for _, id := range []string{"2", "3", "1"} {
			node.send(t, `{"id":"`+id+`","type":"account","body":`+id+`}`)
			node.send(t, `{"id":"`+id+`","type":"account","body":"twice"}`)
		}
		for i, done := range waiting {
			wantReply(t, done, fmt.Sprint(i+1))
		}
	})
}

// A node without ids answers the requests of a type in their order.
func TestRepliesWithoutIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 8)
		ask := func(url string, timeout time.Duration) <-chan result {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			t.Cleanup(cancel)
			done := do(ctx, c, get(url))
			synctest.Wait()
			return done
		}
		node.send(t, `{"id":"abc123","type":"account"}`) // an id, but none of ours
		inject := ask("inject", 5*time.Second)           // such nodes never answer it
		first := ask("account/id", time.Second)
		second := ask("account/id", time.Minute)
		stamp := ask("timestamp", time.Minute)
		time.Sleep(6 * time.Second)
		for _, done := range []<-chan result{inject, first} {
			if got := <-done; !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("Do = %+v, want %v", got, context.DeadlineExceeded)
			}
		}
		node.send(t, `{"type":"account","body":"first"}`) // late, and not the second's
		node.send(t, `{"type":"timestamp","body":3}`)
		node.send(t, `{"type":"account","body":"second"}`)
		wantReply(t, second, `"second"`)
		wantReply(t, stamp, "3")

		third := ask("account/id", time.Minute)
		node.send(t, `{"type":"error","status":400,"body":"inject's"}`) // the oldest's, whatever its type
		node.send(t, `{"type":"error","status":400,"body":"third's"}`)
		wantReply(t, third, `"third's"`)
	})
}

// One reply that never comes must not spoil all that follow: after a minute
// nobody expects it any more.
func TestUnansweredIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := <-do(ctx, c, get("account/a")); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("Do = %+v, want %v", got, context.DeadlineExceeded)
		}
		time.Sleep(61 * time.Second)
		done := do(t.Context(), c, get("account/b"))
		synctest.Wait()
		node.send(t, `{"type":"account","body":"b"}`)
		wantReply(t, done, `"b"`)
	})
}

// Once a node has echoed an id, what has none is nobody's.
func TestNodesThatEchoIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		abandoned := do(ctx, c, get("account/a"))
		synctest.Wait()
		second := do(t.Context(), c, get("account/b"))
		synctest.Wait()
		<-abandoned
		node.send(t, `{"id":"2","type":"account","body":2}`)
		wantReply(t, second, "2")

		third := do(t.Context(), c, get("account/c"))
		synctest.Wait()
		node.send(t, `{"id":"1","type":"account","body":"late"}`)
		node.send(t, `{"type":"account","body":"nobody's"}`)
		node.send(t, `{"type":"error","status":400}`)
		node.send(t, `{"id":"3","type":"account","body":3}`)
		wantReply(t, third, "3")
	})
}

// The order of what waits is that of the wire, however many ask at once.
func TestConcurrentRequestsToANodeWithoutIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, end := pipe(0)
		c := rpc.NewClient(jittery{end}, "me")
		var wg sync.WaitGroup
		wg.Go(func() { c.Run() })
		for i := range 50 {
			wg.Go(func() {
				body := fmt.Sprint(i)
				reply, err := c.Do(t.Context(), rpc.Request{URL: "account/id", Method: "GET", Body: []byte(body)})
				if err != nil || string(reply.Body) != body {
					t.Errorf("Do(%s) = %s, %v", body, reply.Body, err)
				}
			})
		}
		for range 50 {
			var r struct{ Body json.RawMessage }
			if err := json.Unmarshal([]byte(node.recv(t)), &r); err != nil {
				t.Fatal(err)
			}
			node.send(t, `{"type":"account","body":`+string(r.Body)+`}`)
		}
		synctest.Wait()
		node.close()
		wg.Wait()
	})
}

// A jittery stream takes its time, and more for one message than for another.
type jittery struct{ *stream }

func (s jittery) Send(ctx context.Context, msg []byte) error {
	time.Sleep(time.Duration(crc32.ChecksumIEEE(msg)%1000) * time.Millisecond)
	return s.stream.Send(ctx, msg)
}

// A reply that was dropped for its size fails the one request that waits; of
// several it could be any, so they are left to their deadlines.
func TestDroppedReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node := start(t, 4)
		first := do(t.Context(), c, get("a"))
		synctest.Wait()
		second := do(t.Context(), c, get("b"))
		synctest.Wait()
		large := strings.Repeat(" ", 1<<18+1)
		node.send(t, large)
		node.send(t, `{"id":"1","body":1}`)
		wantReply(t, first, "1")
		node.send(t, large)
		if got := <-second; !errors.Is(got.err, errDropped) {
			t.Errorf("Do = %+v, want %v", got, errDropped)
		}
	})
}
