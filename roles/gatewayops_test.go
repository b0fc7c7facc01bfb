package roles_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// asStranger asks for a path of a gateway under a host's name, or as a page of an origin.
func asStranger(t *testing.T, g *gateway, host, origin string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL()+"/timestamp", nil)
	if err != nil {
		t.Fatal(err)
	}
	if req.Host = host; origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// The operator's port of a gateway tells how it does with the nodes, what it answers, and whom it
// does not serve; it is ready while a node can be reached. No stranger names a series.
func TestGatewayOps(t *testing.T) {
	d := startDevnet(t, 2)
	g := startGateway(t, pinned(d), func(c *config.Gateway) {
		c.Ops, c.AllowOrigin, c.LimitExempt, c.Requests = "127.0.0.1:0", []string{"https://wallet.example"}, []string{}, 4
	})
	ops := roles.OpsURL(g.Gateway)
	if status, text := fetch(t, ops+"/readyz"); status != http.StatusOK {
		t.Errorf("GET /readyz = %d %s", status, text)
	}
	if got := exchange(t, "GET", g.URL()+"/timestamp", ""); got.status != http.StatusOK {
		t.Fatalf("GET /timestamp = %+v", got)
	}
	before := series(t, ops)
	if got := asStranger(t, g, "stranger.example", ""); got != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", got)
	}
	if got := asStranger(t, g, "", "https://stranger.example"); got != http.StatusForbidden {
		t.Errorf("a page of another origin: %d", got)
	}
	exchange(t, "GET", g.URL()+"/stranger", "")
	exchange(t, "GET", g.URL()+"/account/stranger", "")
	// One of an address may be in hand at a time: of so many some are too many.
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { exchange(t, "GET", g.URL()+"/account/"+strings.Repeat("a", 64), "") })
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections() // those without a request hold up the end

	_, metrics := fetch(t, ops+"/metrics")
	for _, name := range []string{
		`liberdus_gateway_sessions{role="gateway",state="well"}`, `liberdus_gateway_asked_total{outcome="answered",role="gateway"}`,
		`liberdus_gateway_asked_total{outcome="refused",role="gateway"}`, `liberdus_gateway_sent_total{role="gateway"}`, `liberdus_gateway_opened_total{role="gateway"}`,
		`liberdus_refused_total{reason="host",role="gateway"}`, `liberdus_refused_total{reason="origin",role="gateway"}`,
		`liberdus_refused_total{reason="gateway_requests_of_address",role="gateway"}`, `liberdus_api_requests_total{class="2xx",role="gateway",route="timestamp"}`,
		`liberdus_door_accepted_total{door="http",role="gateway"}`, `liberdus_limit{of="requests_in_hand",role="gateway"}`, `liberdus_well{check="nodes",role="gateway"}`,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` [^0\n]`).MatchString(metrics) {
			t.Errorf("the metrics lack a %s above 0", name)
		}
	}
	for _, name := range series(t, ops) {
		if strings.Contains(name, `of="sessions"`) {
			t.Errorf("%s: as many sessions as there should be are no limit that is full", name)
		}
		if strings.Contains(name, "stranger") || !slices.Contains(before, name) && !strings.HasPrefix(name, "liberdus_api_request") {
			t.Errorf("a series that came with strangers: %s", name)
		}
	}
	_, page := fetch(t, ops+"/")
	for _, part := range []string{"session with " + g.nodeOf(t, d), "<td>gateway</td><td>host</td>", "<td>requests</td><td>gateway_requests_of_address</td>", "polled accounts", "<dt>sessions</dt>"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

// nodeOf is the peer id of one of d's nodes that g has a session with.
func (g *gateway) nodeOf(t *testing.T, d *roles.Devnet) string {
	t.Helper()
	_, page := fetch(t, roles.OpsURL(g.Gateway)+"/")
	for _, n := range d.Consensors {
		if strings.Contains(page, n.PeerID()) {
			return n.PeerID()
		}
	}
	t.Fatal("the page shows no session with a node")
	return ""
}

// A gateway without a way to a node is not ready, and says why.
func TestGatewayIsNotReadyWithoutNodes(t *testing.T) {
	cfg := config.Default().Gateway
	cfg.Ops = "127.0.0.1:0"
	g, ready := launchGateway(t, cfg, "http://127.0.0.1:1", time.Second)
	<-ready
	if status, text := fetch(t, roles.OpsURL(g.Gateway)+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("GET /readyz = %d %s, want 503 and why", status, text)
	}
}
