package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// phases are what a command waits for, by the first word of how it says so, in
// the order in which they come.
var phases = []struct{ word, name string }{
	{"", "phase: start of the process"},
	{"asking", "phase: archiver and list"},
	{"connecting", "phase: signalling server"},
	{"offering", "phase: offer and answer"},
	{"ice", "phase: ICE"},
	{"dtls", "phase: DTLS"},
	{"channel", "phase: data channel"},
	{"waiting", "phase: request, and end of the process"},
}

func accountScenario() scenario {
	metrics := []metric{{name: "median", unit: "ms", goals: []goal{{"--version + raw pion", 3}}}}
	for _, p := range phases {
		metrics = append(metrics, metric{name: p.name, unit: "ms"})
	}
	return scenario{
		section: sessions, name: "account, from nothing",
		about:   "liberdus client account, from the start of the process to its end; beside it liberdus --version and a connect between plain pion peers, added up",
		sides:   []side{{"liberdus", coldAccount}, {"--version + raw pion", startAndConnect}},
		metrics: metrics,
	}
}

// rounds is how often a process is started.
func (e *env) rounds() int {
	if e.quick {
		return 3
	}
	return 15
}

// once runs our binary on the load's core and returns how long it took, and when
// it said what on stderr.
func (e *env) once(ctx context.Context, args ...string) (began time.Time, took time.Duration, said []byte, err error) {
	bin, err := filepath.Abs(ours)
	if err != nil {
		return began, 0, nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", e.core(onLoadCore), bin}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began = time.Now()
	err = cmd.Run()
	took = time.Since(began)
	if err != nil {
		err = fmt.Errorf("liberdus %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return began, took, stderr.Bytes(), err
}

func coldAccount(ctx context.Context, e *env) (figures, error) {
	s, err := ourNode(ctx, e)
	if err != nil {
		return nil, err
	}
	data, err := e.dir()
	if err != nil {
		return nil, err
	}
	args := []string{"client", "account", "--archiver", "http://" + s.arch.addr, "--data", data, "--log-level", "debug", s.account}
	if _, _, _, err := e.once(ctx, args...); err != nil { // which keeps the archiver's key
		return nil, err
	}
	all := map[string][]float64{}
	for range e.rounds() {
		began, took, said, err := e.once(ctx, args...)
		if err != nil {
			return nil, err
		}
		all["median"] = append(all["median"], milliseconds(took))
		for name, d := range phasesOf(began, took, said) {
			all[name] = append(all[name], milliseconds(d))
		}
	}
	f := figures{}
	for name, list := range all {
		f[name] = spreadOf(list).median
	}
	return f, nil
}

// phasesOf returns how long a command waited for what, by its log.
func phasesOf(began time.Time, took time.Duration, said []byte) map[string]time.Duration {
	found, now, since := map[string]time.Duration{}, phases[0].name, began
	lines := bufio.NewScanner(bytes.NewReader(said))
	for lines.Scan() {
		var l struct {
			Time      time.Time
			Msg, What string
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Msg != "waiting" {
			continue
		}
		word, _, _ := strings.Cut(l.What, " ")
		i := slices.IndexFunc(phases, func(p struct{ word, name string }) bool { return p.word == word })
		if i < 0 {
			continue
		}
		found[now] += l.Time.Sub(since)
		now, since = phases[i].name, l.Time
	}
	found[now] += began.Add(took).Sub(since)
	return found
}

func startAndConnect(ctx context.Context, e *env) (figures, error) {
	s, err := rawPionNode(ctx, e)
	if err != nil {
		return nil, err
	}
	var starts []float64
	for range e.rounds() {
		_, took, _, err := e.once(ctx, "--version")
		if err != nil {
			return nil, err
		}
		starts = append(starts, milliseconds(took))
	}
	connects, err := s.connect(ctx, e.rounds())
	if err != nil {
		return nil, err
	}
	start := spreadOf(starts).median
	return figures{"median": start + spreadOf(connects).median, phases[0].name: start}, nil
}
