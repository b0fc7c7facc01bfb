package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// minutes returns a sample a minute, as holds says.
func minutes(n int, holds func(minute int) holding) (all []sample) {
	for i := range n {
		all = append(all, sample{at: time.Duration(i) * time.Minute, holdings: []holding{holds(i)}, done: int64(i)})
	}
	return all
}

// What is held in the last quarter may be 5 % more than in the first, and what comes before
// the network is warm does not count.
func TestJudge(t *testing.T) {
	flat := holding{heap: 5e6, resident: 50e6, goroutines: 200, descriptors: 60}
	for _, tt := range []struct {
		name  string
		cfg   config
		holds func(minute int) holding
		says  string // "" = all is well
	}{
		{"level", config{judged: true}, func(int) holding { return flat }, ""},
		{"up and down", config{judged: true}, func(m int) holding {
			h := flat
			h.heap += float64(m%2) * 3e6
			return h
		}, ""},
		{"the heap grows", config{judged: true}, func(m int) holding {
			h := flat
			h.heap *= 1 + float64(m)/400
			return h
		}, "live heap of the node grew"},
		{"goroutines grow", config{judged: true}, func(m int) holding {
			h := flat
			h.goroutines += float64(m)
			return h
		}, "goroutines of the node grew"},
		{"descriptors grow", config{judged: true}, func(m int) holding {
			h := flat
			h.descriptors += float64(m) / 4
			return h
		}, "descriptors of the node grew"},
		{"resident memory is not judged", config{judged: true}, func(m int) holding {
			h := flat
			h.resident *= 1 + float64(m)
			return h
		}, ""},
		{"files of a ledger are not judged", config{judged: true}, func(m int) holding {
			h := flat
			h.files = float64(10 + m)
			return h
		}, ""},
		{"it grows until it is warm", config{judged: true, warm: 10 * time.Minute}, func(m int) holding {
			h := flat
			h.heap *= min(float64(m), 10)
			return h
		}, ""},
		{"too short to be judged", config{}, func(m int) holding {
			h := flat
			h.heap *= float64(m)
			return h
		}, ""},
		{"all of it is warming up", config{judged: true, warm: time.Hour}, func(int) holding { return flat }, "too few"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := judge(tt.cfg, []string{"node"}, minutes(40, tt.holds))
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("judge = %v, want %q", err, tt.says)
			}
		})
	}
}

// The time being up does not end a look at what all hold, and nobody looks again.
func TestSampleIsFinished(t *testing.T) {
	asked := 0
	ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		fmt.Fprint(w, "goroutine profile: total 12\n# HeapAlloc = 34\n")
	}))
	defer ops.Close()
	data := t.TempDir()
	open, err := os.Create(filepath.Join(data, "table"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	self := &process{name: "node", data: data, ops: ops.Listener.Addr().String(), cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
	n := &network{procs: []*process{self, self}}
	all, err := n.sample(t.Context(), time.Nanosecond, time.Millisecond, &load{})
	if err != nil || len(all) != 1 || len(all[0].holdings) != 2 || asked != 6 {
		t.Fatalf("sample = %+v, %v, having asked %d times, want one sample of two processes and 6", all, err, asked)
	}
	if h := all[0].holdings[1]; h.heap != 34 || h.goroutines != 12 || h.descriptors == 0 || h.files != 1 || h.resident == 0 {
		t.Errorf("it holds %+v, want 34 bytes, 12 goroutines, some descriptors, one of a file of its own, and memory", h)
	}
}

// What honest clients meet counts, what rude ones meet does not.
func TestVerdict(t *testing.T) {
	l := &load{kinds: map[string]*tally{"sockets": {}, "junk": {}}}
	l.note(kind{name: "junk", rude: true}, errors.New("refused"))
	l.note(kind{name: "sockets"}, nil)
	if err := l.verdict(); err != nil || l.done() != 2 {
		t.Errorf("verdict = %v of %d things, want none of 2", err, l.done())
	}
	l.note(kind{name: "sockets"}, errors.New("lost"))
	if err := l.verdict(); err == nil || !strings.Contains(err.Error(), "sockets: lost") {
		t.Errorf("verdict = %v, want the socket that was lost", err)
	}
}

// The figures are kept as a table, a column for each process and measure, and drawn.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	samples := minutes(3, func(m int) holding { return holding{heap: float64(m), descriptors: 7, files: 3} })
	if err := write(config{dir: dir}, []string{"node"}, samples); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "soak.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := "seconds,done,node live heap,node goroutines,node descriptors,node open files of its data,node resident memory|0.00,0,0,0,7,3,0|60.00,1,1,0,7,3,0|120.00,2,2,0,7,3,0"
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row, ","))
	}
	if strings.Join(got, "|") != want {
		t.Errorf("table %q, want %s", got, want)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "soak.svg"))
	if err != nil || !strings.Contains(string(svg), ">live heap<") || !strings.Contains(string(svg), "judged from here") {
		t.Errorf("drawing %.200s, %v", svg, err)
	}
}

// A long soak has more samples than a drawing has room for: each point is the mean of some.
func TestDrawFew(t *testing.T) {
	samples := minutes(10*drawn, func(m int) holding { return holding{goroutines: float64(m % 2)} })
	svg, err := draw(config{}, []string{"node"}, samples)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(svg), "<polyline") {
		if n := strings.Count(line[:max(0, strings.Index(line, "/>"))], ","); n > drawn {
			t.Errorf("a line of %d points, want %d at most", n, drawn)
		}
	}
	if !strings.Contains(string(svg), "<polyline") {
		t.Error("no line is drawn")
	}
}

func TestNumber(t *testing.T) {
	const profile = "heap profile: 1: 2 [3: 4] @ heap/1048576\n# runtime.MemStats\n# HeapAlloc = 2736064\n# HeapSys = 7\n"
	if v, err := number(strings.NewReader(profile), "# HeapAlloc = "); v != 2736064 || err != nil {
		t.Errorf("number = %v, %v, want 2736064", v, err)
	}
	if v, err := number(strings.NewReader(profile), "# NextGC = "); err == nil {
		t.Errorf("number = %v of a line that is not there", v)
	}
}

func TestParse(t *testing.T) {
	cfg, err := parse([]string{"-minutes", "30", "-o", "docs", "bin/liberdus"})
	if err != nil || cfg.length != 30*time.Minute || cfg.warm != 5*time.Minute || !cfg.judged || !filepath.IsAbs(cfg.binary) {
		t.Errorf("parse = %+v, %v", cfg, err)
	}
	for _, args := range [][]string{nil, {"-minutes", "0.01", "bin/liberdus"}, {"-minutes", "x", "bin/liberdus"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("parse %q takes it", args)
		}
	}
}
