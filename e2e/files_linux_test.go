package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// withFiles starts an archiver that may have only so many files and connections open.
func (s *site) withFiles(files int, more ...string) *role {
	return s.limited(files, append([]string{"archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("archiver")}, more...)...)
}

// limited starts a role that may have only so many files and connections open.
func (s *site) limited(files int, args ...string) *role {
	own := s.liberdus(context.Background(), args...)
	script := fmt.Sprintf(`ulimit -n %d; exec "$@"`, files)
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", own.Path}, own.Args[1:]...)...)
	cmd.Env, cmd.Dir = own.Env, own.Dir
	return s.ready(s.supervise(args[0], cmd))
}

// A pair is two peers, one of whom talks to the other.
type pair struct {
	t    *testing.T
	a, b *signaling.Client
	n    int
}

func joinPair(t *testing.T, r *role, name string) *pair {
	t.Helper()
	p := &pair{t: t}
	for i, c := range []**signaling.Client{&p.a, &p.b} {
		client, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: r.url() + signaling.DefaultPath, ID: name + strconv.Itoa(i)}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		*c = client
	}
	return p
}

// talk has a message go from one to the other.
func (p *pair) talk() {
	p.t.Helper()
	p.n++
	payload, _ := json.Marshal(p.n)
	if err := p.a.Send(p.t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: p.b.ID(), Payload: payload}); err != nil {
		p.t.Fatal(err)
	}
	select {
	case m, ok := <-p.b.Messages():
		if !ok || string(m.Payload) != string(payload) {
			p.t.Fatalf("got %+v, %v, want payload %s", m, ok, payload)
		}
	case <-time.After(eventWithin):
		p.t.Fatal("a message does not arrive")
	}
}

// cpuTime is what a process has used so far.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
}

// An archiver whose descriptors are all taken serves those who are connected, turns others away
// and says why; it lets them in when there are descriptors again. Those who may be limited cannot
// take them all.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	t.Run("taken by an exempt address", func(t *testing.T) {
		t.Parallel()
		r := newSite(t).withFiles(200, "--limit-exempt", "127.0.0.0/8", "--trusted-proxy", "10.0.0.1")
		said := func(what string) bool {
			return strings.Contains(r.errs.text(), what)
		}
		if !said("fewer files may be open") || !said("LimitNOFILE=") || !said(`"concurrentLimit":102`) {
			t.Error("the archiver does not say at its start that there are too few")
		}
		inside := joinPair(t, r, "inside")
		inside.talk()
		var crowd []net.Conn
		defer func() {
			for _, c := range crowd {
				c.Close()
			}
		}()
		for range 200 { // each is kept for later, as by a proxy; the last are turned away
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, c)
			_ = c.SetDeadline(time.Now().Add(eventWithin))
			_, _ = io.WriteString(c, "GET /is-alive HTTP/1.1\r\nHost: x\r\n\r\n") // an error: it is turned away
			_, _ = c.Read(make([]byte, 1))
		}
		eventually(t, eventWithin, "somebody is turned away", func() bool { return said("newcomers are turned away") })
		before := cpuTime(t, r.cmd.Process.Pid)
		for range 20 {
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, c)
			inside.talk()
			_ = c.SetReadDeadline(time.Now().Add(4 * time.Second)) // the header's time is 5 s
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("a newcomer is left waiting: %v", err)
			}
		}
		if used := cpuTime(t, r.cmd.Process.Pid) - before; used > time.Second {
			t.Errorf("the archiver used %v of the processor for 20 connections and messages", used)
		}
		if n := strings.Count(r.errs.text(), "newcomers are turned away"); n != 1 {
			t.Errorf("%d warnings, want one a minute", n)
		}
		for _, c := range crowd {
			c.Close()
		}
		eventually(t, eventWithin, "there is room again", func() bool {
			response, err := web(t).Get(r.url() + "/is-alive")
			if err != nil {
				return false
			}
			response.Body.Close()
			return true
		})
		joinPair(t, r, "later").talk()
		inside.talk()
	})
	t.Run("wanted by a stranger", func(t *testing.T) {
		t.Parallel()
		r := newSite(t).withFiles(200)
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
		for range 300 {
			c, err := dialer.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		joinPair(t, r, "honest").talk()
		if strings.Contains(r.errs.text(), "newcomers are turned away") {
			t.Error("a stranger has taken all descriptors")
		}
	})
}

// With next to none an archiver does not start, and says what would help.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	own := s.liberdus(context.Background(), "archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("archiver"))
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -n 60; exec "$@"`, "sh", own.Path}, own.Args[1:]...)...)
	cmd.Env, cmd.Dir = own.Env, own.Dir
	c := spawn(t, "archiver", cmd)
	if code, ended := c.exit(readyWithin); !ended || code != 1 || !strings.Contains(c.errs.text(), "ulimit -n") {
		t.Errorf("exit code %d (ended: %v), want 1 and the remedy:\n%s", code, ended, c.errs.text())
	}
}
