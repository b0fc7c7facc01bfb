package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/liberdus/liberdus/internal/rpc"
)

// FuzzServe: whatever a peer sends gets one reply, and so does its next message.
func FuzzServe(f *testing.F) {
	for _, msg := range []string{
		`{"url":"account/id","method":"GET","body":{"id":"abc123"},"sender":"peer"}`,
		`{"url":"inject","method":"POST","body":{"type":"transfer","amount":{"dataType":"bi","value":"de0b6b3a7640000"}},"sender":"peer"}`,
		`{"id":"7","url":"/account/a%2Fb?x=1","method":"get","timeout":5000}`,
		`{"id":-1.5e+999,"url":"x","timeout":1e999}`,
		`{"id":"\ud800<","url":"//","method":"","timeout":0.0001}`,
		`{"id":{"a":[1]},"url":"x"}`,
		`{"id":null,"url":null}`,
		`{"id":"` + strings.Repeat("i", 200) + `","url":"x"}`,
		`[{}]`, `"x"`, `null`, ``, "\xff\xfe", `{"url":` + strings.Repeat("[", 50) + `}`,
	} {
		f.Add([]byte(msg))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := serve(t, 2, config(), echo)
		s.send(t, string(msg))
		s.send(t, `{"id":"the next","url":"next"}`)
		first, second := s.recv(t), s.recv(t)
		const next = `{"id":"the next","type":"next","method":"GET","status":200,"body":null,"sender":"node"}`
		if first == next {
			first, second = second, first
		}
		if second != next {
			t.Errorf("replies = %s, %s, want one of them %s", first, second, next)
		}
		checkReply(t, msg, first)
		s.close()
	})
}

// checkReply demands that reply is one that msg may get.
func checkReply(t *testing.T, msg []byte, reply string) {
	t.Helper()
	var got struct {
		ID     json.RawMessage
		Type   *string
		Status int
		Body   json.RawMessage
	}
	if err := json.Unmarshal([]byte(reply), &got); err != nil || !utf8.ValidString(reply) || got.Type == nil || got.Body == nil {
		t.Fatalf("reply = %q, %v", reply, err)
	}
	r, err := rpc.DecodeRequest(msg)
	if string(got.ID) != string(r.ID) {
		t.Errorf("id of reply = %s, want %s", got.ID, r.ID)
	}
	switch {
	case err != nil && got.Status != 400:
		t.Errorf("reply = %s, want status 400: %v", reply, err)
	case err == nil && (*got.Type != r.Type() || got.Status != 200 && got.Status != 504): // 504: its timeout was over
		t.Errorf("reply = %s, want status 200 and type %s", reply, r.Type())
	}
}

// FuzzClient: whatever a node sends, each request comes back once, and those
// that it has not answered are answered afterwards.
func FuzzClient(f *testing.F) {
	for _, msg := range []string{
		`{"id":"1","type":"account","method":"GET","status":200,"body":{"account":null},"sender":"node"}`,
		`{"type":"account","method":"GET","body":{"id":"abc123"},"sender":"node"}`,
		`{"type":"error","status":413,"body":{"code":"too-large","error":"x"}}`,
		`{"id":"2","type":"inject","status":"200"}`,
		`{"id":null,"type":"inject","contentType":"text/html","body":"<p>"}`,
		`{"id":3,"type":7,"status":1e999,"sender":{}}`,
		`{"ID":"1","id":"2","Type":"account","body":[` + strings.Repeat("[", 50) + `]}`,
		`{"type":"event","subscription":"1","body":{}}`,
		`[]`, `null`, ``, "\xff",
	} {
		f.Add([]byte(msg), []byte(msg))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c, node := start(t, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for _, url := range []string{"account/id", "inject", "account/x"} {
			wg.Go(func() {
				reply, err := c.Do(ctx, get(url))
				switch {
				case errors.Is(err, context.DeadlineExceeded), errors.Is(err, rpc.ErrClosed):
					t.Errorf("Do(%s) = %v", url, err)
				case err == nil && (reply.Status < 100 || reply.Status > 599):
					t.Errorf("Do(%s) = status %d", url, reply.Status)
				}
			})
		}
		for range 3 {
			node.recv(t)
		}
		node.send(t, string(one))
		node.send(t, string(two))
		for _, id := range []string{"1", "2", "3"} {
			node.send(t, `{"id":"`+id+`","type":"x","status":200,"body":1}`)
		}
		wg.Wait()
	})
}
