package roles_test

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/liberdus/liberdus/internal/needs"
)

// promtool runs Prometheus's tool for rules and metrics, and returns what it says. It
// ends with 3 where it finds only what could be better.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), needs.Program(t, "promtool", "prometheus"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if ended := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &ended) || ended.ExitCode() != 3) {
		t.Fatalf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// lint demands of a page of metrics that Prometheus can read it, and that it finds
// our metrics well named and described. Those of Go and of the process are its own.
func lint(t *testing.T, page string) {
	t.Helper()
	for line := range strings.Lines(promtool(t, page, "check", "metrics")) {
		if strings.HasPrefix(line, "liberdus_") {
			t.Errorf("promtool check metrics: %s", line)
		}
	}
}

const alertCases = "testdata/alerts.yml"

// Each alert fires when it should, with labels and words that are complete, and
// does not when it nearly should.
func TestAlerts(t *testing.T) {
	promtool(t, "", "check", "rules", operations+"alerts.yml")
	promtool(t, "", "test", "rules", alertCases)

	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	parse(t, operations+"alerts.yml", &rules)
	var cases struct {
		Tests []struct {
			Alerts []struct {
				Name string  `yaml:"alertname"`
				Told []alert `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	parse(t, alertCases, &cases)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range cases.Tests {
		for _, c := range test.Alerts {
			if len(c.Told) == 0 {
				silent[c.Name] = true
			}
			for _, told := range c.Told {
				fires[c.Name] = true
				told.complete(t, c.Name)
			}
		}
	}
	var names []string
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			names = append(names, rule.Alert)
			if !fires[rule.Alert] || !silent[rule.Alert] {
				t.Errorf("%s needs a case in which %s fires, and one in which it does not", alertCases, rule.Alert)
			}
		}
	}
	if slices.Sort(names); len(names) < 10 || len(slices.Compact(names)) != len(fires) {
		t.Errorf("the alerts are %q, those of the cases %v", names, fires)
	}
}

// An alert is what Prometheus tells when one fires.
type alert struct {
	Labels map[string]string `yaml:"exp_labels"`
	Words  map[string]string `yaml:"exp_annotations"`
}

// complete demands that whoever gets the alert can say where it is.
func (a alert) complete(t *testing.T, name string) {
	t.Helper()
	if a.Labels["job"] == "" || a.Labels["instance"] == "" || !slices.Contains([]string{"page", "warn"}, a.Labels["severity"]) {
		t.Errorf("%s lacks a job, an instance or a severity: %v", name, a.Labels)
	}
	if !strings.Contains(a.Words["summary"], a.Labels["instance"]) || a.Words["remedy"] == "" {
		t.Errorf("%s does not say where, or what to do: %v", name, a.Words)
	}
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
