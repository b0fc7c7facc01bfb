package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/liberdus/liberdus/internal/chart"
)

// drawn is how many points a line has at most.
const drawn = 150

// growth is by how much the last quarter may be more than the first.
const growth = 1.05

// A measure is one thing that is held.
type measure struct {
	name   string
	unit   string
	scale  float64
	of     func(holding) float64
	judged bool
	idle   float64 // what comes and goes by itself
}

func measures() []measure {
	return []measure{
		{"live heap", "MB", 1e6, func(h holding) float64 { return h.heap }, true, 0},
		{"goroutines", "", 1, func(h holding) float64 { return h.goroutines }, true, 3},
		{"descriptors", "", 1, func(h holding) float64 { return h.descriptors }, true, 0},
		{"open files of its data", "", 1, func(h holding) float64 { return h.files }, false, 0},
		{"resident memory", "MB", 1e6, func(h holding) float64 { return h.resident }, false, 0},
	}
}

// report writes and draws what was measured, and judges it.
func report(cfg config, n *network, samples []sample, l *load) error {
	var names []string
	for _, p := range n.procs {
		names = append(names, p.name)
	}
	if err := write(cfg, names, samples); err != nil {
		return err
	}
	fmt.Printf("%v, of which the first %v do not count; %d samples, %d things done: %s\n",
		cfg.length, cfg.warm, len(samples), l.done(), l.summary())
	return errors.Join(judge(cfg, names, samples), l.verdict())
}

// judge compares the first and the last quarter of what was measured warm.
func judge(cfg config, names []string, samples []sample) error {
	for len(samples) > 0 && samples[0].at < cfg.warm {
		samples = samples[1:]
	}
	quarter := len(samples) / 4
	if quarter == 0 && !cfg.judged {
		fmt.Printf("%d samples after the first %v: too few to compare\n", len(samples), cfg.warm)
		return nil
	}
	if quarter == 0 {
		return fmt.Errorf("%d samples after the first %v are too few", len(samples), cfg.warm)
	}
	fmt.Printf("%-12s %-16s %14s %14s\n", "", "", "first quarter", "last quarter")
	var grown []error
	for i, name := range names {
		for _, m := range measures() {
			first, last := m.mean(i, samples[:quarter]), m.mean(i, samples[len(samples)-quarter:])
			verdict := "not judged"
			if m.judged && cfg.judged {
				verdict = "flat"
				if last > first*growth+m.idle {
					verdict = "GROWS"
					grown = append(grown, fmt.Errorf("%s of the %s grew from %.4g to %.4g", m.name, name, first/m.scale, last/m.scale))
				}
			}
			fmt.Printf("%-12s %-16s %14.4g %14.4g  %+6.1f %%  %s\n", name, m.name, first/m.scale, last/m.scale, 100*(last/first-1), verdict)
		}
	}
	return errors.Join(grown...)
}

func (m measure) mean(process int, part []sample) (sum float64) {
	for _, s := range part {
		sum += m.of(s.holdings[process])
	}
	return sum / float64(len(part))
}

// write keeps the samples as a table and as a drawing.
func write(cfg config, names []string, samples []sample) error {
	if err := os.MkdirAll(cfg.dir, 0o755); err != nil {
		return err
	}
	svg, err := draw(cfg, names, samples)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(cfg.dir, "soak.svg"), svg, 0o644); err != nil {
		return err
	}
	return table(filepath.Join(cfg.dir, "soak.csv"), names, samples)
}

func draw(cfg config, names []string, samples []sample) ([]byte, error) {
	few := 1 + len(samples)/drawn // samples that one point is the mean of
	var plots []chart.Plot
	for _, m := range measures() {
		p := chart.Plot{Title: m.name, X: "minutes", Y: m.unit, Marks: []chart.Mark{{X: cfg.warm.Minutes(), Name: "judged from here"}}}
		for i, name := range names {
			line := chart.Line{Name: name}
			for part := range slices.Chunk(samples, few) {
				line.Points = append(line.Points, chart.Point{X: part[len(part)/2].at.Minutes(), Y: m.mean(i, part) / m.scale})
			}
			p.Lines = append(p.Lines, line)
		}
		plots = append(plots, p)
	}
	done := chart.Line{Name: "all clients"}
	for part := range slices.Chunk(samples, few) {
		done.Points = append(done.Points, chart.Point{X: part[0].at.Minutes(), Y: float64(part[0].done)})
	}
	plots = append(plots, chart.Plot{Title: "things done", X: "minutes", Lines: []chart.Line{done}})
	return chart.SVG(plots...)
}

func table(path string, names []string, samples []sample) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	head := []string{"seconds", "done"}
	for _, name := range names {
		for _, m := range measures() {
			head = append(head, name+" "+m.name)
		}
	}
	rows := [][]string{head}
	for _, s := range samples {
		row := []string{strconv.FormatFloat(s.at.Round(10*time.Millisecond).Seconds(), 'f', 2, 64), strconv.FormatInt(s.done, 10)}
		for i := range names {
			for _, m := range measures() {
				row = append(row, strconv.FormatFloat(m.of(s.holdings[i]), 'f', 0, 64))
			}
		}
		rows = append(rows, row)
	}
	return w.WriteAll(rows)
}
