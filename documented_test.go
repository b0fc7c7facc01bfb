package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
)

// parse reads a command line as main does, and checks its settings, without doing
// anything.
func parse(args []string) error {
	a := app()
	a.Writer, a.ErrWriter = io.Discard, io.Discard
	var idle func(list []*cli.Command)
	idle = func(list []*cli.Command) {
		for _, c := range list {
			c.Action = func(*cli.Context) error { return nil }
			idle(c.Subcommands)
		}
	}
	idle(a.Commands)
	find(a.Commands, "archiver").Action = func(c *cli.Context) error {
		cfg := config.Default().Archiver
		config.Override(&cfg, c)
		chooseListeners(&cfg, c)
		return errors.Join(noArgs(c), cfg.Validate())
	}
	find(a.Commands, "consensor").Action = func(c *cli.Context) error {
		cfg := config.Default().Consensor
		config.Override(&cfg, c)
		if c.IsSet("config") {
			cfg.Archiver = append(cfg.Archiver, "http://127.0.0.1:6080") // which the file has
		}
		return errors.Join(noArgs(c), cfg.Validate())
	}
	return a.Run(interleave(a, args))
}

var (
	fenced   = regexp.MustCompile("(?ms)^```(?:sh|bash|console|shell)\n(.*?)^```")
	settings = regexp.MustCompile("(?ms)^```toml\n(.*?)^```")
	// words of a shell's line: quoted or not.
	words   = regexp.MustCompile(`"[^"]*"|'[^']*'|[^\s"']+`)
	assigns = regexp.MustCompile(`^[A-Z_]+=`)
	// what stands for something of the reader's, and a value that may.
	standsFor = strings.NewReplacer("#KEY", "#"+strings.Repeat("ab", 32), " KEY", " "+strings.Repeat("ab", 32))
)

// ours returns the calls of the program in some lines of a shell.
func ours(text string) (calls [][]string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(standsFor.Replace(line), " #")
		for _, part := range strings.Split(line, " | ") {
			call := words.FindAllString(part, -1)
			for len(call) > 0 && assigns.MatchString(call[0]) {
				call = call[1:]
			}
			if len(call) == 0 || filepath.Base(call[0]) != "liberdus" {
				continue // another program
			}
			for i := range call {
				call[i] = strings.Trim(call[i], `"'`)
			}
			calls = append(calls, call)
		}
	}
	return calls
}

// Every command of ours in the documents is one that the program understands, be
// it run by other tests or not.
func TestDocumentedCommandsParse(t *testing.T) {
	n := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
				for _, call := range ours(block[1]) {
					if n++; parse(call) != nil {
						t.Errorf("%s: %q: %v", path, call, parse(call))
					}
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("%d commands were found, want those of the documents", n)
	}
}

// What the packages start is understood, too.
func TestPackagedCommandsParse(t *testing.T) {
	started := regexp.MustCompile(`(?m)^ExecStart=(.*)$`)
	listed := regexp.MustCompile(`(?m)^    command: (\[.*\])$`)
	bare := regexp.MustCompile(`([\[,] *)([a-z-]+)`)
	var calls [][]string
	for _, path := range []string{"packaging/systemd/liberdus-archiver.service", "packaging/systemd/liberdus-consensor.service", "packaging/compose.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range started.FindAllStringSubmatch(string(text), -1) {
			calls = append(calls, ours(m[1])...)
		}
		for _, m := range listed.FindAllStringSubmatch(string(text), -1) {
			list := regexp.MustCompile(`\$\{PUBLIC_IP[^}]*\}`).ReplaceAllString(m[1], "203.0.113.7")
			list = bare.ReplaceAllStringFunc(list, func(s string) string {
				p := bare.FindStringSubmatch(s)
				return p[1] + `"` + p[2] + `"`
			})
			call := []string{}
			if err := json.Unmarshal([]byte(strings.ReplaceAll(list, ", /data]", `, "/data"]`)), &call); err != nil {
				t.Fatalf("%s: %v", list, err)
			}
			calls = append(calls, append([]string{"liberdus"}, call...))
		}
	}
	if len(calls) != 6 {
		t.Errorf("%d commands, want those of two units and four services: %q", len(calls), calls)
	}
	for _, call := range calls {
		if err := parse(call); err != nil {
			t.Errorf("%q: %v", call, err)
		}
	}
}

// The settings that the documents show are taken.
func TestDocumentedSettings(t *testing.T) {
	paths, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range append(paths, "README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range settings.FindAllStringSubmatch(string(text), -1) {
			n++
			file := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := config.Load(file)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			tables, err := config.Tables(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range tables {
				if err := map[string]func() error{"archiver": f.Archiver.Validate, "consensor": f.Consensor.Validate, "client": f.Client.Validate, "gateway": f.Gateway.Validate}[table](); err != nil {
					t.Errorf("%s: [%s]: %v", path, table, err)
				}
			}
		}
	}
	if n < 2 {
		t.Errorf("%d blocks of settings, want those for an archiver and a consensor", n)
	}
}
