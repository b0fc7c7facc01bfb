package roles_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles"
)

// fetch gets a path of the operator's port.
func fetch(t *testing.T, at string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// series returns the series of a process, ours alone, without their values.
func series(t *testing.T, ops string) []string {
	t.Helper()
	status, text := fetch(t, ops+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("GET /metrics = %d %s", status, text)
	}
	var list []string
	for _, name := range regexp.MustCompile(`(?m)^(liberdus_.*) \S+$`).FindAllStringSubmatch(text, -1) {
		list = append(list, name[1])
	}
	if len(list) < 100 {
		t.Fatalf("only %d series: %q", len(list), list)
	}
	slices.Sort(list)
	return list
}

// What strangers call themselves, and what they ask for, is in no label; it is on
// the page, where it does nothing.
func TestNoStrangerNamesASeries(t *testing.T) {
	d := startDevnetOf(t, roles.DevnetConfig{Consensors: 2, Ops: "127.0.0.1:0", Data: t.TempDir()})
	ops := roles.OpsURL(d)
	asked, _, err := converse(t.Context(), d, d.Consensors[0].PeerID())
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path string, body []byte) {
		if _, err := asked.Do(t.Context(), rpc.Request{URL: path, Method: method, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	call("GET", "timestamp", nil)
	before := series(t, ops)

	const stranger = `stranger"} 1<script>`
	for _, id := range []string{stranger, "stranger", strings.Repeat("s", 200), ""} {
		for _, key := range []string{"liberdus", "stranger"} {
			upgrade(t, d.Archiver.URL(), url.QueryEscape(id)+"&key="+key, "http://stranger.example") // the last key counts
		}
	}
	fetch(t, d.Archiver.URL()+"/liberdus-peer/stranger/peers")
	fetch(t, "http://"+d.Consensors[0].Addr()+"/stranger/"+url.PathEscape(stranger))
	fetch(t, "http://"+d.Consensors[0].Addr()+"/account/stranger")
	call("GET", "account/stranger", nil)
	call("STRANGER", "account/"+url.PathEscape(stranger), nil)
	call("GET", "stranger", nil)
	call("POST", "inject", []byte(`{"type":"stranger"}`))
	call("POST", "subscribe", []byte(`{"account":"stranger"}`))

	after := series(t, ops)
	if text := strings.Join(after, "\n"); strings.Contains(text, "stranger") {
		t.Errorf("a stranger names a series:\n%s", text)
	}
	// Routes that were asked for may be new; all else was there before anybody came.
	for _, name := range after {
		if !slices.Contains(before, name) && !strings.HasPrefix(name, "liberdus_api_request_seconds") && !strings.HasPrefix(name, "liberdus_api_requests_total") {
			t.Errorf("a series that came with strangers: %s", name)
		}
	}
	if _, page := fetch(t, ops+"/"); !strings.Contains(page, "discovery") || strings.Contains(page, "<script") {
		t.Errorf("the page does not show who was refused, or runs what it shows:\n%s", page)
	}
}

// A node is ready once it is on a list, and no longer when the archiver is gone.
func TestReadiness(t *testing.T) {
	d := startDevnet(t, 1)
	n := startConsensor(t, d, func(c *config.Consensor) { c.Ops = "127.0.0.1:0" })
	if status, text := fetch(t, roles.OpsURL(n)+"/readyz"); status != http.StatusOK {
		t.Errorf("a node on the list: %d %s", status, text)
	}
	if status, text := fetch(t, roles.OpsURL(n)+"/metrics"); status != http.StatusOK || !strings.Contains(text, `liberdus_well{check="disk",role="consensor"} 1`) {
		t.Errorf("its metrics: %d, without that its disk is well", status)
	}

	lonely := config.Default().Consensor
	lonely.Archiver, lonely.Listen, lonely.Data, lonely.Ops = []string{"http://127.0.0.1:1"}, "127.0.0.1:0", t.TempDir(), "127.0.0.1:0"
	other, err := roles.NewConsensor(lonely, nil, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	if status, text := fetch(t, roles.OpsURL(other)+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "no archiver is joined") {
		t.Errorf("a node on no list: %d %s", status, text)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpsPortInUse(t *testing.T) {
	d := startDevnetOf(t, roles.DevnetConfig{Consensors: 1, Ops: "127.0.0.1:0", Data: t.TempDir()})
	cfg := config.Default().Archiver
	cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0"}, "", t.TempDir()
	cfg.Ops = strings.TrimPrefix(roles.OpsURL(d), "http://")
	if _, err := roles.NewArchiver(cfg, logger(t)); err == nil || !strings.Contains(err.Error(), "--ops") {
		t.Errorf("NewArchiver = %v, want an error that names --ops", err)
	}
}

// Whoever a limit of an archiver or a node keeps from being served is counted by the reason, and
// stands on the page: joins, requests by any door, and sessions.
func TestOpsShowsWhomLimitsKeepOut(t *testing.T) {
	d := startDevnetOf(t, roles.DevnetConfig{Consensors: 1, Ops: "127.0.0.1:0", Data: t.TempDir()})
	n := startConsensor(t, d, func(c *config.Consensor) {
		c.Ops, c.LimitExempt, c.MaxSessionsPerAddress, c.RequestsPerSecond, c.MaxSubscriptionsPerSession = "127.0.0.1:0", []string{}, 1, 1, 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if got := exchange(t, "POST", d.Archiver.URL()+"/nodelist", "{}"); got.status != 200 {
		t.Fatalf("a join without anything = %+v", got)
	}
	asked, _, err := converse(ctx, d, n.PeerID())
	if err != nil {
		t.Fatal(err)
	}
	account := strings.Repeat("a", 64)
	for range 2 {
		if _, err := asked.Do(ctx, rpc.Request{URL: "subscribe", Method: "POST", Body: []byte(`{"account":"` + account + `"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { _, _ = asked.Do(ctx, rpc.Request{URL: "timestamp", Method: "GET"}) })
	}
	all.Wait()
	if got := (nodeTest{n, d}).opens(t); got != "refused" {
		t.Fatalf("one more session of the address is %s", got)
	}
	for _, tt := range []struct {
		role any
		page []string // parts of the page, which has the counts and who it was
		told []string // metrics that are not 0
	}{
		{d, []string{"<td>node list</td><td>form</td>", "127.0.0.1"}, []string{
			`liberdus_nodelist_joins_refused_total{reason="form",role="archiver"}`, `liberdus_refused_total{reason="join_form",role="archiver"}`,
			`liberdus_door_accepted_total{door="public",role="archiver"}`, `liberdus_limit{of="newcomers_public",role="archiver"}`,
			`liberdus_limit{of="bytes_of_bodies",role="consensor1"}`, `liberdus_limit{of="bytes_of_transactions",role="consensor1"}`,
		}},
		{n, []string{
			"<td>requests of consensor</td><td>request_rate</td>", "<td>requests of consensor</td><td>subscriptions_of_session</td>",
			"<td>sessions of consensor</td><td>address</td>",
		}, []string{
			`liberdus_refused_total{reason="request_rate",role="consensor"}`, `liberdus_refused_total{reason="subscriptions_of_session",role="consensor"}`,
			`liberdus_dropped_total{reason="address",role="consensor"}`, `liberdus_share_fullest_ratio{of="sessions",role="consensor"}`,
			`liberdus_share_addresses{of="subscriptions",role="consensor"}`, `liberdus_api_requests_total{class="2xx",role="consensor",route="timestamp"}`,
		}},
	} {
		_, page := fetch(t, roles.OpsURL(tt.role)+"/")
		for _, part := range tt.page {
			if !strings.Contains(page, part) {
				t.Errorf("the page lacks %s", part)
			}
		}
		_, metrics := fetch(t, roles.OpsURL(tt.role)+"/metrics")
		for _, name := range tt.told {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` [^0\n]`).MatchString(metrics) {
				t.Errorf("the metrics lack a %s above 0", name)
			}
		}
	}
}

// Who says nothing, keeps connections for later, or reads nothing does not keep others from the
// operator's port, all of them at one address.
func TestOpsPortHasRoomForNewcomers(t *testing.T) {
	d := startDevnetOf(t, roles.DevnetConfig{Consensors: 1, Ops: "127.0.0.1:0", Data: t.TempDir()})
	addr := strings.TrimPrefix(roles.OpsURL(d), "http://")
	newcomer := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for _, tt := range []struct {
		name, says string
		reads      bool
	}{
		{"silent", "", false},
		{"half a header", "GET /metrics HTTP/1.1\r\n", false},
		{"kept for later", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
		{"an answer that is not read", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 100 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, tt.says); err != nil {
					continue // it made way for another
				}
				if tt.reads {
					_, _ = io.ReadFull(c, make([]byte, 15))
				}
			}
			for range 3 {
				res, err := newcomer.Get("http://" + addr + "/healthz")
				if err != nil {
					t.Fatalf("a newcomer: %v", err)
				}
				res.Body.Close()
			}
		})
	}
}
