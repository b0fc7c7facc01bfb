package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// demands says how a command must fail.
type demands struct {
	code int
	hop  string   // of the JSON error on stdout; "" = nothing on stdout
	says []string // what the error (on stdout if there is one there, else on stderr) names
}

func (want demands) check(r result) {
	r.t.Helper()
	r.exits(want.code)
	text := r.stderr
	if want.hop == "" {
		if r.stdout != "" {
			r.fatalf("stdout = %q, want nothing", r.stdout)
		}
	} else {
		doc := r.json()
		text = doc.text("error")
		if doc.text("hop") != want.hop || text == "" || strings.Contains(text, "\n") {
			r.fatalf("stdout = %v, want one line of error and hop %q", doc, want.hop)
		}
	}
	for _, part := range want.says {
		if !strings.Contains(text, part) {
			r.fatalf("the error does not name %q", part)
		}
	}
	if strings.Contains(r.stderr, "goroutine ") {
		r.fatalf("a stack trace")
	}
}

// What the network is asked for and cannot give.
func TestCannotBeDone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url())
	tx, _, err := newWallet(t, strings.Repeat("0", 64)).register("nobody")
	if err != nil {
		t.Fatal(err)
	}
	valid := s.file("valid.json", tx)
	nowhere := "http://" + freeAddr(t)
	key := strings.Repeat("ab", 32)

	for _, test := range []struct {
		name string
		args []string
		want demands
	}{
		{
			"archiver down: account",
			[]string{"client", "account", "--archiver", nowhere, "abc123"},
			demands{1, "archiver", []string{nowhere}},
		},
		{
			"archiver down: inject",
			[]string{"client", "inject", "--archiver", nowhere, valid},
			demands{1, "archiver", []string{nowhere}},
		},
		{
			"archiver down: nodes",
			[]string{"client", "nodes", "--archiver", nowhere},
			demands{1, "archiver", []string{nowhere}},
		},
		{
			"peer not there",
			[]string{"client", "account", "--archiver", archiver.url(), "--peer", "nobody-here", "abc123"},
			demands{1, "signalling", []string{"nobody-here"}},
		},
		{
			"peer not there, its id is a key",
			[]string{"client", "account", "--archiver", archiver.url(), "--peer", key, "abc123"},
			demands{1, "signalling", []string{key}},
		},
		{
			"archiver with another key than the pinned one",
			[]string{"client", "nodes", "--archiver", archiver.url() + "#" + key},
			demands{1, "archiver", []string{archiver.url()}},
		},
	} {
		t.Run(test.name, func(t *testing.T) { test.want.check((&site{t: t, home: s.home, env: s.env}).run(test.args...)) })
	}
}

// freeAddr returns a loopback address where nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// No archiver at all: nothing of this reaches a network.
func TestUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := "http://" + freeAddr(t)
	notJSON := s.file("broken.json", "{\"type\": transfer}")
	array := s.file("array.json", "[1,2]")
	tx, _, err := newWallet(t, strings.Repeat("0", 64)).register("nobody")
	if err != nil {
		t.Fatal(err)
	}
	valid := s.file("valid.json", tx)
	unknownKey := s.file("unknown.toml", "[consensor]\nlisten = \"127.0.0.1:0\"\nlisten_prot = 1\n")
	notTOML := s.file("broken.toml", "[archiver]\n\nlisten = = 3\n")
	open := s.dir("open.json")
	s.run("client", "keygen", "--out", open).exits(0)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name  string
		stdin string
		args  []string
		says  []string
	}{
		{"unknown command", "", []string{"conquer"}, []string{"conquer"}},
		{"unknown client command", "", []string{"client", "conquer"}, []string{"conquer"}},
		{"unknown flag", "", []string{"archiver", "--liisten", ":0"}, []string{"liisten"}},
		{"unknown flag of a client command", "", []string{"client", "nodes", "--archivr", at}, []string{"archivr"}},
		{"account without an id", "", []string{"client", "account", "--archiver", at}, nil},
		{"inject without a file", "", []string{"client", "inject", "--archiver", at}, nil},
		{"consensor without an archiver", "", []string{"consensor", "--listen", "127.0.0.1:0"}, []string{"archiver"}},
		{"archiver URL that is none", "", []string{"client", "nodes", "--archiver", "::"}, []string{"::"}},
		{"listen address that is none", "", []string{"archiver", "--listen", "127.0.0.1:x"}, []string{"127.0.0.1:x"}},
		{"file not there", "", []string{"client", "inject", "--archiver", at, s.dir("none.json")}, []string{"none.json"}},
		{"transaction not JSON", "", []string{"client", "inject", "--archiver", at, notJSON}, []string{"broken.json"}},
		{"transaction not an object", "", []string{"client", "inject", "--archiver", at, array}, []string{"array.json"}},
		{"transaction on stdin not JSON", "not json", []string{"client", "inject", "--archiver", at, "-"}, nil},
		{"transaction without a type", "{}", []string{"client", "inject", "--archiver", at, "-"}, []string{"type"}},
		{"the failure of the command before", `{"error":"no archiver","hop":"archiver"}`, []string{"client", "inject", "--archiver", at, "-"}, []string{"no archiver"}},
		{"transaction on stdin empty", "", []string{"client", "inject", "--archiver", at, "-"}, []string{"nothing came on stdin"}},
		{"no command", "", nil, []string{"COMMANDS:", "no command given"}},
		{"no client command", "", []string{"client", "tx"}, []string{"transfer", "no command given"}},
		{"a flag without its value", "", []string{"client", "tx", "transfer", "--archiver", at, "--to", "--amount", "1"}, []string{"--to has no value"}},
		{"unknown key in the configuration", "", []string{"consensor", "--config", unknownKey}, []string{"unknown.toml:3", "listen_prot"}},
		{"configuration not TOML", "", []string{"archiver", "--config", notTOML}, []string{"broken.toml:3"}},
		{"configuration not there", "", []string{"archiver", "--config", s.dir("none.toml")}, []string{"none.toml"}},
		{"key file others can read", "", []string{"client", "inject", "--archiver", at, "--key", open, valid}, []string{"open.json", "chmod 600"}},
		{"call without a path", "", []string{"client", "call", "--archiver", at, "GET"}, []string{"METHOD URL"}},
		{"call with a body that is not JSON", "", []string{"client", "call", "--archiver", at, "POST", "inject", "x"}, []string{"not JSON"}},
		{"format that is none", "", []string{"client", "nodes", "--archiver", at, "--format", "xml"}, []string{"xml"}},
		{"unknown key scheme", "", []string{"client", "keygen", "--scheme", "rot13"}, []string{"rot13"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := (&site{t: t, home: s.home, env: s.env}).pipe(test.stdin, test.args...)
			demands{2, "", test.says}.check(r)
			if r.stderr == "" {
				r.fatalf("stderr is empty, want a reason")
			}
		})
	}
}

