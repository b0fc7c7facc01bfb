package e2e

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A terminal is a pseudo-terminal with a program on it, as script of util-linux makes one. What the
// program shows is in the child's out, what is typed goes to keys.
type terminal struct {
	*child
	keys io.WriteCloser
}

// terminal starts a command line of the shell on a terminal.
func (s *site) terminal(line string, env ...string) *terminal {
	s.t.Helper()
	script, err := exec.LookPath("script")
	if err != nil {
		s.t.Fatal("no script found: apt-get install bsdutils")
	}
	cmd := s.command(context.Background(), script, "--quiet", "--return", "--flush", "--command", line, "/dev/null")
	cmd.Env = append(cmd.Env, "TERM=xterm", "SHELL=/bin/sh", "PATH="+filepath.Dir(tools.liberdus)+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, env...)
	keys, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	return &terminal{spawn(s.t, "script", cmd), keys}
}

func (c *terminal) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.keys, text); err != nil {
		t.Fatal(err)
	}
}

var escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[a-zA-Z]|[\\]()][^\x07\x1b]*\x07?|[=>])")

// shows waits for text on the screen, colours apart.
func (c *terminal) shows(t *testing.T, text string) {
	t.Helper()
	eventually(t, eventWithin, "the terminal shows "+text, func() bool {
		return strings.Contains(escapes.ReplaceAllString(c.out.text(), ""), text)
	})
}

// What the Tab key does in each shell, with the script that the program prints for it: the line that is
// completed says what it was completed to.
func TestTabInShells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ shell, start, load string }{
		{"bash", "bash --norc --noprofile -i", "source <(liberdus completion bash)"},
		{"zsh", "zsh -f -i", "autoload -Uz compinit; compinit -u -D; source <(liberdus completion zsh)"},
		{"fish", "fish --no-config -i", "liberdus completion fish | source"},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			if _, err := exec.LookPath(tt.shell); err != nil {
				t.Fatalf("no %[1]s found: apt-get install %[1]s", tt.shell)
			}
			s := &site{t: t, home: t.TempDir()}
			c := s.terminal(tt.start)
			c.types(t, tt.load+"; echo it is lo''aded\r")
			c.shows(t, "it is loaded")
			for _, line := range []struct{ typed, word, shows string }{
				{"liberdus client acc", "liberdus client account", "liberdus client account - print an account"},
				{"liberdus client tx transf", "liberdus client tx transfer", "liberdus client tx transfer - send LIB"},
				{"liberdus client call --req", "liberdus client call --require-identity", "liberdus client call - ask a node"},
			} {
				c.types(t, line.typed+"\t")
				c.shows(t, line.word)
				c.types(t, " --help\r")
				c.shows(t, line.shows)
			}
			c.types(t, "exit\r")
			if code, ended := c.exit(eventWithin); !ended || code != 0 {
				t.Errorf("%s: exit %d (ended: %v)", tt.shell, code, ended)
			}
		})
	}
}

// For people on a terminal names are bold, unless they want no colours; a pipe gets none.
func TestColours(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url())
	line := tools.liberdus + " client nodes --format text --archiver " + archiver.url()
	for _, tt := range []struct {
		name string
		env  []string
		want bool
	}{
		{"a terminal", nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, false},
		{"an empty NO_COLOR, which is none", []string{"NO_COLOR="}, true},
		{"a dumb terminal", []string{"TERM=dumb"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &site{t: t, home: t.TempDir()}
			c := s.terminal(line, tt.env...)
			if code, ended := c.exit(eventWithin); !ended || code != 0 {
				t.Fatalf("exit %d (ended: %v): %s", code, ended, c.out.text())
			}
			if got := c.out.text(); strings.Contains(got, "\x1b[1m") != tt.want || !strings.Contains(got, "publicKey") {
				t.Errorf("bold: %v, want %v: %q", !tt.want, tt.want, got)
			}
		})
	}
	t.Run("a pipe", func(t *testing.T) {
		r := (&site{t: t, home: t.TempDir()}).run("client", "nodes", "--format", "text", "--archiver", archiver.url()).exits(0)
		if strings.Contains(r.stdout, "\x1b") || !strings.Contains(r.stdout, "publicKey") {
			r.fatalf("want the text without colours")
		}
	})
}
