package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An archiver whose log nobody reads any more goes on serving, and stops when it is told to, also if it is to
// read its settings again while it does.
func TestStuckLogReader(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := s.liberdus(context.Background(), "archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("archiver"),
		"--limit-exempt", "127.0.0.0/8")
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan *exec.ExitError, 1)
	defer func() { _ = cmd.Process.Kill() }()

	addr := ""
	for in := bufio.NewScanner(errs); addr == "" && in.Scan(); {
		var r record
		if json.Unmarshal(in.Bytes(), &r) == nil && r.text("msg") == "ready" {
			addr = firstAddr(r["addr"])
		}
	}
	if addr == "" {
		t.Fatal("no log line \"ready\"")
	}
	client := web(t) // nobody reads the log from here on
	client.Timeout = 10 * time.Second
	for i := range 500 { // two lines each: more than a pipe holds
		r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/liberdus-peer/peerjs?key=liberdus&token=t&id=%s%d", addr, strings.Repeat("i", 50), i), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
		} {
			r.Header.Set(name, value)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("socket %d is not answered: %v", i, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("socket %d: status %d", i, resp.StatusCode)
		}
	}
	if resp, err := client.Get("http://" + addr + "/is-alive"); err != nil {
		t.Errorf("not alive: %v", err)
	} else {
		resp.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() { // waited for below
		state, _ := cmd.Process.Wait()
		ended <- &exec.ExitError{ProcessState: state}
	}()
	again := time.NewTicker(20 * time.Millisecond) // as when the log is rotated just then
	defer again.Stop()
	for late := time.After(stopWithin + 2*time.Second); ; {
		select {
		case <-again.C:
			_ = cmd.Process.Signal(syscall.SIGHUP) // an error: it has ended
			continue
		case end := <-ended:
			if end.ExitCode() != 0 {
				t.Errorf("%v", end.ProcessState)
			}
		case <-late:
			t.Error("still runs after SIGTERM")
			_ = cmd.Process.Kill()
			<-ended
		}
		return
	}
}
