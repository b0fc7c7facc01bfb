package roles_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

// Each key of a gateway that can change does what it says as soon as it has.
func TestReloadOfEachGatewayKey(t *testing.T) {
	t.Parallel()
	d := startDevnet(t, 1)
	ca := testca.New(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.1")
	cert2, key2 := ca.Files(t, t.TempDir(), "127.0.0.1")
	key3 := filepath.Join(t.TempDir(), "moved.pem")
	movedCert, movedKey := ca.Files(t, t.TempDir(), "127.0.0.1")
	if text, err := os.ReadFile(movedKey); err != nil || os.WriteFile(key3, text, 0o600) != nil {
		t.Fatal(err)
	}
	secure := func(c *config.Gateway) { c.TLSCert, c.TLSKey = cert, key }
	held := func(t *testing.T, g *gateway) string { return polls(t, g.Gateway, g.URL()) }
	cases := []struct {
		key           string
		begin, change func(*config.Gateway)
		see           func(*testing.T, *gateway) string
		before, after string
	}{
		{"tls_cert", secure, func(c *config.Gateway) { c.TLSCert, c.TLSKey = cert2, key2 }, func(t *testing.T, g *gateway) string {
			return shown(t, ca, g.URL(), cert, cert2)
		}, "first", "second"},
		{"tls_key", func(c *config.Gateway) { c.TLSCert, c.TLSKey = movedCert, movedKey }, func(c *config.Gateway) { c.TLSKey = key3 }, func(t *testing.T, g *gateway) string {
			was := roles.SettingsOfGateway(g.Gateway).TLSKey
			if err := os.Rename(was, was+".away"); err != nil {
				t.Fatal(err)
			}
			_, err := g.Reload(roles.SettingsOfGateway(g.Gateway))
			if back := os.Rename(was+".away", was); err == nil || back != nil {
				t.Fatalf("Reload without the key = %v; %v", err, back)
			}
			return err.Error()
		}, movedKey, key3},
		{"allow_host", nil, func(c *config.Gateway) { c.AllowHost = []string{"wallet.example"} }, func(t *testing.T, g *gateway) string {
			return fmt.Sprint(asStranger(t, g, "wallet.example", ""))
		}, "421", "200"},
		{"allow_origin", nil, func(c *config.Gateway) { c.AllowOrigin = []string{"https://a.example"} }, func(t *testing.T, g *gateway) string {
			return fmt.Sprint(asStranger(t, g, "", "https://b.example"))
		}, "200", "403"},
		{"limit_exempt", nil, func(c *config.Gateway) { c.LimitExempt = []string{} }, held, "held for 0 addresses", "held for 1 addresses"},
		{"trusted_proxy", func(c *config.Gateway) { c.LimitExempt = []string{} }, func(c *config.Gateway) { c.TrustedProxy = []string{"127.0.0.0/8"} }, held, "held for 1 addresses", "held for 2 addresses"},
		{"requests", nil, func(c *config.Gateway) { c.Requests = 1 }, func(t *testing.T, g *gateway) string {
			var wg sync.WaitGroup
			busy := make(chan struct{}, 100)
			for range cap(busy) {
				wg.Go(func() {
					if exchange(t, "GET", g.URL()+"/account/"+strings.Repeat("f", 64), "").status == http.StatusTooManyRequests {
						busy <- struct{}{}
					}
				})
			}
			wg.Wait()
			http.DefaultClient.CloseIdleConnections() // those without a request hold up the end
			if len(busy) > 0 {
				return "too many"
			}
			return "served"
		}, "served", "too many"},
		{"max_polls", nil, func(c *config.Gateway) { c.MaxPolls = 1 }, held, "held", "one is answered soon"},
	}
	seen := map[string]bool{"log_level": true} // it is the process's: TestReloadOfAGateway of e2e
	for _, tt := range cases {
		seen[tt.key] = true
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, pinned(d), tt.begin)
			if got := tt.see(t, g); !strings.Contains(got, tt.before) {
				t.Fatalf("before: %s, want %s", got, tt.before)
			}
			cfg := roles.SettingsOfGateway(g.Gateway)
			tt.change(&cfg)
			if changed, err := g.Reload(cfg); err != nil || !strings.Contains(fmt.Sprint(changed), tt.key) {
				t.Fatalf("Reload = %q, %v", changed, err)
			}
			if got := tt.see(t, g); !strings.Contains(got, tt.after) {
				t.Errorf("after: %s, want %s", got, tt.after)
			}
		})
	}
	for _, key := range roles.GatewayChanges {
		if !seen[key] {
			t.Errorf("the key %s is not tried", key)
		}
	}
}

// Who is exempt at a gateway no more counts by address at its door, too, with the next connection.
func TestReloadOfAGatewaysDoor(t *testing.T) {
	d := startDevnet(t, 1)
	g := startGateway(t, pinned(d), nil)
	counted := func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			c.Close()
			if !waits(func() bool { n, _ := roles.GateOf(g.Gateway); return n == 0 }) {
				t.Fatal("a closed connection is counted")
			}
		}()
		var part float64
		if !waits(func() bool {
			n, now := roles.GateOf(g.Gateway)
			part = now
			return n == 1
		}) {
			t.Fatal("the connection is not there")
		}
		return part > 0
	}
	if counted() {
		t.Error("this machine counts by address before")
	}
	cfg := roles.SettingsOfGateway(g.Gateway)
	cfg.LimitExempt = []string{}
	if _, err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if !counted() {
		t.Error("this machine does not count by address afterwards")
	}
}
