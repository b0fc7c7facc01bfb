package roles_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles"
)

// A poorListener accepts nothing for a while, and gives a connection then.
type poorListener struct {
	net.Listener
	err      error
	until    time.Time
	asked    int
	deadline time.Time
}

func (l *poorListener) Accept() (net.Conn, error) {
	l.asked++
	if time.Now().Before(l.until) {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", l.err)}
	}
	if !l.deadline.IsZero() { // nobody comes to be turned away
		return nil, os.ErrDeadlineExceeded
	}
	ours, theirs := net.Pipe()
	theirs.Close()
	return ours, nil
}

func (l *poorListener) SetDeadline(t time.Time) error { l.deadline = t; return nil }
func (l *poorListener) Addr() net.Addr                { return &net.TCPAddr{} }
func (l *poorListener) Close() error                  { return nil }

// What the system has too little of neither ends a listener nor keeps it busy,
// and is said once a minute, with what would help.
func TestDoorwayOutlivesWant(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		remedy string // "": the error is no want of anything, and is returned
	}{
		{"of descriptors", syscall.EMFILE, "ulimit -n"},
		{"of the machine's descriptors", syscall.ENFILE, "fs.file-max"},
		{"of buffers", syscall.ENOBUFS, "too little memory"},
		{"of memory", syscall.ENOMEM, "too little memory"},
		{"a broken listener", syscall.EINVAL, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var text bytes.Buffer
				l := &poorListener{err: tt.err, until: time.Now().Add(150 * time.Second)}
				d := roles.NewDoorway(l, slog.New(slog.NewTextHandler(&text, nil)))
				c, err := d.Accept()
				if tt.remedy == "" {
					if !errors.Is(err, tt.err) {
						t.Errorf("Accept = %v, want %v", err, tt.err)
					}
					return
				}
				if err != nil {
					t.Fatalf("Accept = %v", err)
				}
				c.Close()
				if seconds := 150; l.asked > seconds*2*20+2 {
					t.Errorf("asked %d times in %d s", l.asked, seconds)
				}
				if n := strings.Count(text.String(), "turned away"); n != 3 || strings.Count(text.String(), tt.remedy) != 3 {
					t.Errorf("%d warnings in two minutes and a half, want 3 with %q:\n%s", n, tt.remedy, &text)
				}
				d.Close()
				_, _ = d.Accept()
			})
		})
	}
}

// A doorway that waits for better times can be closed.
func TestDoorwayCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &poorListener{err: syscall.ENOMEM, until: time.Now().Add(time.Hour)}
		d := roles.NewDoorway(l, slog.New(slog.DiscardHandler))
		ended := make(chan error, 1)
		go func() {
			_, err := d.Accept()
			ended <- err
		}()
		synctest.Wait()
		d.Close()
		d.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want it closed", err)
		}
	})
}
