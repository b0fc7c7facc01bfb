package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/testca"
)

// opsAddr is where a role that was given --ops has its operator's port.
func (r *role) opsAddr(t *testing.T) string {
	t.Helper()
	said, _ := r.errs.find(0, func(r record) bool { return r.text("msg") == "ready" })
	if said.text("opsAddr") == "" {
		t.Fatalf("%s: the line \"ready\" has no opsAddr: %v", r.name, said)
	}
	return said.text("opsAddr")
}

// A prometheus is a server that watches the roles.
type prometheus struct {
	t      *testing.T
	base   string
	client *http.Client
}

// prometheus starts one with these settings, on a port that the system chooses.
func (s *site) prometheus(settings string) prometheus {
	s.t.Helper()
	cmd := s.command(context.Background(), tools.prometheus, "--config.file="+s.file("prometheus.yml", settings), "--storage.tsdb.path="+s.dir("tsdb"),
		"--web.listen-address=127.0.0.1:0", "--log.format=json")
	c := s.supervise("prometheus", cmd)
	listening := c.wait(s.t, c.errs, 0, "address", func(r record) bool { return r.text("msg") == "Listening on" })
	p := prometheus{s.t, "http://" + listening.text("address") + "/api/v1/", web(s.t)}
	c.wait(s.t, c.errs, 0, "line that it is ready", func(r record) bool { return strings.HasPrefix(r.text("msg"), "Server is ready") })
	return p
}

// get reads the data of an answer of its API.
func (p prometheus) get(path string, query url.Values, data any) error {
	response, err := p.client.Get(p.base + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	text, err := drain(response)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return nil
}

// must is get where there must be an answer.
func (p prometheus) must(path string, query url.Values, data any) {
	p.t.Helper()
	if err := p.get(path, query, data); err != nil {
		p.t.Fatalf("%s %v: %v", path, query, err)
	}
}

// query returns the labels of what an expression selects now.
func (p prometheus) query(expr string) []map[string]string {
	p.t.Helper()
	var data struct {
		Result []struct{ Metric map[string]string }
	}
	p.must("query", url.Values{"query": {expr}}, &data)
	list := make([]map[string]string, len(data.Result))
	for i, r := range data.Result {
		list[i] = r.Metric
	}
	return list
}

// A target is one that Prometheus takes metrics from.
type target struct {
	Health, LastError string
	Labels            map[string]string
}

// reaches waits until it takes metrics from so many targets, and from all that it has.
func (p prometheus) reaches(want int) {
	p.t.Helper()
	var last []target
	eventually(p.t, eventWithin, fmt.Sprintf("%d targets that are up", want), func() bool {
		var data struct{ ActiveTargets []target }
		p.must("targets", url.Values{"state": {"active"}}, &data)
		last = data.ActiveTargets
		for _, t := range last {
			if t.Health == "down" {
				p.t.Fatalf("%v: %s", t.Labels, t.LastError)
			}
		}
		return len(last) == want && !slices.ContainsFunc(last, func(t target) bool { return t.Health != "up" })
	})
}

// A rule is an alert as Prometheus has read it.
type rule struct{ Name, Query, Health, LastError string }

// rules returns the alerts once all of them have been evaluated.
func (p prometheus) rules() (list []rule) {
	p.t.Helper()
	eventually(p.t, eventWithin, "all alerts evaluated", func() bool {
		var data struct{ Groups []struct{ Rules []rule } }
		p.must("rules", nil, &data)
		list = nil
		for _, g := range data.Groups {
			list = append(list, g.Rules...)
		}
		return !slices.ContainsFunc(list, func(r rule) bool {
			if r.Health == "err" {
				p.t.Fatalf("alert %s: %s", r.Name, r.LastError)
			}
			return r.Health != "ok"
		})
	})
	return list
}

// An alert is one that is pending or fires.
type alert struct{ Labels map[string]string }

func (p prometheus) alerts() []alert {
	p.t.Helper()
	var data struct{ Alerts []alert }
	p.must("alerts", nil, &data)
	return data.Alerts
}

// A panelQuery is one query of the dashboard.
type panelQuery struct {
	panel        string
	expr, legend string
}

// dashboard are the queries of the dashboard as Grafana asks them for all instances.
func dashboard(t *testing.T) (list []panelQuery) {
	t.Helper()
	text, err := os.ReadFile("../docs/operations/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, panel := range doc.Panels {
		for _, target := range panel.Targets {
			expr := strings.ReplaceAll(target.Expr, "$instance", ".*")
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q: %s has a variable that this test does not know", panel.Title, expr)
			}
			list = append(list, panelQuery{panel.Title, expr, target.LegendFormat})
		}
	}
	return list
}

// compared is where an expression leaves out what is not, say, over a threshold.
var compared = regexp.MustCompile(` (>|<|==) `)

