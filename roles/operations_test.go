package roles_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

var writeMetrics = flag.Bool("write-metrics", false, "write docs/operations/metrics.md anew")

const operations = "../docs/operations/"

// What docs/operations says of metrics is so: metrics.md has each, and the dashboard and the
// alerts name none that does not exist.
func TestOperationsDocuments(t *testing.T) {
	d := startDevnetOf(t, roles.DevnetConfig{Consensors: 1, Ops: "127.0.0.1:0", Data: t.TempDir()})
	cert, key := testca.New(t).Files(t, t.TempDir(), "127.0.0.1")
	secure := startArchiver(t, func(c *config.Archiver) { c.Ops, c.TLSCert, c.TLSKey = "127.0.0.1:0", cert, key })
	g := startGateway(t, pinned(d), func(c *config.Gateway) { c.Ops = "127.0.0.1:0" })
	beside := startConsensor(t, d, func(c *config.Consensor) {
		c.Ledger, c.Node, c.Ops = "shardus", "http://"+d.Consensors[0].Addr(), "127.0.0.1:0"
	})
	metrics, err := roles.Metrics(d, g.Gateway, beside, secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("metrics.md", func(t *testing.T) {
		want := describe(metrics)
		if *writeMetrics {
			if err := os.WriteFile(operations+"metrics.md", []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := document(t, "metrics.md"); got != want {
			t.Errorf("docs/operations/metrics.md is out of date: go test ./roles -run TestOperationsDocuments -write-metrics")
		}
	})
	status, scrape := fetch(t, roles.OpsURL(d)+"/metrics")
	if status != 200 {
		t.Fatalf("GET /metrics = %d", status)
	}
	t.Run("promtool", func(t *testing.T) {
		exchange(t, "GET", g.URL()+"/timestamp", "") // routes are told of once they were asked for
		http.DefaultClient.CloseIdleConnections()    // those without a request hold up the end
		for _, role := range []any{d, g.Gateway, beside, secure} {
			_, page := fetch(t, roles.OpsURL(role)+"/metrics")
			lint(t, page)
		}
	})
	for _, name := range []string{"dashboard.json", "alerts.yml", "../../roles/" + alertCases} {
		t.Run(name, func(t *testing.T) { namesWhatExists(t, document(t, name), metrics, scrape) })
	}
	t.Run("the dashboard is JSON", func(t *testing.T) {
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal([]byte(document(t, "dashboard.json")), &dashboard); err != nil || len(dashboard.Panels) < 10 {
			t.Fatalf("%v, %d panels", err, len(dashboard.Panels))
		}
		for _, p := range dashboard.Panels {
			for _, target := range p.Targets {
				if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") || strings.Count(target.Expr, "{") != strings.Count(target.Expr, "}") {
					t.Errorf("panel %q: %s", p.Title, target.Expr)
				}
			}
		}
	})
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(operations + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	metricName = regexp.MustCompile(`\b(liberdus|go|process)_[a-z_]+\b`)
	matcher    = regexp.MustCompile(`(liberdus_[a-z_]+)\{([^}]*)\}`)
	labelMatch = regexp.MustCompile(`([a-z]+)(=~?)\\?"([^"\\]*)\\?"`)
)

// namesWhatExists checks the metrics in a text, their labels, and the values of those.
func namesWhatExists(t *testing.T, text string, metrics []telemetry.Metric, scrape string) {
	t.Helper()
	found := metricName.FindAllString(text, -1)
	if len(found) < 10 {
		t.Fatalf("it names only %q", found)
	}
	for _, name := range found {
		if !strings.Contains(scrape, "\n# TYPE "+name+" ") && metricOf(metrics, name) == nil {
			t.Errorf("it names %s, which does not exist", name)
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(text, -1) {
		metric := metricOf(metrics, m[1])
		for _, l := range labelMatch.FindAllStringSubmatch(m[2], -1) {
			if metric == nil || slices.Contains([]string{"instance", "job", "role", "le"}, l[1]) {
				continue
			}
			i := slices.IndexFunc(metric.Labels, func(have telemetry.Label) bool { return have.Name == l[1] })
			if i < 0 {
				t.Errorf("%s has no label %s", m[1], l[1])
				continue
			}
			for value := range strings.SplitSeq(l[3], "|") {
				if !slices.Contains(metric.Labels[i].Values, value) {
					t.Errorf("label %s of %s is never %q", l[1], m[1], value)
				}
			}
		}
	}
}

// metricOf is the metric that a series of that name is of.
func metricOf(metrics []telemetry.Metric, name string) *telemetry.Metric {
	name = strings.TrimPrefix(name, "liberdus_")
	for i, m := range metrics {
		base := name
		if m.Kind == telemetry.Histogram {
			for _, end := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, end)
			}
			if base == name {
				continue // a histogram is named by its series alone
			}
		}
		if m.Name == base {
			return &metrics[i]
		}
	}
	return nil
}

// describe writes metrics.md.
func describe(metrics []telemetry.Metric) string {
	var b strings.Builder
	b.WriteString(`# Metrics

What ` + "`/metrics`" + ` on the operator's port (` + "`--ops`" + `) tells, beside Go's and the process's own. This page is made from the code, by
` + "`go test ./roles -run TestOperationsDocuments -write-metrics`" + `; a test keeps it. Each metric has the label ` + "`role`" + ` as well:
` + "`archiver`, `consensor`, `gateway`, or, of a devnet, `devnet`, `archiver`, `consensor1`" + ` and so on. All values of labels are known beforehand: no
peer, account or address is ever one. The metrics ` + "`node_`" + ` are those of a consensor beside a node, ` + "`gateway_`" + ` those of ` + "`client gateway`" + `.

[prometheus.md](prometheus.md) says how to have Prometheus read them, with [alert rules](alerts.yml) and a [dashboard](dashboard.json) for Grafana.

| Metric | Kind | Labels | What it tells |
|---|---|---|---|
`)
	for _, m := range metrics {
		var labels []string
		for _, l := range m.Labels {
			values := "`" + strings.Join(l.Values, "` `") + "`"
			if m.Name == "build_info" {
				values = "…"
			}
			labels = append(labels, fmt.Sprintf("**%s**: %s", l.Name, values))
		}
		fmt.Fprintf(&b, "| `liberdus_%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(labels, "; "), m.Help)
	}
	return b.String()
}
