package roles

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A doorway is a listener that outlives a system without descriptors or memory
// for another connection: net/http would end its server at some of these errors.
//
// Who comes then is turned away by means of a descriptor kept for that, not left
// waiting until the system forgets him; so those who are inside go on being
// served, and who comes later is let in as soon as somebody has left.
type doorway struct {
	net.Listener
	log *slog.Logger // fixed

	closing sync.Once
	closed  chan struct{} // by Close

	spare *os.File // owned by Accept; nil: the system had none

	came came
	full seldom
}

// came counts those who came to a listener.
type came struct {
	in         atomic.Uint64 // accepted, those who are shunned included
	shunned    atomic.Uint64 // closed unheard: see stile
	turnedAway atomic.Uint64 // for want of descriptors or memory
	slowed     atomic.Int64  // for how long others were kept waiting, in nanoseconds: see stile
}

// doorRest is the wait after an Accept that could not be, and the time in which
// somebody who is to be turned away must be there.
const doorRest = 50 * time.Millisecond

func newDoorway(l net.Listener, log *slog.Logger) *doorway {
	return &doorway{Listener: l, log: log.With("part", "doorway"), closed: make(chan struct{})}
}

// Accept implements [net.Listener]. One goroutine calls it.
func (d *doorway) Accept() (net.Conn, error) {
	for {
		d.keepSpare()
		c, err := d.Listener.Accept()
		if err == nil {
			d.came.in.Add(1)
			return c, nil
		}
		if !exhausted(err) {
			d.dropSpare()
			return nil, err
		}
		d.warn(err)
		if d.turnAway() {
			continue
		}
		select {
		case <-d.closed:
			return nil, net.ErrClosed
		case <-time.After(doorRest):
		}
	}
}

// exhausted reports whether the system lacks what another connection takes.
func exhausted(err error) bool {
	for _, lack := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// turnAway closes the connection that comes first, and is false if that cannot
// be done.
func (d *doorway) turnAway() bool {
	timed, ok := d.Listener.(interface{ SetDeadline(time.Time) error })
	if d.spare == nil || !ok {
		return false
	}
	d.dropSpare()
	if err := timed.SetDeadline(time.Now().Add(doorRest)); err != nil {
		return false
	}
	defer func() { _ = timed.SetDeadline(time.Time{}) }() // an error: it is closed, as Accept will find
	c, err := d.Listener.Accept()
	if err != nil {
		return false
	}
	c.Close()
	d.came.turnedAway.Add(1)
	return true
}

func (d *doorway) keepSpare() {
	if d.spare == nil {
		d.spare, _ = os.Open(os.DevNull) // an error: there is none, and the next time may be better
	}
}

func (d *doorway) dropSpare() {
	if d.spare != nil {
		d.spare.Close()
		d.spare = nil
	}
}

func (d *doorway) warn(err error) {
	n, ok := d.full.due(time.Now())
	if !ok {
		return
	}
	remedy := "the machine has too little memory, or too many connections, for all that runs on it"
	switch {
	case errors.Is(err, syscall.EMFILE):
		remedy = "raise the limit of open files, by ulimit -n before the start or LimitNOFILE= for systemd, or allow fewer connections (of an archiver: --concurrent-limit)"
	case errors.Is(err, syscall.ENFILE):
		remedy = "raise the machine's limit of open files: sysctl fs.file-max"
	}
	d.log.Warn("no connection can be accepted: newcomers are turned away", "err", err, "times", n, "addr", d.Addr().String(), "remedy", remedy)
}

// Close implements [net.Listener].
func (d *doorway) Close() error {
	d.closing.Do(func() { close(d.closed) })
	return d.Listener.Close()
}
