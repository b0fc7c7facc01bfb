package roles_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles"
)

// startConsensor runs a node of d's network with settings of its own.
func startConsensor(t *testing.T, d *roles.Devnet, change func(*config.Consensor)) *roles.Consensor {
	t.Helper()
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Data, cfg.Archiver, cfg.NetworkID = "127.0.0.1:0", t.TempDir(), []string{d.Archiver.URL()}, roles.NetworkID(d)
	change(&cfg)
	n, err := roles.NewConsensor(cfg, nil, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("consensor: %v", err)
		}
		n.Close()
	})
	select {
	case <-roles.Online(n):
	case <-time.After(10 * time.Second):
		t.Fatal("the consensor is not online after 10 s")
	}
	return n
}

// What an operator sets holds at the node's door, and spares who is exempt.
func TestRequestsOfASessionArePaced(t *testing.T) {
	d := startDevnet(t, 1)
	for _, tt := range []struct {
		name   string
		exempt []string
		served int // of 30 requests at once: 10 at once and 5 a second for 2 s
	}{
		{"nobody is exempt", []string{}, 20},
		{"this machine is exempt", config.Default().Consensor.LimitExempt, 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := startConsensor(t, d, func(c *config.Consensor) { c.LimitExempt, c.RequestsPerSecond = tt.exempt, 5 })
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			asked, _, err := converse(ctx, d, n.PeerID())
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			served := 0
			var wg sync.WaitGroup
			for range 30 {
				wg.Go(func() {
					reply, err := asked.Do(ctx, rpc.Request{URL: "timestamp", Method: "GET"})
					mu.Lock()
					defer mu.Unlock()
					var fault struct {
						Code       string
						RetryAfter int
					}
					switch {
					case err == nil && reply.Status == 200:
						served++
					case err != nil || reply.Status != 429 || json.Unmarshal(reply.Body, &fault) != nil || fault.Code != "busy" || fault.RetryAfter < 1:
						t.Errorf("= %d %s, %v, want 200 or 429 with retryAfter", reply.Status, reply.Body, err)
					}
				})
			}
			wg.Wait()
			if got := served - tt.served; got < 0 || got > 3 { // the machine may be slow
				t.Errorf("%d of 30 served, want %d", served, tt.served)
			}
		})
	}
}

func TestSessionsOfAnAddressAreLimited(t *testing.T) {
	d := startDevnet(t, 1)
	n := startConsensor(t, d, func(c *config.Consensor) { c.LimitExempt, c.MaxSessionsPerAddress = []string{}, 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := converse(ctx, d, n.PeerID()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	asked, _, err := converse(short, d, n.PeerID())
	if err == nil { // the node may close it only when it is open here
		_, err = asked.Do(short, rpc.Request{URL: "timestamp", Method: "GET"})
	}
	if err == nil {
		t.Error("a second session of one address is served, want 1")
	}
}
