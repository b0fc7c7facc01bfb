package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// row is one line of the closing table.
type row struct{ scenario, metric, ours, reference, ratio, goal, verdict string }

var headings = row{"scenario", "metric", "ours", "reference", "ratio (min..max)", "goal", ""}

func (r row) cells() []string {
	return []string{r.scenario, r.metric, r.ours, r.reference, r.ratio, r.goal, r.verdict}
}

// rows are the lines of one scenario: each metric against each reference, and
// against its absolute goal.
func (o outcome) rows() []row {
	var rows []row
	for _, m := range o.metrics {
		mine := o.values(o.sides[0].name, m)
		if len(mine) == 0 {
			continue
		}
		ours := spreadOf(mine)
		base := row{scenario: o.name, metric: m.name, ours: amount(ours.median, m.unit)}
		for _, s := range o.sides[1:] {
			theirs := o.values(s.name, m)
			if len(theirs) == 0 {
				continue
			}
			r := base
			r.reference = s.name + " " + amount(spreadOf(theirs).median, m.unit)
			ratios := o.ratios(s.name, m)
			ratio := spreadOf(ratios)
			if r.ratio = "-"; len(ratios) > 0 {
				r.ratio = fmt.Sprintf("%.2f (%.2f..%.2f)", ratio.median, ratio.least, ratio.most)
			}
			r.judge(m, s.name, ratio.median)
			rows = append(rows, r)
		}
		if _, bounded := m.goal(""); bounded || len(o.sides) == 1 {
			r := base
			r.ratio = fmt.Sprintf("itself (%.2f..%.2f)", ours.least, ours.most)
			r.judge(m, "", ours.median)
			rows = append(rows, r)
		}
	}
	return rows
}

func (m metric) goal(against string) (goal, bool) {
	i := slices.IndexFunc(m.goals, func(g goal) bool { return g.against == against })
	if i < 0 {
		return goal{}, false
	}
	return m.goals[i], true
}

// judge fills in the goal and whether it is met.
func (r *row) judge(m metric, against string, v float64) {
	g, ok := m.goal(against)
	switch {
	case !ok:
		r.goal, r.verdict = "-", ""
		return
	case m.more:
		r.goal = fmt.Sprintf("≥ %.4g", g.ratio)
	default:
		r.goal = fmt.Sprintf("≤ %.4g", g.ratio)
	}
	r.verdict = "NOT MET"
	if g.met(m, v) {
		r.verdict = "met"
	}
}

// amount prints a value with three significant digits and its unit.
func amount(v float64, unit string) string {
	s := fmt.Sprintf("%.3g", v)
	if v >= 1000 {
		s = fmt.Sprintf("%.0f", v)
	}
	return strings.TrimSpace(s + " " + unit)
}

// printTable writes the closing table for a terminal.
func printTable(w io.Writer, done []outcome) {
	var rows []row
	for _, o := range done {
		rows = append(rows, o.rows()...)
	}
	printRows(w, rows)
}

func printRows(w io.Writer, rows []row) {
	table := append([]row{headings}, rows...)
	widths := make([]int, len(headings.cells()))
	for _, r := range table {
		for i, c := range r.cells() {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, r := range table {
		line := ""
		for i, c := range r.cells() {
			line += c + strings.Repeat(" ", widths[i]-len([]rune(c))+2)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// keep replaces a section of the file and the scoreboard by what is known; other
// sections stay as they are. A section that has no markers yet is put at the end.
func keep(file, section string, known []outcome) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	of := slices.DeleteFunc(slices.Clone(known), func(o outcome) bool { return o.section != section })
	images, err := drawCurves(filepath.Dir(file), of)
	text := replaceSection(string(old), section, markdown(of)+images)
	text = replaceSection(text, "Scoreboard", scoreboardOf(known).markdown())
	return errors.Join(err, os.WriteFile(file, []byte(text), 0o644))
}

func replaceSection(text, section, body string) string {
	begin, end := "<!-- bench: "+section+" -->\n", "<!-- /bench: "+section+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return strings.TrimRight(text, "\n") + "\n\n## " + section + "\n\n" + begin + body + end
	}
	return before + begin + body + end + after
}

func markdown(done []outcome) string {
	var b strings.Builder
	for _, o := range done {
		fmt.Fprintf(&b, "* **%s** (%d runs of each side, %s): %s\n", o.name, len(o.runs), o.day, o.about)
	}
	b.WriteString("\n")
	var rows []row
	for _, o := range done {
		rows = append(rows, o.rows()...)
	}
	writeRows(&b, rows)
	return b.String()
}

// writeRows writes a table of Markdown.
func writeRows(b *strings.Builder, rows []row) {
	b.WriteString("| " + strings.Join(headings.cells(), " | ") + " |\n" + strings.Repeat("|---", len(headings.cells())) + "|\n")
	for _, r := range rows {
		b.WriteString("| " + strings.Join(r.cells(), " | ") + " |\n")
	}
}
