package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// An act is what a node does with a transaction: after a while it says body, or loses
// the session where that is empty.
type act struct {
	after time.Duration
	body  string
}

// A node has a second to acknowledge a transaction, also one that was asked because
// another was slow: that others are slow, or are lost, gives it to no third one.
func TestTransactionsAreGivenOneByOne(t *testing.T) {
	const (
		s       = time.Second
		taken   = `{"result":{"success":true,"txId":"7d","reason":"ok","status":200}}`
		syncing = `{"result":{"success":false,"reason":"Node is still syncing.","status":500}}`
	)
	for _, tt := range []struct {
		name  string
		acts  []act // of the nodes, in the order in which they are asked; those without one say nothing
		given []time.Duration
		fails bool
	}{
		{name: "one is silent, the next as far as nodes are", acts: []act{{after: time.Hour}, {300 * time.Millisecond, taken}}, given: []time.Duration{0, s}},
		{name: "one is lost as the next is asked", acts: []act{{after: s}, {300 * time.Millisecond, taken}}, given: []time.Duration{0, s}},
		{name: "one is lost after the next is asked", acts: []act{{after: s + 100*time.Millisecond}, {300 * time.Millisecond, taken}}, given: []time.Duration{0, s}},
		{name: "the next cannot take it", acts: []act{{after: time.Hour}, {100 * time.Millisecond, syncing}, {after: 0, body: taken}}, given: []time.Duration{0, s, s + 100*time.Millisecond}},
		{name: "none has time", acts: []act{{0, syncing}, {0, syncing}, {0, taken}}, given: []time.Duration{0, 0, 0}},
		{name: "all are silent", given: []time.Duration{0, s, 2 * s, 3 * s, 4 * s}, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newTown(t, "a", "b", "c", "d", "e", "f")
				var mu sync.Mutex
				var given []time.Duration
				began := time.Now()
				serve := func(n *fakeNode) {
					for {
						select {
						case <-n.end:
							return
						case msg := <-n.in:
							var r struct{ ID, URL string }
							if err := json.Unmarshal(msg, &r); err != nil || r.URL != "inject" {
								continue // nobody knows of the transaction
							}
							mu.Lock()
							i := len(given)
							given = append(given, time.Since(began))
							mu.Unlock()
							if i < len(tt.acts) {
								w.wg.Go(func() { perform(n, r.ID, tt.acts[i]) })
							}
						}
					}
				}
				for _, name := range w.names {
					n := w.session(name)
					w.wg.Go(func() { serve(n) })
				}
				_, err := client.InjectBody(t.Context(), c, "7d")
				if _, undecided := errors.AsType[*client.UndecidedError](err); undecided != tt.fails || err != nil && !undecided {
					t.Errorf("error = %v, want one: %v", err, tt.fails)
				}
				mu.Lock()
				defer mu.Unlock()
				if !slices.EqualFunc(given, tt.given, near) {
					t.Errorf("given to nodes after %v, want %v", given, tt.given)
				}
			})
		})
	}
}

// near allows for the time between two looks of who waits.
func near(a, b time.Duration) bool { return a >= b && a-b < 50*time.Millisecond }

func perform(n *fakeNode, id string, a act) {
	select {
	case <-n.end:
		return
	case <-time.After(a.after):
	}
	if a.body == "" {
		n.lose()
		return
	}
	select {
	case <-n.end:
	case n.out <- fmt.Appendf(nil, `{"id":%q,"type":"inject","status":200,"body":%s}`, id, a.body):
	}
}
