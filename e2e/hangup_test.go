package e2e

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
)

// The end of a terminal stops a role as SIGTERM does. Under nohup it goes on.
func TestHangUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	if err := archiver.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if code, ended := archiver.exit(stopWithin); !ended || code != 0 {
		t.Errorf("after SIGHUP: ended %v with exit code %d, want 0", ended, code)
	}
	if _, err := archiver.await(archiver.errs, 0, eventWithin, func(r record) bool { return r.text("msg") == "stopped" }); err != nil {
		t.Errorf("it did not stop in good order: %v", err)
	}

	own := s.liberdus(context.Background(), "archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("nohup"))
	cmd := exec.Command("sh", append([]string{"-c", `trap "" HUP; exec "$@"`, "sh"}, own.Args...)...)
	cmd.Args[4], cmd.Env, cmd.Dir = own.Path, own.Env, own.Dir
	detached := s.ready(s.supervise("archiver", cmd))
	if err := detached.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	peers(web(t), detached.url()) // it answers
	select {
	case <-detached.exited:
		t.Error("it stopped although SIGHUP was ignored when it began")
	default:
	}
}
