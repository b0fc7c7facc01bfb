package telemetry

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxWaiting  = 1 << 20  // bytes may wait for a reader of the log,
	maxTogether = 16 << 10 // of which about so many are written at once
)

// A Writer hands what is written to it to another writer and never waits for
// that: what a log's reader does not read must not hold up who logs. Lines
// keep their order; those that find no room are lost, which is said once there
// is room again.
type Writer struct {
	w     io.Writer // fixed
	news  chan struct{}
	ended chan struct{} // closed when run has returned

	mu     sync.Mutex
	queue  [][]byte // guarded by mu: as a rule one line each
	bytes  int      // guarded by mu: in queue
	lost   int      // guarded by mu: lines since the last one that found room
	total  uint64   // guarded by mu: lines lost so far
	closed bool     // guarded by mu
}

// NewWriter returns a Writer to w. Close ends it.
func NewWriter(w io.Writer) *Writer {
	a := &Writer{w: w, news: make(chan struct{}, 1), ended: make(chan struct{})}
	go a.run() // Close waits for it, as long as it may
	return a
}

// Fd is the descriptor of a file behind w, for IsTerminal.
func (a *Writer) Fd() uintptr {
	if f, ok := a.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Write takes p, a line, or counts it as lost. It has no error: nobody could
// be told.
func (a *Writer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.bytes+len(p) > maxWaiting {
		a.lost++
		a.total++
		return len(p), nil
	}
	a.confess()
	a.add(append([]byte(nil), p...))
	return len(p), nil
}

// confess says how many lines were lost where they would have been. It is
// called with mu held.
func (a *Writer) confess() {
	if a.lost > 0 {
		a.add(fmt.Appendf(nil, `{"time":%q,"level":"WARN","msg":"log lines lost: nobody read them in time","lines":%d}`+"\n",
			time.Now().UTC().Format(time.RFC3339Nano), a.lost))
		a.lost = 0
	}
}

func (a *Writer) add(line []byte) {
	a.queue = append(a.queue, line)
	a.bytes += len(line)
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// Backlog returns how many lines were lost so far, and how many bytes of those
// that may wait do.
func (a *Writer) Backlog() (lost uint64, bytes, most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total, a.bytes, maxWaiting
}

// run writes what waits until Close, many lines at once where many wait: to wake
// the log's reader costs more than to make a line.
func (a *Writer) run() {
	defer close(a.ended)
	var lines []byte
	for ok := true; ok; {
		if lines, ok = a.next(lines[:0]); len(lines) > 0 {
			_, _ = a.w.Write(lines) // nobody could be told
			a.mu.Lock()
			a.bytes -= len(lines)
			a.mu.Unlock()
		} else if ok {
			<-a.news
		}
	}
}

// next appends the first lines to b; none: none waits. It is false after the
// last.
func (a *Writer) next(b []byte) (lines []byte, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		a.queue = nil
		a.confess()
	}
	if len(a.queue) == 0 {
		return b, !a.closed
	}
	for len(a.queue) > 0 && len(b) < maxTogether {
		b = append(b, a.queue[0]...)
		a.queue = a.queue[1:]
	}
	return b, true
}

// Close takes no more lines and waits until those taken are written, or for
// patience: it is false if they are not. What cannot be written then never is.
func (a *Writer) Close(patience time.Duration) bool {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.ended:
		return true
	case <-timer.C:
		return false
	}
}
