package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// A record is one line of JSON that a process wrote: a log line or a script's event.
type record map[string]any

func (r record) text(name string) string {
	s, _ := r[name].(string)
	return s
}

// A logbook keeps the lines written to it and tells readers of new ones.
type logbook struct {
	mu    sync.Mutex
	tail  []byte        // guarded by mu: a line not finished yet
	lines []string      // guarded by mu
	news  chan struct{} // guarded by mu: closed and replaced at each write
}

func newLogbook() *logbook { return &logbook{news: make(chan struct{})} }

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tail = append(b.tail, p...)
	for {
		line, rest, found := bytes.Cut(b.tail, []byte("\n"))
		if !found {
			break
		}
		b.lines = append(b.lines, string(line))
		b.tail = slices.Clone(rest)
	}
	close(b.news)
	b.news = make(chan struct{})
	return len(p), nil
}

// from returns the lines after the first n and a channel that closes when there are more.
func (b *logbook) from(n int) ([]string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines[n:]), b.news
}

// mark is the number of lines so far.
func (b *logbook) mark() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// text is everything written, an unfinished last line included.
func (b *logbook) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(slices.Clone(b.lines), string(b.tail)), "\n")
}

// find returns the first record after the first n lines that matches.
func (b *logbook) find(n int, match func(record) bool) (record, <-chan struct{}) {
	lines, news := b.from(n)
	for _, line := range lines {
		var r record
		if json.Unmarshal([]byte(line), &r) == nil && match(r) {
			return r, news
		}
	}
	return nil, news
}

// last returns at most n of the last lines, for the output of a failed test.
func (b *logbook) last(n int) string {
	lines, _ := b.from(0)
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
