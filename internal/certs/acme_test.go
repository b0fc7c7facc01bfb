package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/testacme"
)

// A front is what an ACME needs of a server: two ports that use it.
type front struct {
	t         *testing.T
	tls, http net.Listener
	acme      *certs.ACME
	log       book
	tune      func(*certs.ACME) // nil: not at all
	stop      func()            // ends Run
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{t: t}
	for _, l := range []*net.Listener{&f.tls, &f.http} {
		var err error
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*l).Close() })
	}
	return f
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// serve answers on both ports by what cfg makes.
func (f *front) serve(cfg certs.ACMEConfig) {
	t := f.t
	t.Helper()
	var err error
	if f.acme, err = certs.NewACME(cfg, logger(&f.log)); err != nil {
		t.Fatal(err)
	}
	if f.tune != nil {
		f.tune(f.acme)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	f.handle(certs.NewListener(f.tls, f.acme.TLS(), advice), hello)
	f.handle(f.http, f.acme.HTTP(hello))
	f.stop = f.run()
	t.Cleanup(func() { f.stop() })
}

func (f *front) handle(l net.Listener, h http.Handler) {
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Config.ErrorLog = quiet
	srv.Start()
	f.t.Cleanup(srv.Close)
}

func (f *front) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.acme.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("Run = %v, want nil", err)
		}
		done <- nil
	}
}

// cert waits for a certificate that is good for host, and returns it.
func (f *front) cert(server *testacme.Server, host string) *x509.Certificate {
	f.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(server.Issued)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(40 * time.Second); ; <-tick.C {
		conn, err := tls.Dial("tcp", f.tls.Addr().String(), &tls.Config{RootCAs: pool, ServerName: host})
		if err == nil {
			defer conn.Close()
			return conn.ConnectionState().PeerCertificates[0]
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("no certificate for %s: %v\n%s", host, err, &f.log)
		}
	}
}

// An account that another host's certificate is just having made, as far as its
// folder, is not taken for one with an e-mail address.
func TestACMEAccountInTheMaking(t *testing.T) {
	f, server := newFront(t), testacme.New(t)
	server.Open(port(f.http), 0)
	cfg := certs.ACMEConfig{
		Hosts: []string{"archiver.example.test"}, CA: server.URL, CARoot: server.RootFile,
		Dir: t.TempDir(), TLSPort: port(f.tls), HTTPPort: port(f.http),
	}
	authority := certmagic.StorageKeys.Safe((&certmagic.ACMEIssuer{CA: server.URL}).IssuerKey())
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "acme", authority, "users", "default"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.serve(cfg)
	f.cert(server, cfg.Hosts[0])
	if made, err := filepath.Glob(filepath.Join(cfg.Dir, "acme", authority, "users", "*")); err != nil || len(made) != 1 {
		t.Errorf("the accounts are %q, %v; want the one that was in the making", made, err)
	}
}

// A certificate is obtained by either challenge, for a name and for an address,
// and the one on disk is used after a restart.
func TestACME(t *testing.T) {
	for _, tt := range []struct {
		name       string
		http, alpn bool
		hosts      []string
		short      bool // of the certificate's life
	}{
		{"a name by TLS-ALPN-01", false, true, []string{"archiver.example.test"}, false},
		{"a name by HTTP-01", true, false, []string{"archiver.example.test"}, false},
		{"an address by TLS-ALPN-01", false, true, []string{"127.0.0.1"}, true},
		{"an address by HTTP-01", true, false, []string{"127.0.0.1"}, true},
		{"two names and an address", true, true, []string{"127.0.0.1", "a.example.test", "b.example.test"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFront(t)
			var httpPort, tlsPort int // where the authority looks
			if tt.http {
				httpPort = port(f.http)
			}
			if tt.alpn {
				tlsPort = port(f.tls)
			}
			server := testacme.New(t)
			server.Open(httpPort, tlsPort)
			cfg := certs.ACMEConfig{
				Hosts: tt.hosts, CA: server.URL, CARoot: server.RootFile, IPProfile: certs.ShortLived,
				Dir: t.TempDir(), TLSPort: port(f.tls), HTTPPort: httpPort,
			}
			f.serve(cfg)
			var serials []string
			first := f.cert(server, tt.hosts[0])
			for _, host := range tt.hosts {
				serials = append(serials, f.cert(server, host).SerialNumber.String())
			}
			if lives := first.NotAfter.Sub(first.NotBefore); tt.short && lives > 7*day {
				t.Errorf("the certificate of %s lives %v, want less than a week", tt.hosts[0], lives)
			}
			if res, err := http.Get("http://" + f.http.Addr().String()); err != nil || res.StatusCode != http.StatusTeapot {
				t.Errorf("what is no challenge: %v, %v, want the handler's answer", res, err)
			} else {
				res.Body.Close()
			}

			f.stop()
			f.stop = f.run()
			for i, host := range tt.hosts {
				if got := f.cert(server, host).SerialNumber.String(); got != serials[i] {
					t.Errorf("after a restart %s has another certificate", host)
				}
			}
			private(t, cfg.Dir)
		})
	}
}

// private demands that nobody else can read what is below dir.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && strings.HasSuffix(path, ".key") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where no challenge can be answered the log says what the authority needs, and
// stopping does not wait for the next attempt.
func TestACMEThatCannotSucceed(t *testing.T) {
	f := newFront(t)
	server := testacme.New(t)
	server.Open(1, 1) // where nobody answers
	f.serve(certs.ACMEConfig{
		Hosts: []string{"a.example.test"}, CA: server.URL, CARoot: server.RootFile, Dir: t.TempDir(),
		TLSPort: port(f.tls), HTTPPort: port(f.http),
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(40 * time.Second); !strings.Contains(f.log.String(), "remedy"); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no word of it in the log:\n%s", &f.log)
		}
	}
	if said := f.log.String(); !strings.Contains(said, "--acme-http-listen") || !strings.Contains(said, "a.example.test") {
		t.Errorf("the log does not name host and remedy:\n%s", said)
	}
	before := time.Now()
	f.stop()
	f.stop = func() {}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestNewACMERefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := certs.ACMEConfig{Hosts: []string{"a.example"}, Dir: "d", TLSPort: 443}
	for _, tt := range []struct {
		name   string
		change func(*certs.ACMEConfig)
		want   string
	}{
		{"no host", func(c *certs.ACMEConfig) { c.Hosts = nil }, "hosts"},
		{"no folder", func(c *certs.ACMEConfig) { c.Dir = "" }, "dir"},
		{"no port", func(c *certs.ACMEConfig) { c.TLSPort = 0 }, "port"},
		{"a missing root", func(c *certs.ACMEConfig) { c.CARoot = empty + "x" }, "no such file"},
		{"an empty root", func(c *certs.ACMEConfig) { c.CARoot = empty }, empty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := certs.NewACME(cfg, logger(new(book))); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewACME = %v, want an error that names %s", err, tt.want)
			}
		})
	}
}
