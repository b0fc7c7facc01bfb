package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/testca"
)

// doctored demands what the doctor found at one check: its status, a part of the
// text, and a remedy unless it is ok.
func (r result) doctored(check, status, part string) {
	r.t.Helper()
	found, _ := r.json()["checks"].([]any)
	for _, f := range found {
		f := record(f.(map[string]any))
		if f.text("check") != check || f.text("status") != status || !strings.Contains(f.text("found"), part) {
			continue
		}
		if (f.text("remedy") == "") != (status == "ok") {
			r.fatalf("%s is %s, with the remedy %q", check, status, f.text("remedy"))
		}
		return
	}
	r.fatalf("want %s %s with %q", status, check, part)
}

func (s *site) doctor(args ...string) result {
	s.t.Helper()
	began := time.Now()
	r := s.run(append([]string{"doctor", "--format", "json"}, args...)...)
	if took := time.Since(began); took > 16*time.Second {
		r.fatalf("it took %v, want at most 15 s", took)
	}
	return r
}

// pinned returns the URL of an archiver with the key that it is to have.
func (s *site) pinned(archiver *role) string {
	s.t.Helper()
	key := s.run("client", "nodes", "--archiver", archiver.url(), "--data", s.dir("pin")).exits(0)
	_ = key
	known, err := os.ReadFile(s.dir("pin/archivers.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(known), `"key": "`)
	return archiver.url() + "#" + after[:64]
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url(), "--tcp-listen", "127.0.0.1:0")
	pinned := s.pinned(archiver)

	well := s.doctor("--archiver", pinned).exits(0)
	for check, part := range map[string]string{
		"tcp": "connects", "http": "answers", "clock": "within", "browser": "may connect", "list": "1 active nodes", "signalling": "gives an id", "udp": "connected to", "files": "at once",
	} {
		well.doctored(check, "ok", part)
	}
	well.doctored("tcp", "ok", "connected to 127.0.0.1:")

	s.doctor("--archiver", archiver.url()).exits(0).doctored("list", "warn", "not pinned")
	s.doctor("--archiver", pinned[:len(pinned)-6]+"abcdef").exits(1).doctored("list", "fail", "not the pinned")
	s.doctor("--archiver", "http://127.0.0.1:1").exits(1).doctored("tcp", "fail", "no connection to 127.0.0.1:1")
	s.doctor("--archiver", pinned, "--peer", strings.Repeat("ab", 32)).exits(1).doctored("node", "fail", "not on the list")
	s.doctor("--archiver", pinned, "--peer", consensor.peerID).exits(0).doctored("udp", "ok", "connected to")

	text := s.run("doctor", "--archiver", "http://127.0.0.1:1").exits(1)
	if !strings.Contains(text.stdout, "\nfail  tcp ") || !strings.Contains(text.stdout, "to do: is the archiver running") {
		text.fatalf("want a line that fails and its remedy")
	}
	s.run("doctor", "--format", "xml").exits(2)
	s.run("doctor", "nobody").exits(2)
}

// With a configuration the doctor looks at what its roles need, and at the node
// of its own.
func TestDoctorConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	config := func(key string) string {
		return s.file("config.toml", fmt.Sprintf("[archiver]\nlisten = [\"127.0.0.1:6666\"]\nnode_listen = \"\"\n[consensor]\narchiver = [%q]\nlisten = %q\ndata = %q\n%s\n", archiver.url(), consensor.addr, s.dir("consensor"), key))
	}
	r := s.doctor("--config", config("")).exits(1)
	r.doctored("config", "ok", "[consensor] is valid")
	r.doctored("browser", "fail", "6666")
	r.doctored("listen", "ok", "TCP "+consensor.addr+" is in use, and the consensor runs")
	r.doctored("data", "ok", s.dir("consensor"))
	r.doctored("node", "ok", "on the list")
	r.doctored("udp", "ok", "connected to")
	r.doctored("list", "warn", "not pinned") // the consensor remembers its key

	few := *s
	few.wrapper = s.file("few", "#!/bin/sh\nulimit -n 2000\nexec \"$@\"\n")
	if err := os.Chmod(few.wrapper, 0o700); err != nil {
		t.Fatal(err)
	}
	few.doctor("--config", s.file("node.toml", fmt.Sprintf("[consensor]\narchiver = [%q]\nlisten = %q\ndata = %q\n", archiver.url(), consensor.addr, s.dir("consensor")))).
		exits(0).doctored("files", "warn", "2000 files and connections may be open at once; the settings allow for 2088")

	r = s.doctor("--config", config("nonsense = 1"), "--archiver", archiver.url()).exits(1)
	r.doctored("config", "fail", "config.toml:8: unknown key")
	r.doctored("udp", "ok", "connected to") // the rest is looked at
}

// A certificate that is over is told from one that nobody vouches for.
func TestDoctorTLS(t *testing.T) {
	t.Parallel()
	ca := testca.New(t)
	for _, tt := range []struct {
		name, env string
		age, life time.Duration
		code      int
		status    string
		part      string
	}{
		{"good", "authority.pem", time.Hour, 90 * 24 * time.Hour, 1, "ok", "89 days"}, // no node is listed
		{"about to end", "authority.pem", 88 * 24 * time.Hour, 49 * time.Hour, 1, "warn", "ends in 2 days"},
		{"of a short life", "authority.pem", time.Hour, 49 * time.Hour, 1, "ok", "2 days more"},
		{"over", "authority.pem", time.Hour, -time.Minute, 1, "fail", "ended on"},
		{"of nobody's authority", "none.pem", time.Hour, 90 * 24 * time.Hour, 1, "fail", "unknown authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			cert, key := ca.IssueOld(t, tt.age, tt.life, "127.0.0.1")
			s.file("authority.pem", string(ca.PEM))
			s.file("none.pem", "")
			a := s.archiver("--tls-cert", s.file("cert.pem", string(cert)), "--tls-key", s.file("key.pem", string(key)))
			s.env = []string{"SSL_CERT_FILE=" + s.dir(tt.env), "SSL_CERT_DIR=/nonexistent"}
			s.doctor("--archiver", "https://"+a.addr).exits(tt.code).doctored("tls", tt.status, tt.part)
		})
	}
}
