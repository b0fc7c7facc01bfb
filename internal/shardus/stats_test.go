package shardus_test

import (
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/shardus"
)

// Each request to the node is counted by how it ended, and timed by its way, from its turn on.
func TestStats(t *testing.T) {
	for _, tt := range []struct {
		name   string
		node   http.HandlerFunc
		method string
		want   shardus.Outcome
		way    shardus.Way
	}{
		{"a read", says(200, jsonType, `{}`), "GET", shardus.OutcomeAnswered, shardus.WayRead},
		{"an error is an answer", says(500, jsonType, `{}`), "POST", shardus.OutcomeAnswered, shardus.WayInject},
		{"garbage", raw("x"), "POST", shardus.OutcomeBroken, shardus.WayInject},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "GET", shardus.OutcomeTimeout, shardus.WayRead},
		{"50 MB", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "50000000") }, "GET", shardus.OutcomeTooLarge, shardus.WayRead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, serve(t, tt.node), func(c *shardus.Config) { c.Timeout = 300 * time.Millisecond })
			n.Do(t.Context(), tt.method, "/x", nil)
			st := n.Stats()
			for outcome, count := range st.Ended {
				if want := uint64(map[bool]int{true: 1}[outcome == tt.want]); count != want {
					t.Errorf("%d ended with %s, want %d", count, outcome, want)
				}
			}
			for way, took := range st.Took {
				if want := uint64(map[bool]int{true: 1}[way == tt.way]); took.Count != want {
					t.Errorf("%d are timed as %s, want %d", took.Count, way, want)
				}
			}
			if took := st.Took[tt.way]; tt.want == shardus.OutcomeTimeout && took.Sum < 0.3 {
				t.Errorf("it took %v s, want 0.3 or more", took.Sum)
			}
		})
	}
}

// While an address has all that it may have at the node its share is full; who finds no
// place to wait was not at the node.
func TestSharesAtTheNode(t *testing.T) {
	arrived, leave := make(chan struct{}, 4), make(chan struct{})
	answer := sync.OnceFunc(func() { close(leave) })
	defer answer() // the server waits for it
	n := newNode(t, serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-leave }), func(c *shardus.Config) { c.Connections, c.Queue = 8, 1 })
	ctx := rpc.WithCaller(t.Context(), netip.MustParseAddr("192.0.2.1"))
	done := make(chan struct{}, 3)
	ask := func() { n.Do(ctx, "GET", "/x", nil); done <- struct{}{} }
	for range 2 { // a quarter of the connections
		go ask()
		<-arrived
	}
	if addresses, part := n.Fullest(shardus.WayRead); addresses != 1 || part != 1 {
		t.Errorf("Fullest = %d, %v, want one address with all of its part", addresses, part)
	}
	if addresses, part := n.Fullest(shardus.WayInject); addresses != 0 || part != 0 {
		t.Errorf("Fullest of injects = %d, %v, want nobody", addresses, part)
	}
	go ask()
	for end := time.Now().Add(10 * time.Second); n.Stats().Waiting < 1; time.Sleep(time.Millisecond) { // it is on its way
		if time.Now().After(end) {
			t.Fatal("nobody waits after 10 s")
		}
	}
	if got := n.Do(ctx, "GET", "/x", nil); got.Limit != rpc.LimitNode || n.Stats().Ended[shardus.OutcomeBusy] != 1 || n.Stats().Took[shardus.WayRead].Count != 0 {
		t.Errorf("one too many = %d by %q, %v", got.Status, got.Limit, n.Stats())
	}
	answer()
	for range 3 {
		<-done
	}
}
