package roles_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

// shown says which of two certificates is shown at a URL.
func shown(t *testing.T, ca *testca.CA, at, first, second string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(at, "https://"), &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, path := range map[string]string{"first": first, "second": second} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode(text); string(block.Bytes) == string(conn.ConnectionState().PeerCertificates[0].Raw) {
			return name
		}
	}
	return "neither"
}

// A nodeTest is a node whose settings a test changes.
type nodeTest struct {
	*roles.Consensor
	d *roles.Devnet
}

// talk opens a session with the node for the test, or says why it could not.
func (n nodeTest) talk(t *testing.T, within time.Duration) (*rpc.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	c, _, err := converse(ctx, n.d, n.PeerID())
	if err == nil {
		_, err = c.Do(ctx, rpc.Request{URL: "timestamp", Method: "GET"}) // the node may close it only when it is open here
	}
	return c, err
}

// opens says whether one more session can be had, which stays open, or has been refused.
func (n nodeTest) opens(t *testing.T) string {
	t.Helper()
	refused := func() uint64 {
		declined, ended := roles.Declined(n.Consensor)
		return declined["sessions"] + ended["address"]
	}
	was := refused()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	open := make(chan error, 1)
	go func() {
		c, _, err := converse(ctx, n.d, n.PeerID())
		if err == nil {
			_, err = c.Do(ctx, rpc.Request{URL: "timestamp", Method: "GET"}) // the node may close it only when it is open here
		}
		open <- err
	}()
	if !waits(func() bool { return len(open) > 0 || refused() > was }) {
		t.Fatal("a session is neither open nor refused")
	}
	if refused() > was {
		cancel()
		<-open
		return "refused"
	}
	if err := <-open; err != nil {
		t.Fatal(err)
	}
	return "open"
}

