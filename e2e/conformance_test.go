package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling/conformance"
)

// Every statement about a PeerJS server, asked of the archiver, which is given the options of the
// peerjs command, and of the peerjs command itself.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Log("where they differ:\n" + conformance.Differences())
	for name, p := range map[string]program{
		"archiver": {conformance.Archiver, ourArchiver, regexp.MustCompile(`"msg":"ready".*"addr":"([^"]+)"`)},
		"peerjs":   {conformance.Reference, npmPeer, regexp.MustCompile(`Started PeerServer on (\S+), port: (\d+)`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, seen := range conformance.ObserveAll(p.side(t), 8) {
				t.Run(seen.Name(), func(t *testing.T) {
					if want, _ := seen.Expected(p.kind); seen.Err != nil || seen.Got != want {
						t.Errorf("got  %s\nwant %s\nerr  %v", seen.Got, want, seen.Err)
					}
				})
			}
		})
	}
}

// A program is a server that is started from the command line.
type program struct {
	kind    conformance.Kind
	command func(s *site, args []string) *exec.Cmd
	started *regexp.Regexp // the line that says where it listens: address, or host and port
}

func ourArchiver(s *site, args []string) *exec.Cmd {
	data, err := os.MkdirTemp(s.home, "archiver-")
	if err != nil {
		s.t.Error(err)
	}
	return s.liberdus(context.Background(), append([]string{"archiver", "--node-listen=", "--data", data}, args...)...)
}

func npmPeer(s *site, args []string) *exec.Cmd {
	path, err := filepath.Abs("js/node_modules/.bin/peerjs")
	if err != nil {
		s.t.Error(err)
	}
	cmd := exec.Command(path, args...)
	s.confine(cmd)
	return cmd
}

// constantID is the npm peer server with an option that its command does not have.
func constantID(s *site, id string) *exec.Cmd {
	path, err := filepath.Abs("js/peer-constant.js")
	if err != nil {
		s.t.Error(err)
	}
	cmd := exec.Command("node", path, "--id", id)
	s.confine(cmd)
	return cmd
}

func (p program) side(t *testing.T) conformance.Side {
	s := newSite(t)
	return conformance.Side{
		Kind:  p.kind,
		Slack: 10 * time.Second, // other tests run beside; moments are checked exactly in the package signaling
		Soak:  10 * time.Second,
		Launch: func(args, env []string) (conformance.Launched, error) {
			cmd := p.command(s, args)
			cmd.Env = append(cmd.Env, env...)
			c, addr, err := p.launch(t, cmd)
			if err != nil {
				return conformance.Launched{}, err
			}
			l := conformance.Launched{Addrs: addr, Said: c.out.text() + c.errs.text(), Close: p.end(t, c)}
			if addr == "" {
				l.Code = c.cmd.ProcessState.ExitCode()
			}
			return l, nil
		},
		Start: func(o conformance.Options) (conformance.Server, error) {
			cmd := p.command(s, append([]string{"--host", "127.0.0.1"}, o.Args()...))
			if o.GenerateConstant != "" {
				cmd = constantID(s, o.GenerateConstant)
			}
			cmd.Env = append(cmd.Env, "PORT=0")
			c, addr, err := p.launch(t, cmd)
			if err != nil {
				return conformance.Server{}, err
			}
			stop := func() { _ = c.cmd.Process.Signal(syscall.SIGTERM) }
			return conformance.Server{Base: "http://" + addr, Stop: stop, Ended: c.exited, Close: p.end(t, c)}, nil
		},
	}
}

// launch starts cmd and waits until it says where it listens, or ends.
func (p program) launch(t *testing.T, cmd *exec.Cmd) (c *child, addr string, err error) {
	c, err = begin(filepath.Base(cmd.Path), cmd)
	if err != nil {
		return nil, "", err
	}
	t.Cleanup(c.kill)
	for deadline := time.After(readyWithin); ; {
		said, errNews := c.errs.from(0)
		printed, outNews := c.out.from(0)
		if m := p.started.FindStringSubmatch(strings.Join(append(said, printed...), "\n")); m != nil {
			return c, strings.Join(m[1:], ":"), nil
		}
		select {
		case <-errNews:
		case <-outNews:
		case <-c.exited:
			return c, "", nil
		case <-deadline:
			return nil, "", fmt.Errorf("%s says nothing within %v", c.name, readyWithin)
		}
	}
}

// end returns what ends a program: ours with SIGTERM and exit code 0.
func (p program) end(t *testing.T, c *child) func() {
	return sync.OnceFunc(func() {
		defer c.kill()
		select {
		case <-c.exited:
			c.noRace(t)
			return
		default:
		}
		if p.kind == conformance.Archiver {
			c.stop(t)
		}
	})
}