// A key file is never overwritten.
func TestKeygenKeeps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := s.file("key.json", "precious")
	if r := s.run("client", "keygen", "--out", path); r.code == 0 || !strings.Contains(r.stderr+r.stdout, path) {
		r.fatalf("want a failure that names the file")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

// What the network refuses or does not have.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	d := openDoor(t, s.consensor(archiver.url()))
	network := d.network(t)

	t.Run("wrong signature", func(t *testing.T) {
		s := &site{t: t, home: s.home, env: s.env}
		text, _, err := newWallet(t, network).register("forger")
		if err != nil {
			t.Fatal(err)
		}
		forged := strings.Replace(text, `"alias":"forger"`, `"alias":"forgex"`, 1)
		forged = strings.Replace(forged, `"private":false`, `"private":true`, 1)
		r := s.pipe(forged, "client", "inject", "--archiver", archiver.url(), "-").exits(3)
		if doc := r.json(); doc["success"] != false || doc.text("reason") == "" {
			r.fatalf("want success false and a reason")
		}
	})
	t.Run("another network", func(t *testing.T) {
		s := &site{t: t, home: s.home, env: s.env}
		text, _, err := newWallet(t, strings.Repeat("1", 64)).register("stranger")
		if err != nil {
			t.Fatal(err)
		}
		r := s.pipe(text, "client", "inject", "--archiver", archiver.url(), "-").exits(3)
		if doc := r.json(); doc["success"] != false || !strings.Contains(doc.text("reason"), "Invalid network id") {
			r.fatalf("want success false and the reason Invalid network id")
		}
	})
	t.Run("accepted, then failed when applied", func(t *testing.T) {
		s := &site{t: t, home: s.home, env: s.env}
		w := newWallet(t, network)
		w.settle(t, d, "twice")
		text, _, err := w.register("twiceagain")
		if err != nil {
			t.Fatal(err)
		}
		r := s.pipe(text, "client", "inject", "--wait", "--archiver", archiver.url(), "-").exits(3)
		if receipt := r.object(r.json(), "receipt"); receipt["success"] != false {
			r.fatalf("want a receipt of failure")
		}
	})
	t.Run("no such account", func(t *testing.T) {
		s := &site{t: t, home: s.home, env: s.env}
		id := strings.Repeat("9", 64)
		r := s.run("client", "account", "--archiver", archiver.url(), id).exits(4)
		doc := r.json()
		if account, there := doc["account"]; !there || account != nil || doc.text("id") != id {
			r.fatalf("want id and account null")
		}
	})
}

// A port that somebody else has.
func TestBusyPort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().String()
	archiver := s.archiver()

	for i, args := range [][]string{
		{"archiver", "--listen", busy, "--node-listen", "127.0.0.1:0"},
		{"archiver", "--listen", "127.0.0.1:0", "--node-listen", busy},
		{"consensor", "--archiver", archiver.url(), "--listen", busy},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			s := &site{t: t, home: s.home, env: s.env}
			demands{1, "", []string{busy}}.check(s.run(append(args, "--data", s.dir(fmt.Sprint("data", i)))...))
		})
	}
}
