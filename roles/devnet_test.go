package roles_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/signaling"
)

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// startDevnet runs a whole network in this process until the test ends.
func startDevnet(t *testing.T, consensors int) *roles.Devnet {
	t.Helper()
	return startDevnetOf(t, roles.DevnetConfig{Consensors: consensors, Data: t.TempDir()})
}

// startDevnetOf is startDevnet with other settings than where it listens.
func startDevnetOf(t *testing.T, cfg roles.DevnetConfig) *roles.Devnet {
	t.Helper()
	d, stop := runDevnet(t, cfg)
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections()
	})
	return d
}

// runDevnet runs a whole network in this process until stop is called.
func runDevnet(t *testing.T, cfg roles.DevnetConfig) (d *roles.Devnet, stop func()) {
	t.Helper()
	cfg.Listen, cfg.NodeListen = []string{"127.0.0.1:0"}, "127.0.0.1:0"
	cfg.ConsensorListen = func(int) string { return "127.0.0.1:0" }
	d, err := roles.NewDevnet(cfg, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- d.Run(ctx, func() { close(ready) }) }()
	stop = func() {
		cancel()
		if err := errors.Join(<-done, d.Close()); err != nil {
			t.Errorf("devnet: %v", err)
		}
	}
	select {
	case <-ready:
	case err := <-done:
		done <- err
		stop()
		t.Fatalf("devnet ended: %v", err)
	}
	return d, stop
}

