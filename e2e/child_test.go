package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Waits that only a broken process uses up.
const (
	readyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
	eventWithin = 20 * time.Second
)

// A child is a process this test started. It is waited for by its own goroutine,
// and ended at the end of the test if it still runs.
type child struct {
	name   string
	cmd    *exec.Cmd
	out    *logbook
	errs   *logbook
	exited chan struct{} // closed when the process has ended and its output is complete
}

// spawn starts cmd. At the end of the test a child that still runs is killed, and what it said
// is shown if the test failed.
func spawn(t *testing.T, name string, cmd *exec.Cmd) *child {
	t.Helper()
	c, err := begin(name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("%s: exit %d\nstdout:\n%s\nstderr:\n%s", name, cmd.ProcessState.ExitCode(), c.out.last(60), c.errs.last(120))
		}
	})
	return c
}

// begin starts cmd. Whoever begins a child ends it with kill.
func begin(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, out: newLogbook(), errs: newLogbook(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.out, c.errs
	cmd.WaitDelay = 5 * time.Second // for a grandchild that holds the pipes
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait() // the state is read from cmd.ProcessState
		close(c.exited)
	}()
	return c, nil
}

// kill ends the process with SIGKILL and waits until it has gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error means that it has ended already
	<-c.exited
}

// stop ends the process with SIGTERM and demands what every role promises:
// exit code 0 in time and no data race on the way.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("%s had ended before it was stopped: exit %d", c.name, c.cmd.ProcessState.ExitCode())
		return
	}
	if code, ok := c.exit(stopWithin); !ok {
		t.Errorf("%s still runs %v after SIGTERM", c.name, stopWithin)
		c.kill()
	} else if code != 0 {
		t.Errorf("%s: exit code %d after SIGTERM, want 0", c.name, code)
	}
	c.noRace(t)
}

// exit waits for the end of the process and returns its code.
func (c *child) exit(within time.Duration) (code int, ok bool) {
	select {
	case <-c.exited:
		return c.cmd.ProcessState.ExitCode(), true
	case <-time.After(within):
		return 0, false
	}
}

func (c *child) noRace(t *testing.T) {
	t.Helper()
	if said := c.errs.text(); strings.Contains(said, "DATA RACE") {
		t.Errorf("%s has a data race:\n%s", c.name, said)
	}
}

// wait returns the first record after the first n lines of book that matches.
func (c *child) wait(t *testing.T, book *logbook, n int, what string, match func(record) bool) record {
	t.Helper()
	r, err := c.await(book, n, eventWithin, match)
	if err != nil {
		t.Fatalf("%s: no %s: %v", c.name, what, err)
	}
	return r
}

var errTimeout = errors.New("timed out")

func (c *child) await(book *logbook, n int, within time.Duration, match func(record) bool) (record, error) {
	deadline := time.After(within)
	for ended := false; ; {
		r, news := book.find(n, match)
		if r != nil {
			return r, nil
		}
		if ended {
			return nil, errors.New("the process has ended")
		}
		select {
		case <-news:
		case <-c.exited: // its last lines are in the book by now
			ended = true
		case <-deadline:
			return nil, errTimeout
		}
	}
}

// event waits for a script's event of that name.
func (c *child) event(t *testing.T, name string) record {
	t.Helper()
	return c.wait(t, c.out, 0, "event "+name, func(r record) bool { return r.text("event") == name })
}

// events returns the script's events of that name so far.
func (c *child) events(name string) []record {
	var found []record
	c.out.find(0, func(r record) bool {
		if r.text("event") == name {
			found = append(found, r)
		}
		return false
	})
	return found
}

// eventually asks until the answer is yes: for what a process shows only when it is asked.
func eventually(t *testing.T, within time.Duration, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !ask(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
