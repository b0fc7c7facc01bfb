package main

import (
	"fmt"
	"io"
	"strings"
)

// enoughRuns is how many a verdict takes.
const enoughRuns = 3

// A scoreboard is every ratio that has a goal.
type scoreboard struct {
	rows               []row
	met, missed, early int
}

func scoreboardOf(done []outcome) (b scoreboard) {
	for _, o := range done {
		for _, r := range o.rows() {
			if r.verdict == "" {
				continue
			}
			r.scenario = o.title()
			switch {
			case len(o.runs) < enoughRuns:
				r.verdict = fmt.Sprintf("%d of %d runs", len(o.runs), enoughRuns)
				b.early++
			case r.verdict == "met":
				b.met++
			default:
				b.missed++
			}
			b.rows = append(b.rows, r)
		}
	}
	return b
}

func (b scoreboard) summary() string {
	text := fmt.Sprintf("%d goals met, %d not met", b.met, b.missed)
	if b.early > 0 {
		text += fmt.Sprintf(", %d without a verdict, for want of runs", b.early)
	}
	return text
}

func (b scoreboard) print(w io.Writer) {
	if len(b.rows) == 0 {
		return
	}
	printRows(w, b.rows)
	fmt.Fprintln(w, b.summary())
}

// markdown is the scoreboard for the file of the tables.
func (b scoreboard) markdown() string {
	var text strings.Builder
	text.WriteString(b.summary() + ".\n\n")
	writeRows(&text, b.rows)
	return text.String()
}
