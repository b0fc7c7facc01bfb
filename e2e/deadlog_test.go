package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/liberdus/liberdus/signaling"
)

// A server whose log's reader has died goes on serving, and stops in good order when it is told to.
func TestDeadLogReader(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"archiver": {"archiver", "--listen", "127.0.0.1:0", "--node-listen", ""},
		"devnet":   {"devnet", "--listen", "127.0.0.1:0", "--consensors", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			cmd := s.liberdus(context.Background(), append(args, "--data", s.dir(name), "--log-level", "info")...)
			errs, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			out.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill() }() // an error: it has ended
			addr := readyAddr(t, name, errs)
			errs.Close()
			for i := range 3 {
				c, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: "http://" + addr + signaling.DefaultPath, ID: fmt.Sprint("peer", i)}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatalf("socket %d: %v", i, err)
				}
				c.Close() // each is a line or two
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v, want exit code 0", err)
			}
		})
	}
}

// readyAddr reads a log until the line "ready" of a role.
func readyAddr(t *testing.T, role string, log io.Reader) string {
	t.Helper()
	for in := bufio.NewScanner(log); in.Scan(); {
		var r record
		if json.Unmarshal(in.Bytes(), &r) == nil && r.text("msg") == "ready" && (r.text("role") == role || strings.Contains(in.Text(), `"consensors"`)) {
			return firstAddr(r["addr"])
		}
	}
	t.Fatal("no log line \"ready\"")
	return ""
}
