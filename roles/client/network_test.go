package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/roles"
)

// networkEnv has this test binary run a network, with its data in that folder,
// until its standard input ends. Its first line of output is the archiver; each
// line that it then reads is answered with what it holds, a holding.
const networkEnv = "LIBERDUS_ROLES_NETWORK"

// A holding is what a process holds after a collection.
type holding struct{ Heap, Goroutines, Descriptors float64 }

func runNetwork() int {
	d, err := roles.NewDevnet(roles.DevnetConfig{
		Listen: []string{"127.0.0.1:0"}, NodeListen: "127.0.0.1:0", Consensors: 1, Data: os.Getenv(networkEnv),
		ConsensorListen: func(int) string { return "127.0.0.1:0" },
	}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := context.WithCancel(context.Background())
	err = d.Run(ctx, func() {
		fmt.Println(d.Archiver.URL() + "#" + d.Archiver.Key())
		go func() { // ends with the process at the latest
			defer stop()
			if err := tellHoldings(os.Stdin, os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	})
	if err = errors.Join(err, d.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func tellHoldings(in io.Reader, out io.Writer) error {
	say := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		descriptors, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return err
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err := say.Encode(holding{float64(m.HeapAlloc), float64(runtime.NumGoroutine()), float64(len(descriptors))}); err != nil {
			return err
		}
	}
	return nil
}

// A process is a network in a process of its own.
type process struct {
	archiver string
	in       io.WriteCloser
	out      *bufio.Reader
}

// startNetwork runs a network in a process of its own until the test ends.
func startNetwork(t *testing.T) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), networkEnv+"="+t.TempDir())
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the network's process: %v", err)
		}
	})
	p := &process{in: in, out: bufio.NewReader(out)}
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the network says nothing: %v", err)
	}
	p.archiver = strings.TrimSpace(line)
	return p
}

// holds asks p what it holds.
func (p *process) holds(t *testing.T) (h holding) {
	t.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err != nil {
		t.Fatalf("the network does not say what it holds: %v", err)
	}
	return h
}
