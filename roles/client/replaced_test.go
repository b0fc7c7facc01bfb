package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/rtc"
)

// networkEnv has this test binary run a network, with its data in that folder,
// until its standard input ends. Its first line of output is the archiver.
const networkEnv = "LIBERDUS_ROLES_NETWORK"

func runNetwork() int {
	d, err := roles.NewDevnet(roles.DevnetConfig{
		Listen: []string{"127.0.0.1:0"}, NodeListen: "127.0.0.1:0", Consensors: 1, Data: os.Getenv(networkEnv),
		ConsensorListen: func(int) string { return "127.0.0.1:0" },
	}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the process at the latest
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	err = d.Run(ctx, func() { fmt.Println(d.Archiver.URL() + "#" + d.Archiver.Key()) })
	if err = errors.Join(err, d.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startNetwork runs a network in a process of its own and returns its archiver.
func startNetwork(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), networkEnv+"="+t.TempDir())
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the network's process: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the network says nothing: %v", err)
	}
	return strings.TrimSpace(line)
}

// A client with 64 requests in flight over many sessions, each replaced as soon
// as it has carried a little, has every one of them answered once, with its own
// answer, within its deadline: also those that are never sent twice.
func TestReplacementLosesNothing(t *testing.T) {
	const inFlight, replacements, deadline = 64, 20, 10 * time.Second
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{startNetwork(t)}, t.TempDir()
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
