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
// keep their order; those that find no room, or that cannot be written, are lost,
// which is said once it can be.
type Writer struct {
	w     io.Writer // fixed
	news  chan struct{}
	ended chan struct{} // closed when run has returned

	mu     sync.Mutex
	queue  []entry // guarded by mu
	bytes  int     // guarded by mu: in queue
	lost   int     // guarded by mu: lines since it was last said how many
	total  uint64  // guarded by mu: lines lost so far
	err    error   // guarded by mu: of the last write
	closed bool    // guarded by mu
}

// An entry is a line, as a rule, or says how many were lost.
type entry struct {
	text []byte
	lost int
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
	a.add(entry{text: append([]byte(nil), p...)})
	return len(p), nil
}

// confess says how many lines were lost where they would have been. It is
// called with mu held.
func (a *Writer) confess() {
	if a.lost == 0 {
		return
	}
	why := "nobody read them in time"
	if a.err != nil {
		why = "they could not be written"
	}
	a.add(entry{fmt.Appendf(nil, `{"time":%q,"level":"WARN","msg":"log lines lost: %s","lines":%d}`+"\n",
		time.Now().UTC().Format(time.RFC3339Nano), why, a.lost), a.lost})
	a.lost = 0
}

func (a *Writer) add(e entry) {
	a.queue = append(a.queue, e)
	a.bytes += len(e.text)
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
	var (
		lines []byte
		torn  bool // what was written last is the beginning of a line
	)
	for {
		batch, ok := a.next()
		if len(batch) == 0 {
			if !ok {
				return
			}
			<-a.news
			continue
		}
		lines = lines[:0]
		if torn {
			lines = append(lines, '\n')
		}
		begun := len(lines)
		for _, e := range batch {
			lines = append(lines, e.text...)
		}
		n, err := a.w.Write(lines)
		if n > 0 {
			torn = lines[n-1] != '\n'
		}
		a.wrote(batch, max(0, n-begun), err)
	}
}

// wrote takes note of what became of entries, of which so many bytes were written.
func (a *Writer) wrote(batch []entry, n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
	for _, e := range batch {
		a.bytes -= len(e.text)
		switch n -= len(e.text); {
		case n >= 0 || err == nil:
		case e.lost > 0: // it is to be said again
			a.lost += e.lost
		default:
			a.lost++
			a.total++
		}
	}
}

// next takes the first entries; none: none waits. It is false after the last.
func (a *Writer) next() (batch []entry, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		a.queue = nil
		if a.err == nil { // else it is said with the next line, which may have more luck
			a.confess()
		}
	}
	if len(a.queue) == 0 {
		return nil, !a.closed
	}
	size, n := 0, 0
	for ; n < len(a.queue) && size < maxTogether; n++ {
		size += len(a.queue[n].text)
	}
	batch, a.queue = a.queue[:n:n], a.queue[n:]
	return batch, true
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
