package telemetry

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"
)

const (
	progressAfter = 700 * time.Millisecond // how long a command may take before it says what it does
	defaultWidth  = 80                     // columns of a terminal that does not tell
)

// Progress shows a person on a terminal what a slow command is waiting for, on
// one line that the next overwrites. Elsewhere it shows nothing.
type Progress struct {
	// Fixed.
	w     io.Writer // nil: nobody looks
	width func() int
	start time.Time
	timer *time.Timer // nil where w is

	mu    sync.Mutex
	what  string // guarded by mu
	shown bool   // guarded by mu
	done  bool   // guarded by mu
}

// NewProgress returns a Progress that writes to w if it is a terminal.
func NewProgress(w io.Writer) *Progress {
	if !IsTerminal(w) {
		return &Progress{}
	}
	return newProgress(w, func() int { return columns(w) })
}

func newProgress(w io.Writer, width func() int) *Progress {
	p := &Progress{w: w, width: width, start: time.Now()}
	p.timer = time.AfterFunc(progressAfter, p.show)
	return p
}

// columns returns the width of a terminal.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return defaultWidth
}

// Set says what is waited for now.
func (p *Progress) Set(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = what
	if p.shown {
		p.print()
	}
}

func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.shown = true
		p.print()
	}
}

// print overwrites the line. A line that wrapped could not be overwritten, and
// what others have named, such as a peer id, must not steer the terminal.
func (p *Progress) print() {
	line := []rune(fmt.Sprintf("%4.1fs  %s", time.Since(p.start).Seconds(), strings.Map(printable, p.what)))
	if room := max(0, p.width()-3); len(line) > room { // for " …", and no cursor beyond the edge
		line = line[:room]
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s …", string(line))
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// Done takes the line away. Nothing is shown after it.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
}
