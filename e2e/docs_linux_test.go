package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/needs"
	"github.com/liberdus/liberdus/internal/testca"
)

// A block is one of a document's blocks of commands.
type block struct {
	section  string
	commands []string
	excused  bool // it says below why it is not run
}

// blocksOf returns the blocks of commands of a document.
func blocksOf(t *testing.T, path string) (list []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	section, lines := "", strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "## ") {
			section = lines[i]
		}
		if !slices.Contains([]string{"```sh", "```bash", "```console", "```shell"}, lines[i]) {
			continue
		}
		b := block{section: section}
		for i++; lines[i] != "```"; i++ {
			if command := strings.TrimSpace(lines[i]); command != "" && !strings.HasPrefix(command, "#") {
				b.commands = append(b.commands, command)
			}
		}
		below := slices.IndexFunc(lines[i+1:], func(s string) bool { return s != "" })
		b.excused = below >= 0 && strings.HasPrefix(lines[i+1+below], "*Not run by the tests:")
		list = append(list, b)
	}
	return list
}

// A reader follows a document on a machine of his own, 203.0.113.7, which is also
// archiver.example.org: command by command, and what stays up stays up.
type reader struct {
	*site
	lab          *lab
	key, address string            // what KEY and ADDRESS stand for
	instead      map[string]string // of commands that are done in another way
	up           []*child          // in the order of their start
	ca           *testca.CA        // whom the machine trusts
	before       map[string]string // what is done before commands
	sections     bool              // each section begins anew
}

