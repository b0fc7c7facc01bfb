package e2e

import (
	"context"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The end of the terminal on which a server was begun stops it as SIGTERM does. Elsewhere SIGHUP
// has it read its settings again: see TestReload.
func TestHangUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	own := s.liberdus(context.Background(), "archiver", "--listen", "127.0.0.1:0", "--node-listen", "127.0.0.1:0", "--data", s.dir("archiver"))
	// script gives it a terminal, which goes with script.
	cmd := s.command(context.Background(), "script", "-qec", strings.Join(own.Args, " "), "/dev/null")
	if _, err := cmd.StdinPipe(); err != nil { // which nobody closes before the end
		t.Fatal(err)
	}
	terminal := spawn(t, "script", cmd)
	ready := regexp.MustCompile(`msg=ready .*addr=(\S+)`)
	var addr string
	eventually(t, readyWithin, "the archiver is ready", func() bool {
		if found := ready.FindStringSubmatch(terminal.out.text()); found != nil {
			addr = found[1]
		}
		return addr != ""
	})
	terminal.kill()
	eventually(t, stopWithin, "the archiver has ended", func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	s.archiver().stop(t) // the data folder is free again
}

// A command of a client ends with SIGHUP.
func TestHangUpOfACommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url())
	w := s.watch("--archiver", archiver.url(), strings.Repeat("0", 64))
	if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if code, ok := w.exit(stopWithin); !ok || code != 0 {
		t.Errorf("watch: exit %d, %v after SIGHUP; want 0", code, ok)
	}
}
