package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// given is an outcome of two runs of three sides.
func given(goals ...goal) outcome {
	return outcome{
		scenario: scenario{
			section: "S", name: "n", about: "what is done",
			sides:   []side{{name: "ours"}, {name: "a"}, {name: "b"}},
			metrics: []metric{{name: "cost", unit: "µs", goals: goals}},
		},
		runs: []map[string]figures{
			{"ours": {"cost": 10}, "a": {"cost": 20}, "b": {"cost": 5}},
			{"ours": {"cost": 12}, "a": {"cost": 20}, "b": {"cost": 6}},
			{"ours": {"cost": 30}, "a": {"cost": 20}, "b": {"cost": 15}},
		},
	}
}

func TestRows(t *testing.T) {
	for _, tt := range []struct {
		name string
		more bool
		goal goal
		want string // of the rows against a, b and nothing
	}{
		{"below is met", false, goal{"a", 0.7}, "0.60 (0.50..1.50) ≤ 0.7 met"},
		{"above is not met", false, goal{"b", 1.9}, "2.00 (2.00..2.00) ≤ 1.9 NOT MET"},
		{"more is better", true, goal{"b", 1.9}, "2.00 (2.00..2.00) ≥ 1.9 met"},
		{"by itself", false, goal{"", 11}, "itself (10.00..30.00) ≤ 11 NOT MET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := given(tt.goal)
			o.metrics[0].more = tt.more
			var got []string
			for _, r := range o.rows() {
				if r.verdict != "" {
					got = append(got, strings.Join([]string{r.ratio, r.goal, r.verdict}, " "))
				}
			}
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("rows = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReplaceSection(t *testing.T) {
	const head = "# Title\n\nwords\n"
	one := replaceSection(head, "One", "1\n")
	two := replaceSection(one, "Two", "2\n")
	if !strings.HasPrefix(two, one) || !strings.HasPrefix(one, head) {
		t.Fatalf("a new section changed what was there:\n%s", two)
	}
	again := replaceSection(two, "One", "11\n")
	if want := strings.Replace(two, "-->\n1\n", "-->\n11\n", 1); again != want || again == two {
		t.Errorf("after replacing:\n%s\nwant\n%s", again, want)
	}
}

func TestDescription(t *testing.T) {
	for _, size := range []int{400, 1500, 9000} {
		if n := len(description(3, size)); n > size || n < size-2 {
			t.Errorf("description of %d bytes has %d", size, n)
		}
	}
}