// inLegend is what a legend says of a series.
var inLegend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// described reads the names, kinds and words of the metrics that docs/operations/metrics.md has.
func described(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(liberdus_[a-z_]+)` \\| ([a-z]+) \\|.*\\| ([^|]+) \\|$").FindAllStringSubmatch(string(text), -1) {
		list[m[1]] = [2]string{m[2], m[3]}
	}
	return list
}

// Prometheus, set up as the documentation says, reads every metric of every role. It knows what the dashboard and the
// alerts ask for, whose legends tell series apart. No alert is on its way while all is well; one is soon after a node was killed.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ops := []string{"--ops", "127.0.0.1:0"}
	archiver := s.archiver(ops...)
	ready, _ := archiver.errs.find(0, func(r record) bool { return r.text("msg") == "ready" })
	ca := testca.New(t) // another archiver has what this one lacks: a certificate, and whom to take nodes from
	cert, key := ca.Issue(t, 90*24*time.Hour, "127.0.0.1")
	s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM))}
	secure := s.start(append([]string{
		"archiver", "--listen", "127.0.0.1:0", "--node-listen", "127.0.0.1:0", "--data", s.dir("secure"),
		"--tls-cert", s.file("cert.pem", string(cert)), "--tls-key", s.file("key.pem", string(key)), "--nodes-from", archiver.url() + "#" + ready.text("publicKey"),
	}, ops...)...)
	node := s.consensor(archiver.url(), append([]string{"--archiver", "http://" + secure.nodeAddr}, ops...)...)
	s.listed("http://"+secure.nodeAddr, node.peerID, eventWithin)
	front := s.beside(archiver.url(), node, "front", ops...)
	gateway := s.gateway(archiver.url(), append(ops, "--sessions", "2")...)                                            // as many as it may have, all open
	if response, err := web(t).Get(gateway.url() + "/timestamp"); err != nil || response.StatusCode != http.StatusOK { // a route that was asked for
		t.Fatalf("GET /timestamp = %v, %v", response, err)
	} else {
		response.Body.Close()
	}

	rules, err := filepath.Abs("../docs/operations/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	p := s.prometheus(documented(t, "operations/prometheus.md", "yaml", map[string]string{
		"scrape_interval: 15s":     "scrape_interval: 1s",
		"evaluation_interval: 15s": "evaluation_interval: 1s",
		"- alerts.yml":             "- " + rules,
		`"127.0.0.1:6090"`:         archiver.opsAddr(t),
		`"127.0.0.1:6091"`:         node.opsAddr(t),
		`- targets: ["127.0.0.1:6092"]`: fmt.Sprintf("- targets: [%s]\n        labels: {instance: front}\n      - targets: [%s]\n        labels: {instance: secure}\n      - targets: [%s]",
			front.opsAddr(t), secure.opsAddr(t), gateway.opsAddr(t)),
	}))
	p.reaches(5)
	p.knows(described(t))
	alerts := p.rules()
	p.answers(dashboard(t), alerts)
	if on := p.alerts(); len(on) > 0 {
		t.Errorf("all is well, but there are alerts: %v", on)
	}

	front.kill()
	eventually(t, eventWithin, "an alert that the node is down", func() bool {
		return slices.ContainsFunc(p.alerts(), func(a alert) bool {
			return a.Labels["alertname"] == "LiberdusDown" && a.Labels["instance"] == "front" && a.Labels["job"] == "liberdus"
		})
	})
}

// knows demands metrics of these names, kinds and words.
func (p prometheus) knows(metrics map[string][2]string) {
	p.t.Helper()
	if len(metrics) < 50 {
		p.t.Fatalf("metrics.md describes only %v", metrics)
	}
	var known map[string][]struct{ Type, Help string }
	p.must("metadata", nil, &known)
	for name, want := range metrics {
		if got := known[name]; len(got) != 1 || got[0].Type != want[0] || got[0].Help != want[1] {
			p.t.Errorf("Prometheus has read of %s: %v, want %v", name, got, want)
		}
	}
}

// answers demands that it answers all of these queries, and that there is something for each to
// show or to judge. In a panel each series must have a legend of its own.
func (p prometheus) answers(panels []panelQuery, alerts []rule) {
	p.t.Helper()
	if len(panels) < 30 || len(alerts) < 15 {
		p.t.Fatalf("there are only %d queries and %d alerts", len(panels), len(alerts))
	}
	legends := map[string]bool{}
	for _, q := range panels {
		for _, labels := range p.judged(q.expr) {
			said := q.panel + ": " + inLegend.ReplaceAllStringFunc(q.legend, func(name string) string { return labels[strings.Trim(name, "{}")] })
			if legends[said] {
				p.t.Errorf("%q stands for more than one series", said)
			}
			legends[said] = true
		}
	}
	for _, r := range alerts {
		p.judged(r.Query)
	}
}

// judged returns the labels of all that an expression compares, whether or not it would be left out for that.
func (p prometheus) judged(expr string) (labels []map[string]string) {
	p.t.Helper()
	p.query(expr) // without an error
	all := compared.ReplaceAllString(expr, " $1 bool ")
	eventually(p.t, eventWithin, "an answer to "+all, func() bool {
		labels = p.query(all)
		return len(labels) > 0
	})
	return labels
}