// burst says whether all of 30 requests at once of a new session are served.
func (n nodeTest) burst(t *testing.T) string {
	t.Helper()
	c, err := n.talk(t, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return all(t, c, 30, rpc.Request{URL: "timestamp", Method: "GET"})
}

// all says whether none of n requests at once is answered with 429.
func all(t *testing.T, c *rpc.Client, n int, r rpc.Request) string {
	t.Helper()
	var wg sync.WaitGroup
	var busy atomic.Int64
	for range n {
		wg.Go(func() {
			reply, err := c.Do(t.Context(), r)
			if err != nil {
				t.Error(err)
			} else if reply.Status == http.StatusTooManyRequests {
				busy.Add(1)
			}
		})
	}
	wg.Wait()
	if busy.Load() > 0 {
		return "too many"
	}
	return "served"
}

// large says whether 1.2 MB of polls, of a new session that ends then, are all in hand at once, or
// some were too many.
func (n nodeTest) large(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	var polls sync.WaitGroup
	defer polls.Wait()
	defer cancel()
	c, _, err := converse(ctx, n.d, n.PeerID())
	if err != nil {
		t.Fatal(err)
	}
	refused := func() uint64 {
		declined, _ := roles.Declined(n.Consensor)
		return declined[string(rpc.LimitBytes)]
	}
	was := refused()
	body, _ := json.Marshal(strings.Repeat("x", 200<<10)) // a string encodes
	for range 6 {
		polls.Go(func() {
			_, _ = c.Do(ctx, rpc.Request{URL: "collector/api/poll?account=" + strings.Repeat("e", 64), Method: "GET", Body: body})
		})
	}
	said := ""
	if !waits(func() bool {
		if refused() > was {
			said = "too many"
		} else if held, _ := roles.APIOf(n.Consensor).PollStats(); held == 6 {
			said = "all in hand"
		}
		return said != ""
	}) {
		t.Fatal("the polls are neither held nor refused")
	}
	cancel()
	if !waits(func() bool { held, _ := roles.APIOf(n.Consensor).PollStats(); return held == 0 }) {
		t.Fatal("polls of a session that ended are held")
	}
	return said
}

// subscribes says how subscriptions to two more accounts of a new session are answered.
func (n nodeTest) subscribes(t *testing.T) string {
	t.Helper()
	c, err := n.talk(t, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for range 2 {
		r, err := c.Do(t.Context(), rpc.Request{URL: "subscribe", Method: "POST", Body: []byte(`{"account":"` + signing.Hash(fmt.Append(nil, time.Now().UnixNano())) + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprint(r.Status, " ")
	}
	return text
}

// polls holds two polls over HTTP in the names of two addresses. It says of how many addresses there
// are polls, or that one was answered soon.
func polls(t *testing.T, role any, at string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	defer held.Wait()
	defer cancel()
	answered := make(chan struct{}, 2)
	for i := range 2 {
		held.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/collector/api/poll?account="+strings.Repeat("c", 64), nil)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i+1))
			if res, err := http.DefaultClient.Do(r); err == nil {
				res.Body.Close()
				answered <- struct{}{}
			}
		})
	}
	said := ""
	if !waits(func() bool {
		if len(answered) > 0 {
			said = "one is answered soon"
			return true
		}
		n, _ := roles.APIOf(role).PollStats()
		_, addresses, _, _ := roles.APIOf(role).Fullest()
		said = fmt.Sprintf("held for %d addresses", addresses)
		return n == 2
	}) {
		t.Fatal("the polls are neither held nor answered")
	}
	cancel()
	held.Wait()
	if !waits(func() bool { n, _ := roles.APIOf(role).PollStats(); return n == 0 }) {
		t.Fatal("polls are held for nobody")
	}
	return said
}

// Each key of a node that can change does what it says as soon as it has, for sessions that begin
// then where it is about a session.
func TestReloadOfEachConsensorKey(t *testing.T) {
	t.Parallel()
	d := startDevnet(t, 1)
	strict := func(c *config.Consensor) { c.LimitExempt = []string{} }
	pollAndAsk := func(t *testing.T, n nodeTest) string {
		c, err := n.talk(t, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond) // held for 1.5 s
		defer cancel()
		poll := make(chan struct{})
		go func() {
			defer close(poll)
			_, _ = c.Do(ctx, rpc.Request{URL: "collector/api/poll?account=" + strings.Repeat("d", 64), Method: "GET"})
		}()
		held := func() bool { held, _ := roles.APIOf(n.Consensor).PollStats(); return held > 0 }
		if !waits(held) {
			t.Fatal("the poll is not held")
		}
		if _, err := c.Do(t.Context(), rpc.Request{URL: "timestamp", Method: "GET"}); err != nil {
			t.Fatal(err)
		}
		said := "after the poll"
		if held() {
			said = "beside the poll"
		}
		<-poll
		return said
	}
	cases := []struct {
		key           string
		begin, change func(*config.Consensor)
		see           func(*testing.T, nodeTest) string
		before, after string
	}{
		{"limit_exempt", func(c *config.Consensor) { c.RequestsPerSecond = 1 }, strict, func(t *testing.T, n nodeTest) string { return n.burst(t) }, "served", "too many"},
		{"trusted_proxy", strict, func(c *config.Consensor) { c.TrustedProxy = []string{"127.0.0.0/8"} }, func(t *testing.T, n nodeTest) string {
			return polls(t, n.Consensor, "http://"+n.Addr())
		}, "held for 1 addresses", "held for 2 addresses"},
		{"max_sessions", nil, func(c *config.Consensor) { c.MaxSessions = 1 }, func(t *testing.T, n nodeTest) string { return n.opens(t) }, "open", "refused"},
		{"max_sessions_per_address", strict, func(c *config.Consensor) { c.MaxSessionsPerAddress = 1 }, func(t *testing.T, n nodeTest) string { return n.opens(t) }, "open", "refused"},
		{"requests_in_flight", nil, func(c *config.Consensor) { c.RequestsInFlight = 1 }, pollAndAsk, "beside the poll", "after the poll"},
		{"requests_per_second", strict, func(c *config.Consensor) { c.RequestsPerSecond = 1 }, func(t *testing.T, n nodeTest) string { return n.burst(t) }, "served", "too many"},
		{"total_requests_per_second", strict, func(c *config.Consensor) { c.TotalRequestsPerSec = 1 }, func(t *testing.T, n nodeTest) string { return n.burst(t) }, "served", "too many"},
		{"request_memory", nil, func(c *config.Consensor) { c.RequestMemory = 1 }, func(t *testing.T, n nodeTest) string { return n.large(t) }, "all in hand", "too many"},
		{"max_subscriptions_per_session", nil, func(c *config.Consensor) { c.MaxSubscriptionsPerSession = 1 }, func(t *testing.T, n nodeTest) string { return n.subscribes(t) }, "200 200", "200 429"},
		{"max_subscriptions", nil, func(c *config.Consensor) { c.MaxSubscriptions = 3 }, func(t *testing.T, n nodeTest) string { return n.subscribes(t) }, "200 200", "200 429"},
		{"max_watched_accounts", nil, func(c *config.Consensor) { c.MaxWatchedAccounts = 3 }, func(t *testing.T, n nodeTest) string {
			return n.subscribes(t)
		}, "200 200", "200 429"},
		{"max_polls", nil, func(c *config.Consensor) { c.MaxPolls = 1 }, func(t *testing.T, n nodeTest) string {
			return polls(t, n.Consensor, "http://"+n.Addr())
		}, "held", "one is answered soon"},
	}
	seen := map[string]bool{
		"log_level": true, // it is the process's: TestReloadOfAGateway of e2e
		// What these bring about is tested in rtc; here, that they reach it.
		"max_sessions_per_peer": true, "max_handshakes": true,
	}
	for _, tt := range cases {
		seen[tt.key] = true
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			n := nodeTest{startConsensor(t, d, func(c *config.Consensor) {
				if tt.begin != nil {
					tt.begin(c)
				}
			}), d}
			if got := tt.see(t, n); !strings.HasPrefix(got, tt.before) {
				t.Fatalf("before: %s, want %s", got, tt.before)
			}
			cfg := roles.SettingsOfNode(n.Consensor)
			tt.change(&cfg)
			if changed, err := n.Reload(cfg); err != nil || fmt.Sprint(changed) != "["+tt.key+"]" {
				t.Fatalf("Reload = %q, %v", changed, err)
			}
			if got := tt.see(t, n); !strings.HasPrefix(got, tt.after) {
				t.Errorf("after: %s, want %s", got, tt.after)
			}
		})
	}
	t.Run("max_sessions_per_peer and max_handshakes", func(t *testing.T) {
		n := startConsensor(t, d, func(*config.Consensor) {})
		cfg := roles.SettingsOfNode(n)
		cfg.MaxSessionsPerPeer, cfg.MaxHandshakes = 3, 7
		if _, err := n.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		if peer, shakes := roles.SessionLimits(n); peer != 3 || shakes != 7 {
			t.Errorf("the limits that hold are %d and %d, want 3 and 7", peer, shakes)
		}
	})
	for _, key := range roles.ConsensorChanges {
		if !seen[key] {
			t.Errorf("the key %s is not tried", key)
		}
	}
}
