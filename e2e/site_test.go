package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A site is one user's machine: a home folder and the liberdus processes started in it.
type site struct {
	t     *testing.T
	home  string
	env   []string // of every process, beside what confine gives them
	netns string   // network namespace of its processes; empty: that of the test

	wrapper string // program that is given the command liberdus to run; empty: none
}

func newSite(t *testing.T) *site { return &site{t: t, home: t.TempDir()} }

// dir returns a path in the home folder, e.g. for --data. It is not made here.
func (s *site) dir(name string) string { return filepath.Join(s.home, name) }

// file writes a file into the home folder, readable by its owner alone, and returns its path.
func (s *site) file(name, content string) string {
	s.t.Helper()
	path := s.dir(name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// liberdus returns the command. It sees no setting of the machine the tests run on,
// and no archiver spares loopback its limits: those are met as from elsewhere.
func (s *site) liberdus(ctx context.Context, args ...string) *exec.Cmd {
	if s.wrapper != "" {
		return s.command(ctx, s.wrapper, append([]string{tools.liberdus}, args...)...)
	}
	return s.command(ctx, tools.liberdus, args...)
}

// command returns any program, confined to the site.
func (s *site) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if s.netns != "" {
		program, args = "ip", append([]string{"netns", "exec", s.netns, program}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	s.confine(cmd)
	return cmd
}

func (s *site) confine(cmd *exec.Cmd) {
	cmd.Dir = s.home
	cmd.Env = []string{"HOME=" + s.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.t.TempDir(), "LIBERDUS_LIMIT_EXEMPT="}
	cmd.Env = append(cmd.Env, s.env...)
}

// A role is a running archiver or consensor, with what its log line "ready" says.
type role struct {
	*child
	addr     string // where it listens, e.g. 127.0.0.1:40123
	nodeAddr string // an archiver's listener for nodes
	peerID   string // a consensor's
}

func (r *role) url() string { return "http://" + r.addr }

// start runs a role until the end of the test, where it must stop cleanly.
// It returns when the role is ready.
func (s *site) start(args ...string) *role {
	s.t.Helper()
	return s.ready(s.launch(args...))
}

// launch is start without the wait.
func (s *site) launch(args ...string) *child {
	s.t.Helper()
	return s.supervise(args[0], s.liberdus(context.Background(), args...))
}

func (s *site) supervise(name string, cmd *exec.Cmd) *child {
	s.t.Helper()
	c := spawn(s.t, name, cmd)
	s.t.Cleanup(func() {
		select {
		case <-c.exited: // a test that ended it has looked at how it ended
			c.noRace(s.t)
		default:
			c.stop(s.t)
		}
	})
	return c
}

func (s *site) ready(c *child) *role {
	s.t.Helper()
	line, err := c.await(c.errs, 0, readyWithin, func(r record) bool { return r.text("msg") == "ready" })
	if err != nil {
		s.t.Fatalf("%s: no log line \"ready\": %v", c.name, err)
	}
	if got := line.text("role"); got != c.name {
		s.t.Errorf("ready line: role = %q, want %q", got, c.name)
	}
	return &role{child: c, addr: firstAddr(line["addr"]), nodeAddr: line.text("nodeAddr"), peerID: line.text("peerId")}
}

// firstAddr reads the attribute of a role that may listen on several addresses.
func firstAddr(attr any) string {
	switch a := attr.(type) {
	case string:
		first, _, _ := strings.Cut(a, ",")
		return strings.TrimSpace(first)
	case []any:
		if len(a) > 0 {
			return firstAddr(a[0])
		}
	}
	return ""
}

// archiver starts an archiver on ports the system chooses.
func (s *site) archiver(more ...string) *role {
	s.t.Helper()
	args := []string{"archiver", "--listen", "127.0.0.1:0", "--node-listen", "127.0.0.1:0", "--data", s.dir("archiver")}
	return s.start(append(args, more...)...)
}

// consensor starts a consensor that joins the archiver at that URL, and waits until it is listed there.
func (s *site) consensor(archiver string, more ...string) *role {
	s.t.Helper()
	r := s.unlisted(archiver, more...)
	s.listed(archiver, r.peerID, eventWithin)
	return r
}

// unlisted is consensor without the wait for the list.
func (s *site) unlisted(archiver string, more ...string) *role {
	s.t.Helper()
	args := []string{"consensor", "--archiver", archiver, "--listen", "127.0.0.1:0", "--data", s.dir("consensor")}
	return s.start(append(args, more...)...)
}

// A result is how a command ended.
type result struct {
	t      *testing.T
	args   string
	stdout string
	stderr string
	code   int
}

// run runs a command to its end.
func (s *site) run(args ...string) result {
	s.t.Helper()
	return s.pipe("", args...)
}

// pipe is run with text on standard input.
func (s *site) pipe(stdin string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := s.liberdus(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatalf("liberdus %s: %v", strings.Join(args, " "), err)
	}
	r := result{s.t, strings.Join(args, " "), stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if strings.Contains(r.stderr, "DATA RACE") || strings.Contains(r.stderr, "panic:") {
		r.fatalf("a data race or a panic")
	}
	return r
}

func (r result) fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("liberdus "+r.args+": "+format+"\nexit %d\nstdout: %s\nstderr: %s", append(args, r.code, r.stdout, r.stderr)...)
}

// exits demands an exit code.
func (r result) exits(code int) result {
	r.t.Helper()
	if r.code != code {
		r.fatalf("exit code = %d, want %d", r.code, code)
	}
	return r
}

// json demands exactly one JSON object on standard output and decodes it.
func (r result) json() record {
	r.t.Helper()
	var doc record
	decoder := json.NewDecoder(strings.NewReader(r.stdout))
	if err := decoder.Decode(&doc); err != nil {
		r.fatalf("stdout is not a JSON object: %v", err)
	}
	if decoder.More() {
		r.fatalf("stdout has more than one JSON document")
	}
	return doc
}

// object returns a member that must be an object.
func (r result) object(doc record, name string) record {
	r.t.Helper()
	member, ok := doc[name].(map[string]any)
	if !ok {
		r.fatalf("member %q = %v, want an object", name, doc[name])
	}
	return member
}

// hostPort splits an address for clients that take the two apart.
func hostPort(t *testing.T, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// node starts a script of js/ and returns at once.
func (s *site) node(script string, args ...string) *child {
	s.t.Helper()
	path, err := filepath.Abs(filepath.Join("js", script))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{path}, args...)...)
	s.confine(cmd)
	return spawn(s.t, script, cmd)
}
