package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
)

// announce tells the conductor the port of a reference server.
func announce(l net.Listener) {
	fmt.Printf("{\"port\":%d}\n", l.Addr().(*net.TCPAddr).Port)
}

// serveRole is "bench serve NAME".
func serveRole(ctx context.Context, name string) error {
	serve, ok := servers()[name]
	if !ok {
		return fmt.Errorf("serve %s: no such server", name)
	}
	return serve(ctx)
}

// A command is one thing that a load is told to do.
type command struct {
	Do   string
	Args json.RawMessage `json:",omitempty"`
}

// endOfLoad is the last command, for a load that leaves something behind.
const endOfLoad = "end"

// answer is what it gave.
type answer struct {
	Result any    `json:",omitempty"`
	Error  string `json:",omitempty"`
}

// A loader carries out commands, one at a time.
type loader func(ctx context.Context, c command) (any, error)

// loadRole is "bench load NAME": commands come in, one line of JSON each, and
// each gets one line back. It ends with its input.
func loadRole(ctx context.Context, name string) error {
	newLoader, ok := loads()[name]
	if !ok {
		return fmt.Errorf("load %s: no such load", name)
	}
	debug.SetGCPercent(800) // of all loads alike: what is measured is the server
	do := newLoader()
	in := json.NewDecoder(os.Stdin)
	for {
		var c command
		if err := in.Decode(&c); err == io.EOF {
			_, _ = do(ctx, command{Do: endOfLoad}) // most do not know it: what they have ends with this process
			return nil
		} else if err != nil {
			return fmt.Errorf("load %s: read a command: %w", name, err)
		}
		var a answer
		var err error
		if a.Result, err = do(ctx, c); err != nil {
			a.Error = err.Error()
		}
		if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
			return err
		}
	}
}

// A load is the conductor's end of a load process.
type load struct{ *process }

// load starts one of the loads of this program.
func (e *env) load(name string) (*load, error) { return e.loadOn(onLoadCore, name) }

func (e *env) loadOn(on core, name string) (*load, error) {
	p, err := e.start(on, false, "load "+name, e.self, "load", name)
	if err != nil {
		return nil, err
	}
	return &load{p}, nil
}

// do carries out a command and decodes its result.
func (l *load) do(ctx context.Context, name string, args, result any) error {
	if err := l.begin(name, args); err != nil {
		return err
	}
	return l.finish(ctx, name, result)
}

// begin gives a command; finish must follow.
func (l *load) begin(name string, args any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return json.NewEncoder(l.in).Encode(command{Do: name, Args: raw})
}

// finish waits for the result of the command that was begun.
func (l *load) finish(ctx context.Context, name string, result any) error {
	select {
	case line, ok := <-l.lines:
		if !ok {
			return fmt.Errorf("%s: the load ended: %s", name, l.said)
		}
		var a struct {
			Result json.RawMessage
			Error  string
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return fmt.Errorf("%s: %q: %w", name, line, err)
		}
		if a.Error != "" {
			return fmt.Errorf("%s: %s", name, a.Error)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", name, ctx.Err())
	}
}
