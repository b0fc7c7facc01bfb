package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/tally"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// An opsTest is an operator's port whose roles a test changes.
type opsTest struct {
	*testing.T
	ops      http.Handler
	registry *telemetry.Registry
	level    *slog.LevelVar
	log      bytes.Buffer
	refusals telemetry.Refusals
	views    []telemetry.View
}

func newOps(t *testing.T) *opsTest {
	t.Helper()
	o := &opsTest{T: t, registry: telemetry.NewRegistry("1.2.3"), level: new(slog.LevelVar)}
	o.views = []telemetry.View{{Role: "archiver", Checks: []telemetry.Check{{Name: "list"}}}}
	handler, err := telemetry.NewOps(telemetry.OpsConfig{
		Name: "ops.example", Version: "1.2.3", Registry: o.registry, Level: o.level, Refusals: &o.refusals,
		Views: func() []telemetry.View { return o.views }, Log: telemetry.NewLoggerAt(&o.log, o.level),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.ops = handler
	return o
}

// ask sends a request; headers are names and values.
func (o *opsTest) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	o.Helper()
	r := httptest.NewRequestWithContext(o.Context(), method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:6090"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	o.ops.ServeHTTP(w, r)
	return w
}

// Pages of other sites neither read the port nor make it do anything.
func TestOpsKeepsPagesOut(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"an address", "GET", "/metrics", nil, 200},
		{"an IPv6 address", "GET", "/metrics", []string{"Host", "[::1]:6090"}, 200},
		{"localhost", "GET", "/metrics", []string{"Host", "LOCALHOST:6090"}, 200},
		{"the name that was given", "GET", "/metrics", []string{"Host", "ops.example:6090"}, 200},
		{"another name that leads here", "GET", "/metrics", []string{"Host", "evil.example:6090"}, 421},
		{"a name that looks like an address", "GET", "/", []string{"Host", "127.0.0.1.evil.example"}, 421},
		{"no name", "GET", "/", []string{"Host", ""}, 421},
		{"a link on another site", "GET", "/", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"a picture on another site", "GET", "/debug/pprof/heap", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a form on another site", "POST", "/loglevel?level=debug", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"one of an old browser", "POST", "/loglevel?level=debug", []string{"Origin", "http://evil.example"}, 403},
		{"our own form", "POST", "/loglevel?level=debug", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"a program", "PUT", "/loglevel?level=debug", nil, 200},
		{"a profile that goes on for an hour", "GET", "/debug/pprof/profile?seconds=3600", nil, 400},
		{"a trace of no number of seconds", "GET", "/debug/pprof/trace?seconds=NaN", nil, 400},
		{"a path that is not there", "GET", "/nosuch", nil, 404},
		{"another method", "DELETE", "/loglevel", nil, 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := newOps(t).ask(tt.method, tt.path, "", tt.headers...); got.Code != tt.want {
				t.Errorf("%s %s = %d %q, want %d", tt.method, tt.path, got.Code, got.Body, tt.want)
			}
		})
	}
}

func TestOpsHealth(t *testing.T) {
	o := newOps(t)
	for _, tt := range []struct {
		path, err string
		want      int
	}{{"/healthz", "", 200}, {"/readyz", "", 200}, {"/healthz", "stale", 200}, {"/readyz", "stale", 503}} {
		o.views[0].Checks[0].Err = tt.err
		got := o.ask("GET", tt.path, "")
		if got.Code != tt.want {
			t.Errorf("GET %s with error %q = %d, want %d", tt.path, tt.err, got.Code, tt.want)
		}
		if tt.path != "/readyz" {
			continue
		}
		var answer struct {
			Ready bool
			Roles map[string][]telemetry.Check
		}
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || answer.Ready != (tt.err == "") || answer.Roles["archiver"][0].Err != tt.err {
			t.Errorf("GET /readyz = %s, %v, want the error %q", got.Body, err, tt.err)
		}
	}
}

func TestOpsLogLevel(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		code                     int
		want                     slog.Level
	}{
		{"by the query", "PUT", "/loglevel?level=debug", "", nil, 200, slog.LevelDebug},
		{"by the body", "PUT", "/loglevel", "warn\n", nil, 200, slog.LevelWarn},
		{"by a form", "POST", "/loglevel", "level=error", []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html"}, 303, slog.LevelError},
		{"none", "PUT", "/loglevel?level=loud", "", nil, 400, slog.LevelInfo},
		{"nothing", "PUT", "/loglevel", "", nil, 400, slog.LevelInfo},
		{"far too much", "PUT", "/loglevel", strings.Repeat("x", 1000), nil, 400, slog.LevelInfo},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOps(t)
			if got := o.ask(tt.method, tt.path, tt.body, tt.headers...); got.Code != tt.code {
				t.Errorf("= %d %s, want %d", got.Code, got.Body, tt.code)
			}
			if got := o.level.Level(); got != tt.want {
				t.Errorf("the level is %v, want %v", got, tt.want)
			}
			if said := strings.Contains(o.log.String(), "log level set"); said != (tt.want != slog.LevelInfo) {
				t.Errorf("the log says %q", &o.log)
			}
			if got := strings.TrimSpace(o.ask("GET", "/loglevel", "").Body.String()); got != telemetry.LevelName(tt.want) {
				t.Errorf("GET /loglevel = %q, want %v", got, tt.want)
			}
		})
	}
}

