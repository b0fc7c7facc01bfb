package shardus_test

import (
	"context"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/shardus"
)

const account0 = "/account/0000000000000000000000000000000000000000000000000000000000000000"

// Slow reads of one address hold up neither probes and looks, nor injects, nor
// the reads of others; what is too much is refused.
func TestSlowReadsHoldNobodyUp(t *testing.T) {
	reached, release := make(chan struct{}, 100), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/account/slow":
			reached <- struct{}{}
			<-release
		case r.URL.Path == account0:
			w.Write([]byte(`{"account":{"networkId":"` + strings.Repeat("ab", 32) + `"}}`))
			return
		}
		w.Write([]byte(`{}`))
	})
	n := newNode(t, url, func(c *shardus.Config) { c.Connections, c.Injects, c.Queue, c.Looks = 8, 4, 8, 2 })
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	from := func(addr string) context.Context { return rpc.WithCaller(ctx, netip.MustParseAddr(addr)) }
	slow := func(addr string, times int) {
		for range times {
			wg.Go(func() { n.Do(from(addr), "GET", "/account/slow", nil) })
		}
	}
	slow("192.0.2.1", 2) // its share
	for range 2 {
		<-reached
	}
	slow("192.0.2.1", 4) // of which two may wait
	within, end := context.WithTimeout(from("192.0.2.1"), 200*time.Millisecond)
	for n.Do(within, "GET", "/account/a", nil).Status != 429 {
		if within.Err() != nil {
			t.Fatal("one address may have all")
		}
	}
	end()
	if got := n.Do(from("192.0.2.2"), "GET", "/account/a", nil); got.Status != 200 {
		t.Errorf("another address = %d %s, want 200", got.Status, got.Body)
	}
	for _, addr := range []string{"192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		slow(addr, 2)
		<-reached
		<-reached
	}
	if got := n.Do(from("192.0.2.1"), "POST", "/inject", []byte(`{}`)); got.Status != 200 {
		t.Errorf("inject = %d %s, want 200", got.Status, got.Body)
	}
	if got := n.Look(ctx, "/account/a"); got.Status != 200 {
		t.Errorf("a look = %d %s, want 200", got.Status, got.Body)
	}
	ran := make(chan error, 1)
	go func() { ran <- n.Run(ctx) }()
	well, enough := context.WithTimeout(ctx, 5*time.Second)
	defer enough()
	if err := n.Await(well, true); err != nil {
		t.Errorf("the node is %v, want it well", n.Healthy())
	}
	let()
	wg.Wait()
	if got := n.Do(from("192.0.2.5"), "GET", "/account/a", nil); got.Status != 200 {
		t.Errorf("afterwards = %d %s, want 200", got.Status, got.Body)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// Whoever fills the queue from several addresses keeps no other address out: the
// longest line gives a place up, and whose turn it is, goes on.
func TestTheQueueIsShared(t *testing.T) {
	reached, release := make(chan struct{}, 100), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/account/slow" {
			reached <- struct{}{}
			<-release
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{}`))
	})
	n := newNode(t, url, func(c *shardus.Config) { c.Connections, c.Queue = 4, 8 })
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	var wg sync.WaitGroup
	answers := make(chan int, 100)
	ask := func(addr, path string) {
		ctx := rpc.WithCaller(t.Context(), netip.MustParseAddr(addr))
		wg.Go(func() { answers <- n.Do(ctx, "GET", path, nil).Status })
	}
	crowd := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}
	for _, addr := range crowd { // one at the node
		ask(addr, "/account/slow")
		<-reached
	}
	for i, addr := range crowd { // and two that wait
		ask(addr, "/account/slow")
		ask(addr, "/account/slow")
		for shardus.Waiting(n) < 2*(i+1) {
			runtime.Gosched()
		}
	}
	ask("192.0.2.9", "/account/a")
	if got := <-answers; got != 429 {
		t.Errorf("one of the crowd = %d, want 429", got)
	}
	if got := shardus.Waiting(n); got != 8 {
		t.Errorf("%d wait, want 8", got)
	}
	let()
	wg.Wait()
	close(answers)
	served := 0
	for status := range answers {
		if status == 200 {
			served++
		}
	}
	if served != 4+7+1 {
		t.Errorf("%d were served, want 12", served)
	}
	if got := shardus.Waiting(n); got != 0 {
		t.Errorf("%d wait in the end", got)
	}
}

// A newcomer puts nobody out whose line is no longer than his own would be.
func TestNobodyIsPutOutForAnEqual(t *testing.T) {
	l := shardus.NewLane(1, 1, 4)
	if err := l.Enter(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 4 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + i)})
		wg.Go(func() {
			if l.Enter(ctx, addr) == nil {
				t.Errorf("%v went, without its turn", addr)
			}
		})
		for l.Waiting() < i+1 {
			runtime.Gosched()
		}
	}
	if err := l.Enter(t.Context(), netip.MustParseAddr("192.0.2.9")); err == nil {
		t.Error("a newcomer stands in a queue that is full of as many addresses")
	}
	cancel()
	wg.Wait()
}
