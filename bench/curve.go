package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/liberdus/liberdus/internal/chart"
)

// A curve shows how a cost grows with something, from the figures of one scenario.
type curve struct {
	file  string // in the folder benchmarks beside the tables, without .svg
	title string
	x     string // what grows
	unit  string // of the cost
	log   bool   // x grows tenfold
	lines []curveLine
}

type curveLine struct {
	name   string
	points []curvePoint
}

// A curvePoint is where to find one figure: a metric of a side.
type curvePoint struct {
	x            float64
	side, metric string
}

// along is a line of one side whose metrics are named by the numbers.
func along(side string, xs []int, metric func(int) string) (points []curvePoint) {
	for _, x := range xs {
		points = append(points, curvePoint{float64(x), side, metric(x)})
	}
	return points
}

// each is a metric for each number.
func each(xs []int, name func(int) string, unit string) (all []metric) {
	for _, x := range xs {
		all = append(all, metric{name: name(x), unit: unit})
	}
	return all
}

// draw draws medians. A figure that was not measured is an error: a line must
// not pass by what is missing.
func (c curve) draw(o outcome) ([]byte, error) {
	p := chart.Plot{Title: c.title, X: c.x, Y: c.unit, LogX: c.log}
	for _, l := range c.lines {
		line := chart.Line{Name: l.name}
		for _, at := range l.points {
			vs := o.values(at.side, metric{name: at.metric})
			if len(vs) == 0 {
				return nil, fmt.Errorf("curve %s: %s has no figure %q", c.file, at.side, at.metric)
			}
			line.Points = append(line.Points, chart.Point{X: at.x, Y: spreadOf(vs).median})
		}
		p.Lines = append(p.Lines, line)
	}
	return chart.SVG(p)
}

// drawCurves writes the drawings of some outcomes into a folder beside their
// tables, and returns what shows them there.
func drawCurves(dir string, done []outcome) (string, error) {
	var images strings.Builder
	var errs []error
	for _, o := range done {
		for _, c := range o.curves {
			svg, err := c.draw(o)
			if err == nil {
				err = os.MkdirAll(filepath.Join(dir, "benchmarks"), 0o755)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "benchmarks", c.file+".svg"), svg, 0o644)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			fmt.Fprintf(&images, "\n![%s, by %s](benchmarks/%s.svg)\n", c.title, c.x, c.file)
		}
	}
	return images.String(), errors.Join(errs...)
}
