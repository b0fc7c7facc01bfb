package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyTime = 30 * time.Second
	stopTime  = 15 * time.Second
)

// A network is an archiver and three consensors, of which two are before the
// first, whose ledger it is.
type network struct {
	binary, home string // fixed
	procs        []*process
}

// A process is one role.
type process struct {
	name string // in tables and plots
	data string // its folder
	cmd  *exec.Cmd

	addr, ops, udp, peer, key string // by its line "ready"

	ended chan struct{} // closed when it has been waited for
	err   error         // of its end; read after ended

	mu   sync.Mutex
	said []string // guarded by mu; its last lines
}

// startNetwork starts all and waits until all are ready. What is started is
// stopped again if that fails.
func startNetwork(ctx context.Context, binary, home string) (n *network, err error) {
	n = &network{binary: binary, home: home}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop())
		}
	}()
	archiver, err := n.start(ctx, "archiver", "archiver", "--node-listen", "127.0.0.1:0")
	if err != nil {
		return n, err
	}
	join := []string{"--archiver", archiver.url() + "#" + archiver.key, "--family", "4"}
	back, err := n.start(ctx, "node", "consensor", join...)
	if err != nil {
		return n, err
	}
	for _, name := range []string{"front 1", "front 2"} {
		if _, err := n.start(ctx, name, "consensor", append(join, "--ledger", "shardus", "--node", back.url())...); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (n *network) archiver() *process     { return n.procs[0] }
func (n *network) consensors() []*process { return n.procs[1:] }
func (p *process) url() string            { return "http://" + p.addr }

// start runs a role with an operator's port. Those who behave come from
// 127.0.0.1, which limits by address spare: they are many at one address.
func (n *network) start(ctx context.Context, name, role string, more ...string) (*process, error) {
	data := filepath.Join(n.home, name)
	args := append([]string{
		role, "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0",
		"--limit-exempt", "127.0.0.1/32", "--data", data,
	}, more...)
	p := &process{name: name, data: data, cmd: exec.Command(n.binary, args...), ended: make(chan struct{})}
	p.cmd.Env = []string{"HOME=" + n.home, "PATH=" + os.Getenv("PATH"), "GODEBUG=" + os.Getenv("GODEBUG")} // memprofilerate, to look closer
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	n.procs = append(n.procs, p)
	ready := make(chan map[string]any, 1)
	go func() {
		p.listen(errs, ready)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case line := <-ready:
		p.learn(line)
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the %s ended before it was ready: %w\n%s", name, p.err, p.last())
	case <-time.After(readyTime):
		return nil, fmt.Errorf("the %s is not ready after %v\n%s", name, readyTime, p.last())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// kept is how many lines of a log are kept for the case that it ends badly.
const kept = 60

// listen reads the log to its end.
func (p *process) listen(log io.Reader, ready chan<- map[string]any) {
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadBytes('\n')
		var doc map[string]any
		if json.Unmarshal(line, &doc) == nil && doc["msg"] == "ready" {
			select {
			case ready <- doc:
			default: // it said so before
			}
		}
		p.note(string(bytes.TrimSpace(line)))
		if err != nil {
			return
		}
	}
}

func (p *process) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said = append(p.said, line); len(p.said) > kept {
		p.said = p.said[1:]
	}
}

func (p *process) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

func (p *process) learn(ready map[string]any) {
	text := func(name string) string { s, _ := ready[name].(string); return s }
	first, _, _ := strings.Cut(text("addr"), ",")
	udp, _, _ := strings.Cut(text("udpAddr"), ",")
	p.addr, p.ops, p.udp, p.peer, p.key = first, text("opsAddr"), udp, text("peerId"), text("publicKey")
}

// stop ends all, those first that need others, and says which did not end well.
func (n *network) stop() error {
	var errs []error
	for i := len(n.procs) - 1; i >= 0; i-- {
		errs = append(errs, n.procs[i].stop())
	}
	return errors.Join(errs...)
}

func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error: it has ended
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("the %s did not end within %v", p.name, stopTime)
	}
	if p.err != nil {
		return fmt.Errorf("the %s: %w\n%s", p.name, p.err, p.last())
	}
	return nil
}
