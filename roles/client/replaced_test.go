package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/rtc"
)

// A client with 64 requests in flight over many sessions, each replaced as soon
// as it has carried a little, has every one of them answered once, with its own
// answer, within its deadline: also those that are never sent twice.
func TestReplacementLosesNothing(t *testing.T) {
	const inFlight, replacements, deadline = 64, 20, 10 * time.Second
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{startNetwork(t).archiver}, t.TempDir()
	client.Tune(&cfg, func(cfg *rtc.Config) { cfg.MaxDatagrams = 300 })
	l, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var opened, asked atomic.Int64
	client.CountOpened(l, &opened)
	end := time.Now().Add(90 * time.Second)
	var wg sync.WaitGroup
	for i := range inFlight {
		wg.Go(func() {
			for n := 0; opened.Load() <= replacements && time.Now().Before(end) && !t.Failed(); n++ {
				r, check := oneOfTwo(i, n)
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				began := time.Now()
				reply, err := l.Do(ctx, r)
				took := time.Since(began)
				cancel()
				asked.Add(1)
				if err != nil || took > deadline+deadline/10 {
					t.Errorf("%s %s: %v after %v", r.Method, r.Path, err, took)
				} else if err := check(reply); err != nil {
					t.Errorf("%s %s: %v", r.Method, r.Path, err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d requests over %d sessions", asked.Load(), opened.Load())
	if opened.Load() <= replacements {
		t.Errorf("%d sessions were opened, want %d replaced", opened.Load(), replacements)
	}
}

// oneOfTwo returns a request whose answer shows that it is its own, or one that
// a client must not send twice.
func oneOfTwo(i, n int) (client.Request, func(client.Answer) error) {
	if n%2 == 1 {
		return client.Request{Method: "POST", Path: "nowhere"}, func(r client.Answer) error {
			if r.Status != 404 {
				return fmt.Errorf("status %d, want 404", r.Status)
			}
			return nil
		}
	}
	nonce := fmt.Sprintf("nonce-of-%06d-%06d", i, n)
	body, _ := json.Marshal(map[string]string{"nonce": nonce}) // text
	return client.Request{Method: "GET", Path: "hello", Body: body}, func(r client.Answer) error {
		if !strings.Contains(string(r.Body), nonce) {
			return fmt.Errorf("status %d and body %s, want one with %s", r.Status, r.Body, nonce)
		}
		return nil
	}
}