// The page shows what it is told, and runs none of it.
func TestOpsPage(t *testing.T) {
	o := newOps(t)
	const nasty = `<script>alert(1)</script>`
	o.views = []telemetry.View{{
		Role: "consensor", Facts: []telemetry.Fact{{Name: "peer id", Value: nasty}},
		Budgets: []telemetry.Budget{{Of: "bytes_unread", Used: 1 << 20, Limit: 4 << 20, Bytes: true}, {Of: "sessions", Used: 3, Limit: 0}},
		Shares:  []telemetry.Share{{Of: "polls", Addresses: 42, Fullest: 0.75}},
		Refused: []telemetry.Count{{Name: "crowded", N: 7}}, Checks: []telemetry.Check{{Name: "disk", Err: nasty}},
	}}
	for i := range 101 {
		o.refusals.Note("offers", "rate", fmt.Sprintf("peer%d%s", i, nasty))
	}
	for range 7 {
		o.refusals.Note("requests", "rate", "the same again")
	}
	if last := o.refusals.Last(); len(last) != 100 || last[0].Who != "the same again" || last[0].Times != 7 || last[1].Times != 1 {
		t.Errorf("remembered are %d refusals, the last %+v; want 100, the last of 7 times", len(last), last[0])
	}
	o.refusals.Note("offers", "rate", "peer50"+nasty) // comes to the front
	got := o.ask("GET", "/", "")
	text := got.Body.String()
	for _, want := range []string{"<td>2</td><td>offers</td>", "<td>7</td><td>requests</td>", ">42</td><td>75 %", "not ready", "bytes unread", "1 MiB", "4 MiB", "25 %", "crowded", ">7<", "peer100", "peer2&lt;", "1.2.3"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"<script", "peer1&lt;"} {
		if strings.Contains(text, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if policy := got.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
		t.Errorf("Content-Security-Policy = %q", policy)
	}
	if style := o.ask("GET", "/ops.css", ""); style.Code != 200 || !strings.HasPrefix(style.Header().Get("Content-Type"), "text/css") {
		t.Errorf("GET /ops.css = %d, %s", style.Code, style.Header().Get("Content-Type"))
	}
}

// What was not declared beforehand becomes no label, and nothing else is lost by it.
func TestMetrics(t *testing.T) {
	o := newOps(t)
	times := tally.Sizes(1, 2)
	times.Observe(2)
	hostile := false
	group := telemetry.Group{
		Metrics: []telemetry.Metric{
			{Name: "refused_total", Help: "Refusals.", Kind: telemetry.Counter, Labels: []telemetry.Label{{Name: "reason", Values: []string{"full", "late"}}}},
			{Name: "size", Help: "Sizes.", Kind: telemetry.Histogram},
		},
		Read: func(s *telemetry.Samples) {
			telemetry.Counts(s, "refused_total", map[string]uint64{"full": 3, "late": 0})
			s.Histogram("size", times.Load())
			if hostile {
				s.Set("refused_total", 1, "stranger's words")
				s.Set("unheard_of", 1)
			}
		},
	}
	for _, role := range []string{"consensor1", "consensor2"} {
		if err := o.registry.Add(role, group); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.registry.Add("consensor1", group); err == nil {
		t.Error("the same metrics are told twice")
	}
	const want = `liberdus_refused_total{reason="full",role="consensor2"} 3`
	text := o.ask("GET", "/metrics", "").Body.String()
	for _, want := range []string{want, `liberdus_size_bucket{role="consensor1",le="2"} 1`, `liberdus_build_info{go="go1.`, "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	hostile = true
	got := o.ask("GET", "/metrics", "")
	if text, _ := io.ReadAll(got.Body); !strings.Contains(string(text), want) || strings.Contains(string(text), "stranger") {
		t.Errorf("with a label that was not declared: %d\n%.300s", got.Code, text)
	}
}

// No more than two profiles are made at once; all else is answered meanwhile, and they are made
// again when those are done.
func TestOpsProfiles(t *testing.T) {
	o := newOps(t)
	ctx, stop := context.WithCancel(t.Context())
	var both sync.WaitGroup
	for _, path := range []string{"profile", "trace"} {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/debug/pprof/"+path+"?seconds=60", nil)
		r.Host = "localhost"
		both.Go(func() { o.ops.ServeHTTP(httptest.NewRecorder(), r) })
	}
	for deadline := time.Now().Add(10 * time.Second); telemetry.Profiles(o.ops) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not both profiles are being made")
		}
	}
	if got := o.ask("GET", "/debug/pprof/heap", ""); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("a third profile beside two = %d", got.Code)
	}
	for _, path := range []string{"/healthz", "/metrics", "/"} {
		if got := o.ask("GET", path, ""); got.Code != 200 {
			t.Errorf("GET %s beside two profiles = %d", path, got.Code)
		}
	}
	stop()
	both.Wait()
	if got := o.ask("GET", "/debug/pprof/heap", ""); got.Code != 200 {
		t.Errorf("afterwards: %d %s", got.Code, got.Body)
	}
}

// A reader is a response that remembers until when it may be written.
type reader struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (r *reader) SetWriteDeadline(t time.Time) error {
	r.until = t
	return nil
}

// Whoever reads slowly has a connection of the few for some seconds only; a profile may take the
// time that its server gives it.
func TestOpsReaders(t *testing.T) {
	o := newOps(t)
	for _, tt := range []struct {
		path  string
		hurry bool
	}{{"/", true}, {"/metrics", true}, {"/healthz", true}, {"/loglevel", true}, {"/nothing", true}, {"/debug/pprof/heap", false}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil)
		r.Host = "localhost"
		w := &reader{ResponseRecorder: httptest.NewRecorder()}
		o.ops.ServeHTTP(w, r)
		if hurry := !w.until.IsZero() && time.Until(w.until) < 20*time.Second; hurry != tt.hurry {
			t.Errorf("GET %s may be written until %v, want that it has to hurry: %v", tt.path, w.until, tt.hurry)
		}
	}
}
