package certs_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/testca"
)

const look = 2 * time.Second // what Files.Run waits

// A store is a pair of files, and what Files said of them.
type store struct {
	t         *testing.T
	cert, key string // paths
	log       book
}

// A book is a log that is read while it is written.
type book struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newStore(t *testing.T) *store {
	dir := t.TempDir()
	return &store{t: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
}

func (s *store) logger() *slog.Logger { return logger(&s.log) }

func (s *store) write(path string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) said(text string) int { return strings.Count(s.log.String(), text) }

// open is OpenFiles, with Run until the end of the test.
func (s *store) open() *certs.Files {
	s.t.Helper()
	f, err := certs.OpenFiles(s.cert, s.key, s.logger())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.t.Errorf("Run = %v, want nil", err)
		}
	})
	return f
}

// shown returns the certificate that f shows, in PEM.
func shown(t *testing.T, f *certs.Files) string {
	t.Helper()
	c, err := f.TLS().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// wait lets the files be looked at n times.
func wait(n int) {
	time.Sleep(time.Duration(n)*look + time.Millisecond) // the bubble's clock
	synctest.Wait()
}

const day = 24 * time.Hour

// A new pair is shown soon after it was put in place; what is broken is not,
// and is said once.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, s := testca.New(t), newStore(t)
		cert1, key1 := ca.Issue(t, 365*day, "a.example")
		cert2, key2 := ca.Issue(t, 365*day, "a.example")
		s.write(s.cert, cert1)
		s.write(s.key, key1)
		f := s.open()

		expect := func(what string, want []byte, warnings int) {
			t.Helper()
			if shown(t, f) != string(want) {
				t.Fatalf("%s: another certificate is shown than expected", what)
			}
			if got := s.said("cannot be used"); got != warnings {
				t.Fatalf("%s: %d warnings, want %d:\n%s", what, got, warnings, &s.log)
			}
		}
		expect("at start", cert1, 0)
		wait(3)
		expect("nothing new", cert1, 0)

		s.write(s.cert, cert2)
		wait(1)
		expect("key not written yet", cert1, 0)
		s.write(s.key, key2)
		wait(1)
		expect("new pair", cert2, 0)

		s.write(s.cert, []byte("no certificate"))
		wait(5)
		expect("broken pair", cert2, 1)
		s.write(s.cert, []byte("another mistake"))
		wait(5)
		expect("broken otherwise", cert2, 2)

		os.Remove(s.cert)
		wait(5)
		expect("file gone", cert2, 3)

		s.write(s.cert, cert1)
		s.write(s.key, key1)
		wait(1)
		expect("mended", cert1, 3)
	})
}

// A pipe is not waited for: it would hold up all that looks at the files.
func TestAPipeIsNoCertificate(t *testing.T) {
	s := newStore(t)
	cert, key := testca.New(t).Issue(t, day, "a.example")
	for _, pipe := range []string{s.cert, s.key} {
		s.write(s.cert, cert)
		s.write(s.key, key)
		if err := errors.Join(os.Remove(pipe), syscall.Mkfifo(pipe, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := certs.OpenFiles(s.cert, s.key, s.logger()); err == nil || !strings.Contains(err.Error(), filepath.Base(pipe)+" is not a regular file") {
			t.Errorf("a pipe as %s: %v", pipe, err)
		}
		if err := os.Remove(pipe); err != nil {
			t.Fatal(err)
		}
	}
}

// Certbot and Kubernetes put a new pair in place by pointing a link elsewhere.
func TestReloadBySymlink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, s := testca.New(t), newStore(t)
		root := t.TempDir()
		for _, version := range []string{"1", "2"} {
			dir := filepath.Join(root, version)
			cert, key := ca.Issue(t, 365*day, "a.example")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s.write(filepath.Join(dir, "cert.pem"), cert)
			s.write(filepath.Join(dir, "key.pem"), key)
		}
		current := filepath.Join(root, "..data")
		if err := os.Symlink("1", current); err != nil {
			t.Fatal(err)
		}
		s.cert, s.key = filepath.Join(current, "cert.pem"), filepath.Join(current, "key.pem")
		f := s.open()
		before := shown(t, f)

		next := filepath.Join(root, "..next")
		if err := os.Symlink("2", next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, current); err != nil {
			t.Fatal(err)
		}
		wait(1)
		want, err := os.ReadFile(filepath.Join(root, "2", "cert.pem"))
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(t, f); got == before || got != string(want) {
			t.Error("the pair behind the link is not shown")
		}
	})
}

func TestWarnsOfItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		cert, key := testca.New(t).IssueOld(t, 80*day, 74*time.Hour, "a.example")
		s.write(s.cert, cert)
		s.write(s.key, key)
		s.open()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s.said("the certificate ends") != 0 {
			t.Errorf("warned 73 hours before the end:\n%s", &s.log)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := s.said("the certificate ends"); got != 1 {
			t.Errorf("%d warnings 71 hours before the end, want 1:\n%s", got, &s.log)
		}
	})
}

func TestOpenNamesTheRemedy(t *testing.T) {
	ca := testca.New(t)
	cert, key := ca.Issue(t, day, "a.example")
	_, other := ca.Issue(t, day, "a.example")
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	for _, tt := range []struct {
		name      string
		cert, key []byte
		want      []string
	}{
		{"no certificate", nil, key, []string{"cert.pem", "no such file"}},
		{"no key", cert, nil, []string{"key.pem", "no such file"}},
		{"the wrong way round", key, cert, []string{"wrong way round"}},
		{"DER", []byte{0x30, 0x82}, key, []string{"cert.pem", "PEM"}},
		{"an empty key", cert, []byte{}, []string{"key.pem", "PEM"}},
		{"a passphrase", cert, locked, []string{"passphrase", "openssl pkey"}},
		{"another's key", cert, other, []string{"belong together"}},
		{"too large", bytes.Repeat([]byte("x"), 1<<20+1), key, []string{"cert.pem", "larger"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			if tt.cert != nil {
				s.write(s.cert, tt.cert)
			}
			if tt.key != nil {
				s.write(s.key, tt.key)
			}
			_, err := certs.OpenFiles(s.cert, s.key, s.logger())
			if err == nil {
				t.Fatal("OpenFiles = nil, want an error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("OpenFiles = %q, want it to say %q", err, part)
				}
			}
		})
	}
}

func TestOpenWarnsOfAReadableKey(t *testing.T) {
	ca := testca.New(t)
	for _, tt := range []struct {
		mode     os.FileMode
		warnings int
	}{{0o600, 0}, {0o640, 0}, {0o644, 1}} {
		t.Run(tt.mode.String(), func(t *testing.T) {
			s := newStore(t)
			s.cert, s.key = ca.Files(t, t.TempDir(), "a.example")
			if err := os.Chmod(s.key, tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := certs.OpenFiles(s.cert, s.key, s.logger()); err != nil {
				t.Fatal(err)
			}
			if got := s.said("can read the private key"); got != tt.warnings {
				t.Errorf("%d warnings, want %d:\n%s", got, tt.warnings, &s.log)
			}
		})
	}
}