func newReader(t *testing.T) *reader {
	t.Helper()
	needs.Root(t, "making network namespaces")
	l := &lab{t: t, name: fmt.Sprintf("e2e%d-%d", os.Getpid(), labs.Add(1))}
	r := &reader{site: l.namespace("d"), lab: l, ca: testca.New(t)}
	l.sh(r.site, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
	l.sh(r.site, "ip", "link", "set", "eth1", "up")
	for _, addr := range []string{"203.0.113.7/24", "10.0.0.5/24"} {
		l.sh(r.site, "ip", "addr", "add", addr, "dev", "eth0")
	}
	l.sh(r.site, "ip", "link", "set", "eth0", "up")
	etc := filepath.Join("/etc/netns", r.netns) // ip netns exec puts it over /etc
	t.Cleanup(func() { os.RemoveAll(etc); os.Remove("/etc/netns") })
	if err := os.MkdirAll(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(etc, "hosts"), []byte("127.0.0.1 localhost\n203.0.113.7 archiver.example.org\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cert, key := r.ca.Issue(t, 90*24*time.Hour, "archiver.example.org", "10.0.0.5")
	r.file("fullchain.pem", string(cert))
	r.file("privkey.pem", string(key))
	r.file("authority.pem", string(r.ca.PEM))
	r.place()
	r.env = []string{"PATH=" + r.dir("bin") + ":" + os.Getenv("PATH"), "SSL_CERT_FILE=" + r.dir("authority.pem")}
	return r
}

// place puts the program where make build does.
func (r *reader) place() {
	r.t.Helper()
	if err := os.MkdirAll(r.dir("bin"), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(tools.liberdus, r.dir("bin/liberdus")); err != nil {
		r.t.Fatal(err)
	}
}

var (
	staysUp = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*liberdus (archiver|consensor|devnet|client gateway|client watch)\b`)
	exits   = regexp.MustCompile(`# exit code (\d+)`)
	address = regexp.MustCompile(`"address":"([0-9a-f]{64})"`)
	devKey  = regexp.MustCompile(`LIBERDUS_ARCHIVER=http://[^#]*#([0-9a-f]{64})`)
)

// follow runs a document's commands.
func (r *reader) follow(path string) {
	r.t.Helper()
	ran, section := 0, ""
	for _, b := range blocksOf(r.t, path) {
		if b.excused {
			continue
		}
		if r.sections && b.section != section {
			r.stopAll()
		}
		section = b.section
		for _, command := range b.commands {
			r.do(command)
			ran++
		}
	}
	r.stopAll()
	if ran == 0 {
		r.t.Errorf("%s has no command that can be run", path)
	}
}

// do runs one command, or starts it if it is one that stays up.
func (r *reader) do(command string) {
	r.t.Helper()
	if first, ok := r.before[command]; ok {
		r.do(first)
	}
	shown := command
	if other, ok := r.instead[command]; ok {
		command = other
	}
	command = strings.NewReplacer("#KEY", "#"+r.key, " KEY", " "+r.key, "ADDRESS", r.address).Replace(command)
	state := r.dir(".state") // what was exported
	before := "set -euo pipefail; [ ! -e " + state + " ] || . " + state + "; "
	if m := staysUp.FindStringSubmatch(command); m != nil {
		r.begin(m[1], before+regexp.MustCompile(`^((?:[A-Z_]+=\S+ )*)`).ReplaceAllString(command, "${1}exec "))
		return
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute) // a build may be among them
	defer cancel()
	out, err := r.command(ctx, "bash", "-c", before+command+"\nexport -p >"+state).CombinedOutput()
	want := 0
	if m := exits.FindStringSubmatch(command); m != nil {
		want, _ = strconv.Atoi(m[1])
	}
	if got := exitOf(err); got != want {
		r.t.Fatalf("%s\n(run as %s): exit code %d, want %d (%v)\n%s", shown, command, got, want, err, out)
	}
	if m := address.FindSubmatch(out); m != nil {
		r.address = string(m[1])
	}
}

func exitOf(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // it comes from exec itself
		return e.ExitCode()
	}
	return -1
}

// begin starts what stays up, and waits until it is there.
func (r *reader) begin(name, script string) {
	r.t.Helper()
	c := r.spawnHere(name, script)
	r.up = append(r.up, c)
	said := func(book *logbook, part string) {
		r.t.Helper()
		eventually(r.t, readyWithin, fmt.Sprintf("%q of %s", part, name), func() bool {
			select {
			case <-c.exited:
				r.t.Fatalf("%s has ended: %s%s", script, c.out.text(), c.errs.text())
			default:
			}
			return strings.Contains(book.text(), part)
		})
	}
	switch name {
	case "archiver", "consensor":
		line, err := c.await(c.errs, 0, readyWithin, func(rec record) bool { return rec.text("msg") == "ready" })
		if err != nil {
			r.t.Fatalf("%s: not ready: %v", script, err)
		}
		if name == "archiver" {
			r.key = line.text("publicKey")
		}
	case "devnet":
		said(c.out, "From a browser or Node.js")
		r.key = devKey.FindStringSubmatch(c.out.text())[1]
	default:
		said(c.out, "{")
	}
}

func (r *reader) spawnHere(name, script string) *child {
	r.t.Helper()
	return spawn(r.t, name, r.command(context.Background(), "bash", "-c", script))
}

// stopAll stops what is up, the newest first.
func (r *reader) stopAll() {
	r.t.Helper()
	for _, c := range slices.Backward(r.up) {
		c.stop(r.t)
	}
	r.up = nil
}

// Every command of the documents does what they say. Those of a block that cannot
// be run here say below it why; a block without either fails the test.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	special := map[string]func(*reader){
		"README.md": func(r *reader) {
			r.sections = true
			r.instead = map[string]string{
				"make demo   # a network, two users, a transfer over WebRTC": "CGO_ENABLED=0 GOFLAGS=-trimpath make -s -C " + root + " -o build demo BIN=" + tools.liberdus, // as make lint, for its cache
				"make test   # everything, real browsers included":           "true # which is what runs this",
				"make build": "test -x bin/liberdus # which the tests have built",
			}
		},
		"docs/tls.md": func(r *reader) {
			r.sections = true
			r.file("client.js", `require("https").get("https://10.0.0.5/is-alive", (r) => process.exit(r.statusCode === 200 ? 0 : 1))`)
			r.before = map[string]string{ // the archiver that the section is about
				"SSL_CERT_FILE=authority.pem liberdus consensor --archiver https://10.0.0.5:443      # stays up": "liberdus archiver --listen 10.0.0.5:443 --node-listen 127.0.0.1:4000 --data private --tls-cert fullchain.pem --tls-key privkey.pem",
			}
		},
		"docs/client.md": func(r *reader) {
			r.do("liberdus archiver --listen :443 --node-listen :4000 --data archiver --tls-cert fullchain.pem --tls-key privkey.pem")
			r.do("liberdus consensor --archiver https://archiver.example.org --data node")
		},
		"docs/start-node.md": func(r *reader) {
			r.do("liberdus archiver --listen :443 --listen :6080 --node-listen :4000 --data archiver --tls-cert fullchain.pem --tls-key privkey.pem")
			key := r.key
			// In place of a Liberdus node, which is in a network of its own: one of ours.
			r.do("liberdus archiver --listen 127.0.0.1:7080 --node-listen 127.0.0.1:7000 --data other")
			r.do("liberdus consensor --archiver http://127.0.0.1:7000 --listen 127.0.0.1:9001 --data real")
			r.do(`sed -E 's/"type": *"[a-z0-9]+", *//' real/consensor-key.json >secrets.json; chmod 600 secrets.json`)
			r.key = key
		},
	}
	for _, path := range documents(t, root) {
		blocks := blocksOf(t, filepath.Join(root, path))
		if !slices.ContainsFunc(blocks, func(b block) bool { return !b.excused }) {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			if prepare := special[path]; prepare != nil {
				prepare(r)
			}
			r.follow(filepath.Join(root, path))
		})
	}
}

// documents are the paths of what people read, from root.
func documents(t *testing.T, root string) (list []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, rel)
		}
	}
	return list
}
