package shardus_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/shardus"
)

// A ward is a node whose answers a test changes.
type ward struct {
	info, account atomic.Pointer[http.HandlerFunc]
}

func (p *ward) set(info, account http.HandlerFunc) { p.info.Store(&info); p.account.Store(&account) }

func (p *ward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/nodeInfo" {
		(*p.info.Load())(w, r)
		return
	}
	(*p.account.Load())(w, r)
}

func info(status string) http.HandlerFunc {
	return says(200, jsonType, `{"nodeInfo":{"publicKey":"pk","status":`+status+`}}`)
}

func network(digit string) http.HandlerFunc {
	return says(200, jsonType, `{"account":{"networkId":"`+strings.Repeat(digit, 64)+`"}}`)
}

// watch runs n until the test ends, or it fails.
func watch(t *testing.T, n *shardus.Node) <-chan error {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { ended <- n.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return ended
}

func await(t *testing.T, n *shardus.Node, well bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Await(ctx, well); err != nil {
		t.Fatalf("Await(%v) = %v; Healthy = %v", well, err, n.Healthy())
	}
}

// Each illness shows on /is-healthy in words, and passes.
func TestHealth(t *testing.T) {
	p := new(ward)
	p.set(says(404, "text/html", "Cannot GET"), network("a"))
	n := newNode(t, serve(t, p.ServeHTTP), func(c *shardus.Config) { c.ProbeTimeout = 200 * time.Millisecond })
	a := api.NewFront(n, quiet)
	if got, _ := overHTTP(t, a, "GET", "/is-healthy", ""); got != fault(503, "unavailable", "the node has not answered yet") {
		t.Errorf("before the first probe /is-healthy = %v", got)
	}
	watch(t, n)
	for _, tt := range []struct {
		name          string
		info, account http.HandlerFunc
		want          string
	}{
		{"the 404 of a node that is joining", says(404, "text/html", "Cannot GET"), network("a"), "the node does not answer as nodes do"},
		{"not active", info(`"syncing"`), network("a"), `the node is not active, but \"syncing\"`},
		{"no account yet", info(`"active"`), says(200, jsonType, `{"account":null}`), "the node cannot read the account of its network"},
		{"no JSON", info(`"active"`), says(200, jsonType, `<html>`), "the node does not answer as nodes do"},
		{"gone", raw(""), network("a"), "the node does not answer"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, network("a"), "the node does not answer in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.set(info(`"active"`), network("a"))
			await(t, n, true)
			if got, _ := overHTTP(t, a, "GET", "/is-healthy", ""); got.Status != 200 || got.Body != "OK" {
				t.Errorf("/is-healthy of a well node = %v", got)
			}
			if got := n.NetworkID(); got != strings.Repeat("a", 64) {
				t.Errorf("NetworkID = %s", got)
			}
			p.set(tt.info, tt.account)
			await(t, n, false)
			if got, _ := overHTTP(t, a, "GET", "/is-healthy", ""); got != fault(503, "unavailable", tt.want) {
				t.Errorf("/is-healthy = %v, want %s", got, tt.want)
			}
		})
	}
}

func TestPublicKeyOfANode(t *testing.T) {
	key := strings.Repeat("b", 64)
	p := new(ward)
	p.set(says(200, jsonType, `{"nodeInfo":{"publicKey":"`+key+`","status":"active"}}`), network("a"))
	n := newNode(t, serve(t, p.ServeHTTP), func(*shardus.Config) {})
	if got := n.PublicKey(); got != "" {
		t.Errorf("before the first probe PublicKey = %q", got)
	}
	watch(t, n)
	await(t, n, true)
	if got := n.PublicKey(); got != key {
		t.Errorf("PublicKey = %q", got)
	}
}

// One probe that fails is not yet an illness.
func TestOneFailedProbe(t *testing.T) {
	p := new(ward)
	var asked atomic.Int64
	odd := func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%2 == 0 {
			info(`"ready"`)(w, r)
			return
		}
		info(`"active"`)(w, r)
	}
	p.set(odd, network("a"))
	n := newNode(t, serve(t, p.ServeHTTP), nil)
	watch(t, n)
	await(t, n, true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if n.Await(ctx, false) == nil {
		t.Error("unwell after one failed probe")
	}
	if asked.Load() < 4 {
		t.Errorf("%d probes in 200ms, want more to judge by", asked.Load())
	}
}

// A node that comes back as one of another network ends the watch: what was
// signed here names the first.
func TestAnotherNetwork(t *testing.T) {
	p := new(ward)
	p.set(info("null"), network("a"))
	n := newNode(t, serve(t, p.ServeHTTP), nil)
	ended := watch(t, n)
	await(t, n, true)
	p.set(info("null"), network("b"))
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "start again") {
			t.Errorf("Run = %v, want an error that names the remedy", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Run has not ended")
	}
}

func TestWrongNetwork(t *testing.T) {
	p := new(ward)
	p.set(info("null"), network("a"))
	n := newNode(t, serve(t, p.ServeHTTP), func(c *shardus.Config) { c.NetworkID = strings.Repeat("b", 64) })
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--network-id") {
		t.Errorf("Run = %v, want an error that names --network-id", err)
	}
}

func TestURLs(t *testing.T) {
	for _, text := range []string{"", "127.0.0.1:9001", "ftp://h", "http://", "http://h/x", "http://h?x", "http://u@h:1", "http://h#k"} {
		if _, err := shardus.New(shardus.DefaultConfig(text), quiet); err == nil {
			t.Errorf("New(%q) = nil, want an error", text)
		}
	}
	newNode(t, "http://[::1]:9001/", nil)
}
