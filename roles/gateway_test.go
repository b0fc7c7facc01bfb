package roles_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// A gateway that a test runs.
type gateway struct {
	*roles.Gateway
	stop func() error // and waits
}

// startGateway runs a gateway to the archiver until the test ends.
func startGateway(t *testing.T, archiver string, change func(*config.Gateway)) *gateway {
	t.Helper()
	cfg := config.Default().Gateway
	if change != nil {
		change(&cfg)
	}
	g, ready := launchGateway(t, cfg, archiver, client.DefaultConfig().Timeout)
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("the gateway is not ready after 30 s")
	}
	return g
}

// launchGateway is startGateway without the wait: ready is closed later.
func launchGateway(t *testing.T, cfg config.Gateway, archiver string, timeout time.Duration) (*gateway, <-chan struct{}) {
	t.Helper()
	return launchLoggedGateway(t, cfg, archiver, timeout, logger(t))
}

func launchLoggedGateway(t *testing.T, cfg config.Gateway, archiver string, timeout time.Duration, log *slog.Logger) (*gateway, <-chan struct{}) {
	t.Helper()
	cc := client.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cc.Archivers, cc.Data, cc.Timeout = []string{archiver}, t.TempDir(), timeout
	g, err := roles.NewGateway(cfg, cc, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- g.Run(ctx, func() { close(ready) }) }()
	stop := sync.OnceValue(func() error {
		cancel()
		err := <-done
		g.Close()
		return err
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("gateway: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return &gateway{g, stop}, ready
}

func pinned(d *roles.Devnet) string { return d.Archiver.URL() + "#" + d.Archiver.Key() }

// An exchanged request and what came back.
type exchanged struct {
	status int
	kind   string
	body   string
}

func exchange(t *testing.T, method, url, body string) exchanged {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return exchanged{res.StatusCode, res.Header.Get("Content-Type"), string(text)}
}

// register makes the text of a transaction that registers a user.
func register(t *testing.T, d *roles.Devnet, user *signing.UserKey, alias string) string {
	t.Helper()
	tx, err := newClient(t, d, nil).Sign(t.Context(), client.Order{Kind: "register", Alias: alias}, user)
	if err != nil {
		t.Fatal(err)
	}
	return string(tx)
}

// wrapped is the body with which wallets inject a transaction.
func wrapped(tx string) string { return `{"tx":` + string(signing.MustCanonical(tx)) + `}` }

// A gateway gives the status, the type and the bytes that a node's own HTTP server gives, also of
// what is not there or makes no sense.
func TestGatewayAnswersAsANode(t *testing.T) {
	d := startDevnet(t, 1)
	g := startGateway(t, pinned(d), nil)
	node := "http://" + d.Consensors[0].Addr()
	user := newUser(t)
	if got := exchange(t, "POST", g.URL()+"/inject", wrapped(register(t, d, user, "alice"))); got.status != 200 || !strings.Contains(got.body, `"success":true`) {
		t.Fatalf("inject = %v, want it taken", got)
	}
	network := strings.Repeat("0", 64)
	for _, tt := range []struct{ method, path, body string }{
		{"GET", "/account/" + user.Address(), ""},
		{"GET", "/account/" + network, ""},
		{"GET", "/account/%61%20b?x=/y", ""},
		{"GET", "/account/nobody?x=%zz", ""},
		{"GET", "/account/id", `{"id":"` + user.Address() + `"}`},
		{"GET", "/account/id", `{"id":7}`},
		{"GET", "/account/id", `{"id"`},
		{"GET", "/account/" + user.Address() + "/balance", `not looked at`},
		{"GET", "/account/nobody/balance", ""},
		{"GET", "/transaction/none", ""},
		{"GET", "/collector/api/transaction?appReceiptId=" + network, ""},
		{"GET", "/nodeInfo", ""},
		{"GET", "/is-healthy", ""},
		{"HEAD", "/stake", ""},
		{"OPTIONS", "/inject", ""},
		{"GET", "/", ""},
		{"GET", "//", ""},
		{"GET", "/accounts", ""},
		{"GET", "/debug/dump?secret=1", ""},
		{"PUT", "/query-certificate", "{}"},
		{"GET", "/nodeInfo/../debug", ""},
		{"GET", "/hello", ""},
		{"POST", "/subscribe", `{"account":"a"}`},
		{"GET", "/" + strings.Repeat("a", 1025), ""},
		{"POST", "/inject", wrapped(register(t, d, user, "alice"))}, // has an account already
		{"POST", "/inject", `{"tx":{}}`},
		{"POST", "/inject", `{"tx":"hello"}`},
		{"POST", "/inject", `{"tx":"{}"}`},
		{"POST", "/inject", `{"from":"\ud800","big":1e999}`},
		{"POST", "/inject", `{`},
		{"POST", "/inject", `[]`},
		{"POST", "/inject", "{\"a\":\"\xff\"}"},
		{"POST", "/inject", ""},
		{"POST", "/inject", strings.Repeat(" ", 1<<20+1)},
		{"GET", "/collector/api/poll", ""},
		{"GET", "/collector/api/poll?account=a&chatTimestamp=x", ""},
	} {
		want, got := exchange(t, tt.method, node+tt.path, tt.body), exchange(t, tt.method, g.URL()+tt.path, tt.body)
		if got != want {
			t.Errorf("%s %.80s %.80s:\n gateway %.300v\n    node %.300v", tt.method, tt.path, tt.body, got, want)
		}
	}
	if got := exchange(t, "POST", g.URL()+"/inject", `{"memo":"`+strings.Repeat("x", 300_000)+`"}`); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("what no data channel carries = %v, want 413", got)
	}
}

// Web pages may use a gateway that is named as what it is, or as it was told, from the origins
// that it was told.
func TestGatewayHostsAndOrigins(t *testing.T) {
	d := startDevnet(t, 1)
	open := startGateway(t, pinned(d), nil)
	named := startGateway(t, pinned(d), func(c *config.Gateway) {
		c.AllowHost, c.AllowOrigin = []string{"Gateway.example"}, []string{"https://Wallet.example"}
	})
	for _, tt := range []struct {
		name         string
		g            *gateway
		host, origin string
		method       string
		want         int
	}{
		{"by its address", open, "", "", "GET", 200},
		{"by another address", open, "192.0.2.1:8080", "", "GET", 200},
		{"by IPv6", open, "[::1]:8080", "", "GET", 200},
		{"as localhost", open, "LocalHost:8080", "", "GET", 200},
		{"as a name of localhost", open, "wallet.localhost", "", "GET", 200},
		{"by a stranger's name", open, "rebound.example:8080", "", "GET", 421},
		{"by a stranger's name, to send", open, "rebound.example", "", "OPTIONS", 421},
		{"by a name like its address", open, "127.0.0.1.rebound.example", "", "GET", 421},
		{"from any page", open, "", "https://any.example", "GET", 200},
		{"by its own name", named, "gateway.example.:443", "", "GET", 200},
		{"by another name", named, "other.example", "", "GET", 421},
		{"from its page", named, "", "https://wallet.example", "GET", 200},
		{"from another page", named, "", "https://other.example", "GET", 403},
		{"from another page, to send", named, "", "https://other.example", "OPTIONS", 403},
		{"from a file", named, "", "null", "GET", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.g.URL()+"/timestamp", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = tt.host
			if tt.origin != "" {
				req.Header.Set("Origin", tt.origin)
			}
			req.Header.Set("Access-Control-Request-Private-Network", "true")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			want := tt.want
			if tt.method == "OPTIONS" && want == 200 {
				want = 204
			}
			if res.StatusCode != want {
				t.Errorf("status = %d %s, want %d", res.StatusCode, text, want)
			}
			readable := res.Header.Get("Access-Control-Allow-Origin") != "" || res.Header.Get("Access-Control-Allow-Private-Network") != ""
			if readable != (want < 400) {
				t.Errorf("headers = %v: a page may read it: %v, want %v", res.Header, readable, want < 400)
			}
		})
	}
}

// Without a node every request is answered at once, and says where the way ends; as soon as
// there is one, it is used.
func TestGatewayWithoutNodes(t *testing.T) {
	d := startDevnet(t, 0)
	for _, tt := range []struct{ name, archiver, hop string }{
		{"an archiver that is down", "http://127.0.0.1:1", "archiver"},
		{"an archiver of another key", d.Archiver.URL() + "#" + strings.Repeat("ab", 32), "archiver"},
		{"an archiver without nodes", pinned(d), "archiver"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := startGateway(t, tt.archiver, nil)
			for _, path := range []string{"/timestamp", "/is-healthy", "/collector/api/poll?account=a"} {
				checkFault(t, exchange(t, "GET", g.URL()+path, ""), 503, "unavailable", tt.hop)
			}
			checkFault(t, exchange(t, "POST", g.URL()+"/inject", `{"tx":"{\"from\":\"a\"}"}`), 503, "unavailable", tt.hop)
		})
	}
	g := startGateway(t, pinned(d), nil)
	checkFault(t, exchange(t, "GET", g.URL()+"/timestamp", ""), 503, "unavailable", "archiver")
	startConsensor(t, d, func(*config.Consensor) {})
	if got := exchange(t, "GET", g.URL()+"/timestamp", ""); got.status != 200 {
		t.Errorf("with a node = %v, want 200", got)
	}
}

