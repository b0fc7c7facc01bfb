package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles/client"
)

// signed is a transaction for nodes that do not look, and its id.
func signed(t *testing.T) (tx, id string) {
	t.Helper()
	tx = `{"from":"a","type":"x","sign":{"owner":"a","sig":"b"}}`
	o, err := signing.ParseObject([]byte(tx))
	if err != nil {
		t.Fatal(err)
	}
	if id, err = signing.TxID(o); err != nil {
		t.Fatal(err)
	}
	return tx, id
}

// Whatever ends the wait for a transaction that was sent, the error has its id and says that it
// may have been taken; and the wait ends in time.
func TestSentAndNotKnown(t *testing.T) {
	const taken = `200 {"result":{"success":true,"txId":"ID","reason":"ok","status":200}}`
	interrupted := errors.New("interrupt signal received")
	for _, tt := range []struct {
		name    string
		words   []string // of the nodes; "" = silence
		receipt string
		peer    string
		timeout time.Duration
		stop    time.Duration // when the caller gives up; 0 = never
		wait    bool          // for the receipt
		says    string
		took    time.Duration
	}{
		{name: "given up by the user", words: []string{"", "", ""}, timeout: 20 * time.Second, stop: 800 * time.Millisecond, says: "interrupt signal received", took: 800 * time.Millisecond},
		{name: "given up, at a named peer", words: []string{""}, peer: "a", timeout: 20 * time.Second, stop: 800 * time.Millisecond, says: "interrupt signal received", took: 800 * time.Millisecond},
		{name: "a short time", words: []string{"", "", ""}, timeout: time.Second, says: "not done within 1s", took: time.Second},
		{name: "a short time, at a named peer", words: []string{""}, peer: "a", timeout: time.Second, says: "not done within 1s", took: time.Second},
		{name: "lost, and a time that ends while it is looked for", words: []string{"lost", `500 {"error":"x"}`, ""}, receipt: "null", timeout: 3 * time.Second, says: "not acknowledged", took: 3 * time.Second},
		{name: "a named peer says nothing", words: []string{""}, peer: "a", timeout: 20 * time.Second, says: "said nothing within 5s", took: 5 * time.Second},
		{name: "an answer that is none", words: []string{`200 {}`}, timeout: 20 * time.Second, says: "not a result"},
		{name: "given up while the receipt is waited for", words: []string{taken}, receipt: "null", timeout: 20 * time.Second, stop: 3 * time.Second, wait: true, says: "accepted", took: 3 * time.Second},
		{name: "no receipt", words: []string{taken}, receipt: "null", timeout: 20 * time.Second, wait: true, says: "no receipt within 30s", took: 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tx, id := signed(t)
			synctest.Test(t, func(t *testing.T) {
				w := &town{t: t, names: []string{"a", "b", "c"}, sessions: map[string]*fakeNode{}}
				if tt.peer != "" {
					w.names = []string{tt.peer}
				}
				c := client.NewSearching(w.open, client.Config{Timeout: tt.timeout, Peer: tt.peer})
				t.Cleanup(func() { c.Close(); w.wg.Wait() })
				if tt.peer == "" {
					client.Keep(c, len(w.names))
				} else if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				v := &village{t: t, w: w, receipt: tt.receipt}
				for _, word := range tt.words {
					v.words = append(v.words, strings.ReplaceAll(word, "ID", id))
				}
				for _, name := range w.names {
					n := w.session(name)
					w.wg.Go(func() { v.serve(n) })
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.stop > 0 {
					time.AfterFunc(tt.stop, func() { cancel(fmt.Errorf("%w", interrupted)) })
				}
				began := time.Now()
				inject := c.Inject
				if tt.wait {
					inject = c.InjectWait
				}
				_, err := inject(ctx, []byte(tx))
				u, undecided := errors.AsType[*client.UndecidedError](err)
				if !undecided || u.TxID != id || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "may have been taken: ask with liberdus client call GET transaction/"+id) {
					t.Errorf("error = %v, want it undecided, with %q and how to ask for %s", err, tt.says, id)
				}
				if got := time.Since(began); got != tt.took {
					t.Errorf("it took %v, want %v", got, tt.took)
				}
			})
		})
	}
}