func newClient(t *testing.T, d *roles.Devnet, change func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.DefaultConfig()
	cfg.Archivers = []string{d.Archiver.URL() + "#" + d.Archiver.Key()}
	cfg.Data, cfg.Log = t.TempDir(), logger(t)
	if change != nil {
		change(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// decode brings the document of a command into the form a user sees.
func decode(t *testing.T, doc any) map[string]any {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func newUser(t *testing.T) *signing.UserKey {
	t.Helper()
	k, err := signing.NewUserKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestANetworkInOneProcess(t *testing.T) {
	d := startDevnet(t, 3)
	user := newUser(t)
	first := newClient(t, d, func(c *client.Config) { c.Peer = d.Consensors[0].PeerID() })
	tx, err := first.Sign(t.Context(), client.Order{Kind: "register", Alias: "alice"}, user)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := first.InjectWait(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	injected := decode(t, doc)
	if injected["success"] != true || injected["receipt"] == nil || injected["peer"] != d.Consensors[0].PeerID() {
		t.Errorf("inject = %v, want success, a receipt, and the peer that was asked for", injected)
	}

	other := newClient(t, d, func(c *client.Config) { c.Peer = d.Consensors[2].PeerID() })
	found, err := other.Account(t.Context(), user.Address())
	if err != nil {
		t.Fatal(err)
	}
	account, _ := decode(t, found)["account"].(map[string]any)
	if account["alias"] != "alice" {
		t.Errorf("account through another node = %v, want alice's", account)
	}

	// Both doors give the same bytes.
	resp, err := http.Get("http://" + d.Consensors[1].Addr() + "/account/" + user.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"alias":"alice"`) {
		t.Errorf("over HTTP: %s, %v", body, err)
	}
}

func TestClientOutcomes(t *testing.T) {
	d := startDevnet(t, 1)
	user := newUser(t)
	valid, err := newClient(t, d, nil).Sign(t.Context(), client.Order{Kind: "create", Amount: "1"}, user)
	if err != nil {
		t.Fatal(err)
	}
	o, err := signing.ParseObject(valid)
	if err != nil {
		t.Fatal(err)
	}
	o["timestamp"] = o["timestamp"].(float64) + 1
	forged := signing.MustCanonical(o)

	for _, tt := range []struct {
		name   string
		change func(*client.Config)
		do     func(*client.Client) (any, error)
		want   error  // nil: any
		hop    string // "": there is a document
	}{
		{
			name: "no such account", want: client.ErrNoAccount,
			do: func(c *client.Client) (any, error) { return c.Account(t.Context(), strings.Repeat("0", 63)+"1") },
		},
		{
			name: "a forged transaction", want: client.ErrRefused,
			do: func(c *client.Client) (any, error) { return c.Inject(t.Context(), forged) },
		},
		{
			name: "a peer that is not there", hop: "signalling",
			change: func(c *client.Config) { c.Peer = strings.Repeat("ab", 32) },
			do:     func(c *client.Client) (any, error) { return c.Account(t.Context(), "x") },
		},
		{
			name: "an archiver that is down", hop: "archiver",
			change: func(c *client.Config) { c.Archivers = []string{"http://127.0.0.1:1"} },
			do:     func(c *client.Client) (any, error) { return c.Account(t.Context(), "x") },
		},
		{
			name: "two archivers that are down", hop: "archiver",
			change: func(c *client.Config) { c.Archivers = []string{"http://127.0.0.1:1", "http://127.0.0.1:2"} },
			do: func(c *client.Client) (any, error) {
				doc, err := c.Nodes(t.Context())
				if !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "127.0.0.1:2") {
					t.Errorf("error = %v, want both archivers named", err)
				}
				return doc, err
			},
		},
		{
			name: "an archiver with another key", hop: "archiver",
			change: func(c *client.Config) { c.Archivers = []string{d.Archiver.URL() + "#" + strings.Repeat("ab", 32)} },
			do:     func(c *client.Client) (any, error) { return c.Nodes(t.Context()) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc, err := tt.do(newClient(t, d, tt.change))
			switch {
			case tt.want != nil && !errors.Is(err, tt.want):
				t.Errorf("error = %v, want %v", err, tt.want)
			case tt.hop == "" && reflect.ValueOf(doc).IsZero():
				t.Error("no document, want the answer")
			case tt.hop != "" && (err == nil || client.Hop(err) != tt.hop):
				t.Errorf("= %v, %v at hop %q, want an error at %q", doc, err, client.Hop(err), tt.hop)
			}
		})
	}
}

func TestUnprovenPeers(t *testing.T) {
	d := startDevnet(t, 1)
	named := func(c *client.Config) { c.Peer, c.RequireIdentity = "somebody", true }
	_, err := newClient(t, d, named).Account(t.Context(), "x")
	if _, ok := errors.AsType[*roles.UsageError](err); !ok {
		t.Errorf("Account with --require-identity = %v, want a usage error", err)
	}
}

// A busy port is found before anything runs, and nothing is left behind.
func TestBusyPort(t *testing.T) {
	d := startDevnet(t, 1)
	busy := strings.TrimPrefix(d.Archiver.URL(), "http://")
	for _, tt := range []struct {
		name string
		open func() error
	}{
		{"archiver", func() error {
			cfg := config.Default().Archiver
			cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0", busy}, "127.0.0.1:0", t.TempDir()
			_, err := roles.NewArchiver(cfg, logger(t))
			return err
		}},
		{"consensor", func() error {
			cfg := config.Default().Consensor
			cfg.Listen, cfg.Archiver, cfg.Data = busy, []string{d.Archiver.URL()}, t.TempDir()
			_, err := roles.NewConsensor(cfg, nil, logger(t))
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.open(); err == nil || !strings.Contains(err.Error(), busy) {
				t.Errorf("error = %v, want one that names %s", err, busy)
			}
		})
	}
}

// A consensor whose archivers are all down says so and ends.
func TestConsensorWithoutArchiver(t *testing.T) {
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Archiver, cfg.Data = "127.0.0.1:0", []string{"http://127.0.0.1:1"}, t.TempDir()
	n, err := roles.NewConsensor(cfg, nil, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	roles.SetStartTime(n, 300*time.Millisecond)
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Errorf("Run = %v, want an error that names the archiver", err)
	}
}

// Two URLs of one archiver must not take the node's id from each other.
func TestOneArchiverUnderTwoURLs(t *testing.T) {
	d := startDevnet(t, 1)
	var log strings.Builder
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Data = "127.0.0.1:0", t.TempDir()
	cfg.Archiver = []string{d.Archiver.URL(), strings.Replace(d.Archiver.URL(), "127.0.0.1", "localhost", 1)}
	cfg.NetworkID = roles.NetworkID(d)
	n, err := roles.NewConsensor(cfg, nil, slog.New(slog.NewTextHandler(&locked{w: &log}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := n.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "connected to the archiver"); got != 1 {
		t.Errorf("%d connections in 2 s, want 1:\n%s", got, &log)
	}
	if !strings.Contains(log.String(), "another URL leads to the same archiver") {
		t.Errorf("the log does not say what is wrong:\n%s", &log)
	}
}

// locked is a log that several goroutines write to.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// One process owns a data folder; what a second would do to it is not tried.
func TestDataFoldersHaveOneOwner(t *testing.T) {
	acfg := config.Default().Archiver
	acfg.Listen, acfg.NodeListen, acfg.Data = []string{"127.0.0.1:0"}, "127.0.0.1:0", t.TempDir()
	a, err := roles.NewArchiver(acfg, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := roles.NewArchiver(acfg, logger(t)); err == nil || !strings.Contains(err.Error(), acfg.Data) {
		t.Errorf("a second archiver: %v, want an error that names %s", err, acfg.Data)
	}

	ccfg := config.Default().Consensor
	ccfg.Listen, ccfg.Archiver, ccfg.Data = "127.0.0.1:0", []string{a.URL()}, acfg.Data // the archiver's: nothing is shared
	n, err := roles.NewConsensor(ccfg, nil, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if n.PeerID() == a.Key() {
		t.Error("the consensor has the archiver's key")
	}
	if _, err := roles.NewConsensor(ccfg, nil, logger(t)); err == nil || !strings.Contains(err.Error(), ccfg.Data) {
		t.Errorf("a second consensor: %v, want an error that names %s", err, ccfg.Data)
	}
}

// A consensor of another network ends at once, and says what to do.
func TestConsensorOfAnotherNetwork(t *testing.T) {
	d := startDevnet(t, 1)
	cfg := config.Default().Consensor
	cfg.Listen, cfg.Archiver, cfg.Data = "127.0.0.1:0", []string{d.Archiver.URL()}, t.TempDir()
	n, err := roles.NewConsensor(cfg, nil, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	began := time.Now()
	err = n.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--network-id "+roles.NetworkID(d)) {
		t.Errorf("Run = %v, want an error with the remedy", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Run took %v to say so", took)
	}
}

// A client that is silent for a while is not taken for a node, which would
// lose its id after 10 s.
func TestOnlyNodesAreMarked(t *testing.T) {
	d := startDevnet(t, 1)
	c, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: d.Archiver.URL() + signaling.DefaultPath, ID: "browser-tab"}, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p, ok := roles.Socket(d, "browser-tab"); !ok || p.Node {
		t.Errorf("client's socket = %+v, %v, want one that is no node's", p, ok)
	}
	if p, ok := roles.Socket(d, d.Consensors[0].PeerID()); !ok || !p.Node {
		t.Errorf("consensor's socket = %+v, %v, want a node's", p, ok)
	}
}
