package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// askerEnv has this test binary run as an asker, a Go program with a client that it
// keeps, in whatever network it was started in.
const askerEnv = "LIBERDUS_E2E_ASKER"

const (
	askers     = 8               // requests in hand at once
	askTimeout = 8 * time.Second // of each
	askPause   = 50 * time.Millisecond
	askLate    = askTimeout + time.Second // when a request is one that was not settled
)

// askOnAndOn keeps asking through one client, whatever happens to its sessions. It says how
// each request was settled, in JSON lines:
//
//	{"event":"answer"}   {"event":"error","hop":"channel","error":"…"}   {"event":"late"}
func askOnAndOn() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data, cfg.Timeout = os.Args[1:2], os.Args[2], askTimeout
	c, err := client.Dial(ctx, cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Close()
	var mu sync.Mutex
	say := json.NewEncoder(os.Stdout)
	tell := func(event map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		_ = say.Encode(event) // whoever listened has gone
	}
	var wg sync.WaitGroup
	for i := range askers {
		r := client.Request{Path: "timestamp"}
		if i%2 == 0 { // what is never sent twice
			r = client.Request{Method: "POST", Path: "nowhere"}
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				_, err := c.Do(ctx, r)
				tell(settled(err, time.Since(began)))
				select {
				case <-time.After(askPause):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
	return 0
}

func settled(err error, took time.Duration) map[string]string {
	switch {
	case took > askLate:
		return map[string]string{"event": "late", "after": took.String(), "error": fmt.Sprint(err)}
	case err != nil:
		return map[string]string{"event": "error", "hop": client.Hop(err), "error": err.Error()}
	}
	return map[string]string{"event": "answer"}
}
