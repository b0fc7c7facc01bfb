package main

import (
	"os"
	"path/filepath"
	"slices"
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

// The scoreboard has the ratios that have a goal, and gives no verdict on fewer than three runs.
func TestScoreboard(t *testing.T) {
	few := given(goal{"b", 1.9})
	few.runs = few.runs[:2]
	b := scoreboardOf([]outcome{given(goal{"a", 0.7}), given(goal{"b", 1.9}), given(), few})
	var got []string
	for _, r := range b.rows {
		got = append(got, r.scenario+" "+r.verdict)
	}
	if want := "S: n met, S: n NOT MET, S: n 2 of 3 runs"; strings.Join(got, ", ") != want {
		t.Errorf("rows %q, want %s", got, want)
	}
	if want := "1 goals met, 1 not met, 1 without a verdict, for want of runs"; b.summary() != want {
		t.Errorf("summary %q, want %q", b.summary(), want)
	}
	var out strings.Builder
	if b.print(&out); !strings.Contains(out.String(), "NOT MET") || !strings.Contains(out.String(), b.summary()) {
		t.Errorf("printed %s", out.String())
	}
	if text := b.markdown(); !strings.Contains(text, "| S: n | cost |") || !strings.Contains(text, b.summary()) {
		t.Errorf("markdown %s", text)
	}
}

// What was measured in parts is one report, and lasts: a scenario's new figures
// replace its old ones, and those of others stay.
func TestBook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tables.md")
	if err := os.WriteFile(file, []byte("# T\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, other := given(goal{"a", 0.7}), given(goal{"b", 1.9})
	one.name, other.name, other.section = "one", "other", "O"
	both := []scenario{one.scenario, other.scenario}
	for _, o := range []outcome{one, other, one} {
		b, err := openBook(file)
		if err == nil {
			err = b.enter(o)
		}
		if err == nil {
			err = keep(file, o.section, b.outcomes(both))
		}
		if err != nil {
			t.Fatal(err)
		}
		one.runs[0]["ours"]["cost"] = 14 // of the last round: median 14
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| one | cost | 14 µs | a 20 µs |", "| other | cost | 12 µs |", "| S: one | cost |", "| O: other | cost |", "1 goals met, 1 not met.", "**one** (3 runs of each side, 2"} {
		if strings.Count(string(text), want) < 1 {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	b, err := openBook(file)
	if err != nil || len(b.outcomes(both)) != 2 || len(b.outcomes(both[:1])) != 1 {
		t.Errorf("known: %v, %v", b, err)
	}
	if err := os.WriteFile(b.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openBook(file); err == nil {
		t.Error("a broken book is opened")
	}
}

// A curve is drawn beside the tables and shown there; not if a figure of it is missing.
func TestCurves(t *testing.T) {
	o := given()
	o.curves = []curve{{file: "c", title: "cost", x: "things", unit: "µs", lines: []curveLine{
		{"x", []curvePoint{{1, "ours", "cost"}, {10, "a", "cost"}}},
	}}}
	dir := t.TempDir()
	file := filepath.Join(dir, "tables.md")
	if err := os.WriteFile(file, []byte("# T\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keep(file, "S", []outcome{o}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "![cost, by things](benchmarks/c.svg)") {
		t.Errorf("kept %s, %v", text, err)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "benchmarks", "c.svg")); err != nil || !strings.Contains(string(svg), "polyline") {
		t.Errorf("drawn %s, %v", svg, err)
	}
	o.curves[0].lines[0].points[1].metric = "never measured"
	if err := keep(file, "S", []outcome{o}); err == nil || !strings.Contains(err.Error(), "never measured") {
		t.Errorf("a curve with a gap: %v", err)
	}
}

// Every curve finds its figures: its sides and metrics exist, and no two have one file.
func TestCurvesExist(t *testing.T) {
	files := map[string]bool{}
	for _, s := range scenarios() {
		for _, c := range s.curves {
			if files[c.file] {
				t.Errorf("two curves are %s.svg", c.file)
			}
			files[c.file] = true
			for _, l := range c.lines {
				for _, p := range l.points {
					if !slices.ContainsFunc(s.sides, func(x side) bool { return x.name == p.side }) ||
						!slices.ContainsFunc(s.metrics, func(m metric) bool { return m.name == p.metric }) {
						t.Errorf("%s: the curve %s has no side %q or no metric %q", s.title(), c.file, p.side, p.metric)
					}
				}
			}
		}
	}
	if len(files) < 6 {
		t.Errorf("%d curves, want those of sockets, sessions, accounts and request size", len(files))
	}
}
