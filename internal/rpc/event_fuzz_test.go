package rpc_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/liberdus/liberdus/internal/rpc"
)

// FuzzSubscribe: of whatever valid JSON a body is, only what names an account
// becomes a subscription.
func FuzzSubscribe(f *testing.F) {
	for _, body := range []string{
		`{"account":"a"}`, `{"account":"0123456789abcdef","since":1795401672678}`, `{"since":1e999,"account":"a"}`,
		`{"account":"a","since":-0}`, `{"account":"a","since":"7"}`, `{"account":"\u0061","account":null}`, `{"subscription":"1"}`,
		`{"subscription":"\ud800"}`, `{"subscription":7}`, `[]`, `null`, `"a"`, `{"account":".."}`, `{"account":"../a"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || !utf8.Valid(body) { // decodeRequest refuses that
			return
		}
		account, since, err := rpc.ReadSubscribe(body)
		if err == nil && (rpc.CheckAccount(account) != nil || since < rpc.FromNow || since > 1<<53) {
			t.Errorf("ReadSubscribe(%s) = %q, %d", body, account, since)
		}
		if id, err := rpc.ReadUnsubscribe(body); err == nil {
			var o map[string]any
			if json.Unmarshal(body, &o) != nil || o["subscription"] != id {
				t.Errorf("ReadUnsubscribe(%s) = %q, want %v", body, id, o["subscription"])
			}
		}
	})
}

// FuzzEvents: what a node may push never harms a client, and what ours pushes
// arrives as it was.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"type":"event","subscription":"s","body":{"account":"a","timestamp":1,"chatTimestamp":2,"seq":3}}`), "a", int64(1), int64(3))
	f.Add([]byte(`{"type":"event","subscription":"s","end":"shutdown"}`), "a", int64(1)<<43, int64(1)<<53)
	f.Add([]byte(`{"type":"event","subscription":"s","body":{"seq":1e999,"account":"a"},"end":{}}`), "\"<\x00é", int64(0), int64(9))
	f.Fuzz(func(t *testing.T, msg []byte, account string, timestamp, seq int64) {
		if account == "" || !utf8.ValidString(account) || timestamp < 0 || timestamp > 1<<53 || seq < 1 || seq > 1<<53 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			c, node := start(t, 8)
			want := rpc.Event{Account: account, Timestamp: timestamp, ChatTimestamp: timestamp, Seq: seq}
			subscribed := make(chan *rpc.Subscription, 1)
			for range 2 {
				go func() {
					s, err := c.Subscribe(t.Context(), account, 0)
					if err != nil {
						t.Error(err)
					}
					subscribed <- s
				}()
				synctest.Wait()
				node.recv(t)
			}
			node.send(t, `{"id":"1","type":"subscribe","status":200,"body":{"subscription":"s","since":5}}`)
			first := <-subscribed
			node.send(t, `{"id":"2","type":"subscribe","status":200,"body":{"subscription":"ours","since":5}}`)
			ours := <-subscribed
			if err := node.Send(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
			node.send(t, string(rpc.AppendEvent(nil, "ours", want)))
			node.send(t, string(rpc.AppendEnd(nil, "ours", "enough")))
			node.send(t, string(rpc.AppendEnd(nil, "s", "enough")))
			synctest.Wait()
			if e, err := ours.Next(t.Context()); err == nil && e != want && e.Seq <= want.Seq {
				t.Errorf("Next = %v, want %v", e, want)
			}
			for range 2 { // the other's event, if msg was one, then its end
				if e, err := first.Next(t.Context()); err == nil && (e.Account != account || e.Seq < 1 || e.Seq > 1<<53) {
					t.Errorf("Next = %v", e)
				}
			}
		})
	})
}