// Requests in hand are bounded, in all and of one address. What is refused says when to try again.
func TestGatewayLimits(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // an archiver that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, tt := range []struct {
		name   string
		change func(*config.Gateway)
		inHand int
		want   string
	}{
		{"in all", func(c *config.Gateway) { c.Requests = 2 }, 2, "too many requests at once"},
		{"of one address", func(c *config.Gateway) { c.Requests, c.LimitExempt = 8, nil }, 2, "of one address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default().Gateway
			tt.change(&cfg)
			g, _ := launchGateway(t, cfg, "http://"+mute.Addr().String(), 2*time.Second)
			var wg sync.WaitGroup
			defer wg.Wait()
			for range tt.inHand {
				wg.Go(func() { checkFault(t, exchange(t, "GET", g.URL()+"/timestamp", ""), 503, "unavailable", "archiver") })
			}
			waitFor(t, "they are in hand", func() bool { return roles.Asking(g.Gateway) == tt.inHand })
			got := exchange(t, "GET", g.URL()+"/timestamp", "")
			if got.status != 429 || !strings.Contains(got.body, tt.want) || !strings.Contains(got.body, `"retryAfter":1000`) {
				t.Errorf("one more = %v, want 429 and %q", got, tt.want)
			}
			checkRetry(t, g.URL()+"/timestamp", 429, "1")
		})
	}
}

