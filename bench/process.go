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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	ours        = "bin/liberdus"
	peerPackage = "e2e/js/node_modules/peer"

	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
	ticks      = 100 // of /proc/PID/stat, a second: fixed on Linux
)

// An env is where one run of one side happens. endAll ends what it started.
type env struct {
	self                 string // this program
	quick                bool
	serverCore, loadCore string

	procs []*process
	dirs  []string
}

// A process is a program that was started for a measurement.
type process struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string   // what it says on the watched output; closed at its end
	said  *tail         // the end of what it says on the other one
	ended chan struct{} // closed when it has been waited for
	err   error         // of its end; read after ended
}

// core says where a process runs.
type core int

const (
	onServerCore core = iota
	beforeServer      // on its core, and always before it where root runs this: clients of a server are elsewhere, and wait for no processor of its
	onLoadCore
	onBothCores
)

func (e *env) core(c core) string {
	switch c {
	case onServerCore, beforeServer:
		return e.serverCore
	case onBothCores:
		return e.serverCore + "," + e.loadCore
	}
	return e.loadCore
}

// start runs a program pinned to a core. Its standard output, or its standard
// error, is read line by line.
func (e *env) start(on core, watchErr bool, name string, argv ...string) (*process, error) {
	argv = append([]string{"taskset", "-c", e.core(on)}, argv...)
	if on == beforeServer && os.Geteuid() == 0 {
		argv = append([]string{"chrt", "-r", "1"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	p := &process{name: name, cmd: cmd, lines: make(chan string, 64), said: new(tail), ended: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, p.said
	if watchErr {
		cmd.Stdout, cmd.Stderr = p.said, w
	}
	cmd.WaitDelay = time.Second
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	e.procs = append(e.procs, p)
	go p.wait(w)
	go p.scan(r)
	return p, nil
}

// wait and scan end with the process; end waits for both.
func (p *process) wait(w *io.PipeWriter) {
	p.err = p.cmd.Wait()
	w.Close()
	close(p.ended)
}

// scan hands over the first lines and drops the rest: nobody waits for a
// server's log.
func (p *process) scan(r io.Reader) {
	defer close(p.lines)
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		select {
		case p.lines <- line:
		default:
		}
	}
}

// await returns what the first line gives for which match is true.
func (p *process) await(ctx context.Context, match func(line string) (string, bool)) (string, error) {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return "", fmt.Errorf("%s ended before it was ready: %s", p.name, p.said)
			}
			if v, ok := match(line); ok {
				return v, nil
			}
		case <-limit.C:
			return "", fmt.Errorf("%s was not ready after %v: %s", p.name, startLimit, p.said)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// cpu is the processor time it has used so far, user and system.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold spaces; fields 14 and 15 follow it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is cut short")
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticks, errors.Join(err1, err2)
}

// rss is its resident memory in bytes.
func (p *process) rss() (float64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, errors.New("/proc/PID/statm is cut short")
	}
	pages, err := strconv.Atoi(fields[1])
	return float64(pages * os.Getpagesize()), err
}

// end stops the process and waits for it. A load ends with its input.
func (p *process) end() {
	p.in.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	for range p.lines { // until scan has ended
	}
}

// endAll ends the processes, the load before its server, and removes folders.
func (e *env) endAll() {
	for i := len(e.procs) - 1; i >= 0; i-- {
		e.procs[i].end()
	}
	for _, dir := range e.dirs {
		_ = os.RemoveAll(dir)
	}
}

// dir makes a folder that lives as long as the run.
func (e *env) dir() (string, error) {
	dir, err := os.MkdirTemp("", "liberdus-bench-")
	if err == nil {
		e.dirs = append(e.dirs, dir)
	}
	return dir, err
}

// A server is a process and where it listens.
type server struct {
	*process
	addr string // 127.0.0.1:port
}

// serve starts one of the servers of this program.
func (e *env) serve(ctx context.Context, name string) (*server, error) {
	return e.listen(ctx, name, e.self, "serve", name)
}

// listen starts a program that announces its port on standard output.
func (e *env) listen(ctx context.Context, name string, argv ...string) (*server, error) {
	p, err := e.start(onServerCore, false, name, argv...)
	if err != nil {
		return nil, err
	}
	port, err := p.await(ctx, func(line string) (string, bool) {
		var said struct{ Port int }
		ok := json.Unmarshal([]byte(line), &said) == nil && said.Port != 0
		return strconv.Itoa(said.Port), ok
	})
	return &server{process: p, addr: "127.0.0.1:" + port}, err
}

// archiver starts ours, with further flags.
func (e *env) archiver(ctx context.Context, flags ...string) (*server, error) {
	data, err := e.dir()
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(ours)
	if err != nil {
		return nil, err
	}
	argv := append([]string{bin, "archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", data}, flags...)
	p, err := e.start(onServerCore, true, "liberdus archiver", argv...)
	if err != nil {
		return nil, err
	}
	addr, err := p.await(ctx, func(line string) (string, bool) {
		var said struct{ Msg, Addr string }
		ok := json.Unmarshal([]byte(line), &said) == nil && said.Msg == "ready"
		return said.Addr, ok
	})
	return &server{process: p, addr: addr}, err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte // guarded by mu
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if len(t.end) > 4096 {
		t.end = t.end[len(t.end)-4096:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.end))
}
