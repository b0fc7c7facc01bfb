package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A holding is what one process holds at a time.
type holding struct {
	heap        float64 // bytes alive after a collection
	resident    float64 // bytes of memory; not judged: it depends on when memory is given back
	goroutines  float64
	descriptors float64 // but for those of files
	files       float64 // open in its data folder: the more, the more its ledger has taken
}

// A sample is what all hold, and what was done until then.
type sample struct {
	at       time.Duration
	holdings []holding // in the order of the network's processes
	done     int64
}

// sample looks at all processes at intervals for so long, or until ctx ends. What
// it is at by then it finishes, so that the slowest machine has one sample.
func (n *network) sample(ctx context.Context, length, every time.Duration, l *load) ([]sample, error) {
	web := &http.Client{Timeout: 10 * time.Second}
	defer web.CloseIdleConnections()
	var all []sample
	tick := time.NewTicker(every)
	defer tick.Stop()
	for began := time.Now(); len(all) == 0 || time.Since(began) < length; {
		select {
		case <-ctx.Done():
			return all, nil
		case <-tick.C:
		}
		s := sample{at: time.Since(began), done: l.done()}
		for _, p := range n.procs {
			h, err := p.hold(ctx, web)
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("ask the %s what it holds: %w\n%s", p.name, err, p.last())
			}
			s.holdings = append(s.holdings, h)
		}
		if ctx.Err() == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// hold asks one process. Of the two collections the second frees what pools
// kept over the first.
func (p *process) hold(ctx context.Context, web *http.Client) (h holding, err error) {
	if _, err = p.profile(ctx, web, "heap?gc=1&debug=1", "# HeapAlloc = "); err == nil {
		h.heap, err = p.profile(ctx, web, "heap?gc=1&debug=1", "# HeapAlloc = ")
	}
	if err != nil {
		return h, err
	}
	if h.goroutines, err = p.profile(ctx, web, "goroutine?debug=1", "goroutine profile: total "); err != nil {
		return h, err
	}
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	if h.descriptors, h.files, err = descriptors(filepath.Join(dir, "fd"), p.data); err != nil {
		return h, err
	}
	h.resident, err = resident(filepath.Join(dir, "statm"))
	return h, err
}

// profile returns the number after some words of a profile.
func (p *process) profile(ctx context.Context, web *http.Client, which, before string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.ops+"/debug/pprof/"+which, nil)
	if err != nil {
		return 0, err
	}
	response, err := web.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, errors.New(which + ": " + response.Status)
	}
	return number(response.Body, before)
}

func number(text io.Reader, before string) (v float64, err error) {
	err = errors.New("no line " + strconv.Quote(before))
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() { // to the end, so that the connection is used again
		if after, ok := strings.CutPrefix(lines.Text(), before); ok && v == 0 {
			v, err = strconv.ParseFloat(strings.TrimSpace(after), 64)
		}
	}
	return v, errors.Join(err, lines.Err())
}

// descriptors counts what is listed in a folder /proc/PID/fd: what leads into the
// data folder apart from all else.
func descriptors(dir, data string) (others, files float64, err error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, fd := range all {
		target, err := os.Readlink(filepath.Join(dir, fd.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // it was closed meanwhile
		case err != nil:
			return 0, 0, err
		case target == data || strings.HasPrefix(target, data+string(filepath.Separator)):
			files++
		default:
			others++
		}
	}
	return others, files, nil
}

// resident reads the second number of /proc/PID/statm, which are pages.
func resident(path string) (float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("%s: %q", path, text)
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()), err
}