func checkFault(t *testing.T, got exchanged, status int, code, hop string) {
	t.Helper()
	var fault struct{ Code, Hop, Error string }
	if err := json.Unmarshal([]byte(got.body), &fault); err != nil || got.status != status || fault.Code != code || fault.Hop != hop || fault.Error == "" {
		t.Errorf("= %v, %v, want status %d, code %s and hop %s", got, err, status, code, hop)
	}
}

// However many poll for an account, there is one subscription, which stays a while for those who
// come again; all of them hear of a chat, and of the end.
func TestGatewayPolls(t *testing.T) {
	d := startDevnet(t, 2)
	g := startGateway(t, pinned(d), nil)
	alice, bob := newUser(t), newUser(t)
	c := newClient(t, d, nil)
	for name, user := range map[string]*signing.UserKey{"alice": alice, "bob": bob} {
		if _, err := c.InjectWait(t.Context(), []byte(register(t, d, user, name))); err != nil {
			t.Fatal(err)
		}
	}
	poll := func(after int64) (exchanged, int64) {
		got := exchange(t, "GET", fmt.Sprintf("%s/collector/api/poll?account=%s&chatTimestamp=%d", g.URL(), bob.Address(), after), "")
		var body struct {
			Success       bool
			ChatTimestamp int64
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 200 || !body.Success {
			t.Errorf("poll = %v, %v, want success", got, err)
		}
		return got, body.ChatTimestamp
	}
	polls := func(n int, after int64) []int64 {
		told := make([]int64, n)
		var wg sync.WaitGroup
		for i := range told {
			wg.Go(func() { _, told[i] = poll(after) })
		}
		waitFor(t, "all to be held", func() bool { watchers, _ := roles.Polled(g.Gateway); return watchers == n })
		if after == 0 {
			tx, err := c.Sign(t.Context(), client.Order{Kind: "message", To: bob.Address(), Amount: "20", Message: "hello"}, alice)
			if err != nil {
				t.Fatal(err)
			}
			if doc, err := c.InjectWait(t.Context(), tx); err != nil {
				t.Fatal(doc, err)
			}
		} else if err := g.stop(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		return told
	}
	told := polls(20, 0)
	for _, at := range told {
		if at == 0 || at != told[0] {
			t.Fatalf("told = %v, want one time of all", told)
		}
	}
	if _, accounts := roles.Polled(g.Gateway); accounts != 1 {
		t.Errorf("%d accounts are watched, want 1", accounts)
	}
	node := exchange(t, "GET", fmt.Sprintf("http://%s/collector/api/poll?account=%s", d.Consensors[0].Addr(), bob.Address()), "")
	if got, _ := poll(0); got != node {
		t.Errorf("poll = %v, the node says %v", got, node)
	}
	for _, at := range polls(5, told[0]) {
		if at != told[0] {
			t.Errorf("told = %d at the end, want %d", at, told[0])
		}
	}
	if watchers, accounts := roles.Polled(g.Gateway); watchers+accounts != 0 {
		t.Errorf("%d polls of %d accounts are left", watchers, accounts)
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What is in hand is answered before a gateway stops, which nobody gets into any more.
func TestGatewayStopsWhenAllIsAnswered(t *testing.T) {
	d := startDevnet(t, 1)
	g := startGateway(t, pinned(d), nil)
	tx := wrapped(register(t, d, newUser(t), "carol")) // before there is a connection, whose header has to come in time
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /inject HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(tx), tx[:10])
	waitFor(t, "the request to be in hand", func() bool { return roles.InHand(g.Gateway) > 0 })
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	waitFor(t, "no newcomer to be let in", func() bool {
		c, err := net.Dial("tcp", conn.RemoteAddr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	fmt.Fprint(conn, tx[10:])
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(text), `"success":true`) {
		t.Errorf("answer = %s, %v, want it taken", text, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A gateway with certificate files speaks https, and says so.
func TestGatewayTLS(t *testing.T) {
	d := startDevnet(t, 1)
	ca := testca.New(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.1")
	g := startGateway(t, pinned(d), func(c *config.Gateway) { c.TLSCert, c.TLSKey = cert, key })
	if !strings.HasPrefix(g.URL(), "https://127.0.0.1:") {
		t.Fatalf("URL = %s, want https", g.URL())
	}
	if res, body := get(t, trusting(ca), g.URL()+"/timestamp"); res.StatusCode != 200 {
		t.Errorf("= %d %s, want 200", res.StatusCode, body)
	}
	plain := strings.Replace(g.URL(), "https:", "http:", 1)
	if got := exchange(t, "GET", plain+"/timestamp", ""); got.status != 400 || !strings.Contains(got.body, g.URL()) {
		t.Errorf("in the clear = %v, want 400 and the URL", got)
	}
}
