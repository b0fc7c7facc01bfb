package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// A scenario is one comparison.
type scenario struct {
	section string // heading in the report; one for each file of scenarios
	name    string
	about   string // what is done, in a sentence
	sides   []side // ours first
	metrics []metric
	curves  []curve // how some of them grow
	part    bool    // of another scenario, to find out what its figures are made of: measured only where -run names it
}

func (s scenario) title() string { return s.section + ": " + s.name }

// A side is one of the programs that are compared.
type side struct {
	name    string
	measure func(ctx context.Context, e *env) (figures, error)
}

// figures are the measured values by the names of the scenario's metrics.
type figures map[string]float64

// A metric is one row of the table, or one for each goal.
type metric struct {
	name  string
	unit  string
	more  bool // more is better
	goals []goal
}

// A goal bounds ours divided by the reference's: from above, or from below
// where more is better. Without a reference it bounds our value itself.
type goal struct {
	against string // name of a side, or ""
	ratio   float64
}

// An outcome is what the runs of a scenario gave.
type outcome struct {
	scenario
	day  string               // of the measurement
	runs []map[string]figures // by side
}

const sideLimit = 5 * time.Minute // for one run of one side

// measure runs the sides in turns. It returns no outcome if anything failed.
func measure(ctx context.Context, e *env, s scenario, runs int) (outcome, error) {
	o := outcome{scenario: s}
	for i := range runs {
		all := map[string]figures{}
		for _, side := range s.sides {
			fmt.Fprintf(os.Stderr, "%s: %s, run %d of %d\n", s.title(), side.name, i+1, runs)
			f, err := measureSide(ctx, e, side)
			if err != nil {
				return outcome{}, fmt.Errorf("%s: %w", side.name, err)
			}
			for _, m := range s.metrics {
				if v, ok := f[m.name]; ok {
					fmt.Fprintf(os.Stderr, "    %-40s %s\n", m.name, amount(v, m.unit))
				}
			}
			all[side.name] = f
		}
		o.runs = append(o.runs, all)
	}
	return o, nil
}

func measureSide(ctx context.Context, e *env, s side) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, sideLimit)
	defer cancel()
	child := *e
	defer child.endAll()
	return s.measure(ctx, &child)
}

// values are a side's values of a metric, run by run; empty if it has none.
func (o outcome) values(side string, m metric) []float64 {
	var vs []float64
	for _, run := range o.runs {
		if v, ok := run[side][m.name]; ok {
			vs = append(vs, v)
		}
	}
	return vs
}

// ratios are ours divided by the side's, run by run.
func (o outcome) ratios(side string, m metric) []float64 {
	var rs []float64
	for _, run := range o.runs {
		mine, ok := run[o.sides[0].name][m.name]
		theirs, also := run[side][m.name]
		if ok && also && theirs != 0 {
			rs = append(rs, mine/theirs)
		}
	}
	return rs
}

// spread is the median, least and greatest of some values.
type spread struct{ median, least, most float64 }

func spreadOf(vs []float64) spread {
	if len(vs) == 0 {
		return spread{}
	}
	vs = slices.Sorted(slices.Values(vs))
	mid := vs[len(vs)/2]
	if len(vs)%2 == 0 {
		mid = (vs[len(vs)/2-1] + vs[len(vs)/2]) / 2
	}
	return spread{median: mid, least: vs[0], most: vs[len(vs)-1]}
}

func (g goal) met(m metric, v float64) bool {
	if m.more {
		return v >= g.ratio
	}
	return v <= g.ratio
}
