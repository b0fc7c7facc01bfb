package doctor_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/doctor"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
)

// A fake archiver answers as one does, with a clock, a port and a certificate of
// its own, for no node.
type fake struct {
	key  *signing.NodeKey
	off  time.Duration // of its clock
	port float64       // that it tells

	secure bool // what it says of that port
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := float64(time.Now().Add(f.off).UnixMilli())
	var o signing.Object
	switch r.URL.Path {
	case "/is-alive":
		return
	case "/rtc":
		o = signing.Object{
			"rtc":       signing.Object{"port": f.port, "path": "/liberdus-peer", "key": "liberdus", "secure": f.secure, "iceServers": []any{}},
			"networkId": "", "time": now, "nonce": r.URL.Query().Get("nonce"), "purpose": "liberdus-rtc",
		}
	case "/full-nodelist":
		o = signing.Object{"list": "active", "nodeList": []any{}, "networkId": "", "time": now, "epoch": float64(1)}
	default:
		http.NotFound(w, r)
		return
	}
	signed, err := f.key.Sign(o)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(signing.MustCanonical(signed)) //nolint:errcheck // the client sees it
}

func newFake(t *testing.T) *fake {
	t.Helper()
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	return &fake{key: key, port: 6080}
}

// examine returns what is found at an archiver.
func examine(t *testing.T, url, key string) doctor.Report {
	t.Helper()
	return doctor.Run(t.Context(), doctor.Config{Archivers: []nodelist.Archiver{{URL: url, Key: key}}, Files: 65536})
}

// find returns the finding of a check, and demands its status and a remedy where
// all is not well.
func find(t *testing.T, r doctor.Report, check string, want doctor.Status, part string) {
	t.Helper()
	for _, f := range r.Checks {
		if f.Check != check || f.Status != want {
			continue
		}
		if !strings.Contains(f.Found, part) {
			t.Errorf("%s: found %q, want %q in it", check, f.Found, part)
		}
		if (f.Remedy == "") != (want == doctor.OK) {
			t.Errorf("%s is %s, with the remedy %q", check, want, f.Remedy)
		}
		return
	}
	t.Errorf("nothing is %s about %s: %+v", want, check, r.Checks)
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name string
		off  time.Duration
		want doctor.Status
		part string
	}{
		{"right", 0, doctor.OK, "within"},
		{"ten seconds behind", 10 * time.Second, doctor.Warn, "behind the archiver"},
		{"ten seconds ahead", -10 * time.Second, doctor.Warn, "ahead of the archiver"},
		{"two minutes off", 2 * time.Minute, doctor.Fail, "no node is listed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.off = tt.off
			s := httptest.NewServer(f)
			defer s.Close()
			find(t, examine(t, s.URL, f.key.Public()), "clock", tt.want, tt.part)
		})
	}
}

func TestList(t *testing.T) {
	f, other := newFake(t), newFake(t)
	s := httptest.NewServer(f)
	defer s.Close()
	find(t, examine(t, s.URL, f.key.Public()), "list", doctor.Fail, "0 active nodes")
	find(t, examine(t, s.URL, other.key.Public()), "list", doctor.Fail, "not the pinned")

	// A remembered key counts, and the file stays as it is.
	path := filepath.Join(t.TempDir(), "archivers.json")
	text := `{"archivers":{"` + s.URL + `":{"key":"` + other.key.Public() + `","seen":1}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := doctor.Run(t.Context(), doctor.Config{Archivers: []nodelist.Archiver{{URL: s.URL}}, Keys: path})
	find(t, r, "list", doctor.Fail, "when first seen")
	if now, err := os.ReadFile(path); err != nil || string(now) != text {
		t.Errorf("the file of keys is now %q (%v)", now, err)
	}
}

func TestBrowserPort(t *testing.T) {
	f := newFake(t)
	f.port = 6000
	s := httptest.NewServer(f)
	defer s.Close()
	find(t, examine(t, s.URL, ""), "browser", doctor.Fail, "6000")
}

func TestNotAnArchiver(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		part    string
	}{
		{"something else", http.NotFound, "no archiver"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		}, "https://elsewhere.example/"},
		{"a proxy without anybody behind it", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.handler)
			defer s.Close()
			find(t, examine(t, s.URL, ""), "http", doctor.Fail, tt.part)
		})
	}
}

// A server that accepts and says nothing costs the time of one check.
func TestMuteServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	find(t, examine(t, "http://"+l.Addr().String(), ""), "http", doctor.Fail, "nothing within 5s")
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNames(t *testing.T) {
	find(t, examine(t, "http://no-such-host.invalid:6080", ""), "dns", doctor.Fail, "no-such-host.invalid has no address")
}

// Certificates in files, of each age.
func TestCertificateFiles(t *testing.T) {
	ca := testca.New(t)
	for _, tt := range []struct {
		name      string
		age, life time.Duration
		want      doctor.Status
		part      string
	}{
		{"new", time.Hour, 90 * 24 * time.Hour, doctor.OK, "89 days"},
		{"about to end", 86 * 24 * time.Hour, 100 * time.Hour, doctor.Warn, "4 days"},
		{"new, of a short life", time.Hour, 6 * 24 * time.Hour, doctor.OK, "5 days"},
		{"about to end, of a short life", 5 * 24 * time.Hour, 24 * time.Hour, doctor.Warn, "23 hours"},
		{"over", time.Hour, -time.Minute, doctor.Fail, "ended on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := archiverHere(t)
			cert, key := ca.IssueOld(t, tt.age, tt.life, "archiver.example.org")
			a.TLSCert, a.TLSKey = write(t, "cert.pem", cert), write(t, "key.pem", key)
			find(t, doctor.Run(t.Context(), doctor.Config{Archiver: &a}), "certificate", tt.want, tt.part)
		})
	}
	t.Run("of another key", func(t *testing.T) {
		a := archiverHere(t)
		cert, _ := ca.Issue(t, time.Hour, "archiver.example.org")
		_, key := ca.Issue(t, time.Hour, "archiver.example.org")
		a.TLSCert, a.TLSKey = write(t, "cert.pem", cert), write(t, "key.pem", key)
		find(t, doctor.Run(t.Context(), doctor.Config{Archiver: &a}), "certificate", doctor.Fail, "private key does not match")
	})
}

// A clock by which a good certificate is not good yet, or no more, is this machine's own fault if
// the archiver's is another; a certificate that is over by both clocks is to be renewed.
func TestOwnClockAndTheCertificate(t *testing.T) {
	const day = 24 * time.Hour
	ca := testca.New(t)
	for _, tt := range []struct {
		name           string
		age, life, off time.Duration // off: of the archiver's clock
		clock, tls     string        // parts of what is found; "": nothing is said of the clock
	}{
		{"ahead", 100 * day, -10 * day, -20 * day, "480h0m", "by this machine's clock"},
		{"behind", -10 * day, 90 * day, 20 * day, "behind the archiver", "by this machine's clock"},
		{"over by both", 100 * day, -10 * day, 0, "", "ended on"},
		{"over, and the archiver's clock is off, too", 100 * day, -10 * day, day, "", "ended on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pair, err := tls.X509KeyPair(ca.IssueOld(t, tt.age, tt.life, "127.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(tt.off).UTC().Format(http.TimeFormat))
			}))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			s.StartTLS()
			defer s.Close()
			r := examine(t, s.URL, "")
			find(t, r, "tls", doctor.Fail, tt.tls)
			if tt.clock != "" {
				find(t, r, "clock", doctor.Fail, tt.clock)
			} else if slices.ContainsFunc(r.Checks, func(f doctor.Finding) bool { return f.Check == "clock" }) {
				t.Errorf("the clock is blamed: %+v", r.Checks)
			}
		})
	}
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// archiverHere are settings that are well on any machine.
func archiverHere(t *testing.T) config.Archiver {
	t.Helper()
	a := config.Default().Archiver
	a.Listen, a.NodeListen, a.Data = []string{"127.0.0.1:0"}, "127.0.0.1:0", filepath.Join(t.TempDir(), "not", "there", "yet")
	return a
}

func TestMachine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name  string
		set   func(*doctor.Config)
		check string
		want  doctor.Status
		part  string
	}{
		{"a folder that will be made", func(*doctor.Config) {}, "data", doctor.OK, "will be made"},
		{"a file in its place", func(c *doctor.Config) { c.Archiver.Data = write(t, "file", nil) }, "data", doctor.Fail, "no folder"},
		{"below a file", func(c *doctor.Config) { c.Archiver.Data = write(t, "file", nil) + "/data" }, "data", doctor.Fail, "not a directory"},
		{"room", func(*doctor.Config) {}, "disk", doctor.OK, "GiB free"},
		{"a free port", func(*doctor.Config) {}, "listen", doctor.OK, "is free"},
		{"a port in use", func(c *doctor.Config) { c.Archiver.NodeListen = busy.Addr().String() }, "listen", doctor.Warn, "in use"},
		{"the port of ACME in use", func(c *doctor.Config) {
			c.Archiver.ACME, c.Archiver.ACMEHTTPListen = []string{"archiver.example.org"}, busy.Addr().String()
		}, "listen", doctor.Warn, "in use"},
		{"a UDP port in use", func(c *doctor.Config) {
			n := config.Default().Consensor
			n.Data, n.Listen, n.UDPListen = t.TempDir(), "127.0.0.1:0", taken.LocalAddr().String()
			c.Consensor, c.Archiver = &n, nil
		}, "listen", doctor.Warn, "UDP "},
		{"an address of elsewhere", func(c *doctor.Config) { c.Archiver.Listen = []string{"192.0.2.77:6080"} }, "listen", doctor.Fail, "192.0.2.77"},
		{"a port that browsers refuse", func(c *doctor.Config) { c.Archiver.Listen = []string{"127.0.0.1:6666"} }, "browser", doctor.Fail, "6666"},
		{"files enough", func(c *doctor.Config) { c.Files = 1 << 16 }, "files", doctor.OK, "65536"},
		{"few files", func(c *doctor.Config) { c.Files = 256 }, "files", doctor.Warn, "256"},
		{"fewer files than the settings want", func(c *doctor.Config) { c.Files, c.WantedFiles, c.FilesRemedy = 4096, 9000, "raise it" }, "files", doctor.Warn, "9000"},
		{"no archiver", func(*doctor.Config) {}, "archiver", doctor.Warn, "no archiver is named"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := archiverHere(t)
			cfg := doctor.Config{Archiver: &a}
			tt.set(&cfg)
			find(t, doctor.Run(t.Context(), cfg), tt.check, tt.want, tt.part)
		})
	}
}

// A user who may not listen at a port is told whether somebody does.
func TestListeningIsForbidden(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := "TCP " + l.Addr().String()
	if f := doctor.Listening("archiver", addr, false, fs.ErrPermission); f.Status != doctor.Warn || !strings.Contains(f.Found, "is in use") {
		t.Errorf("with a server there: %+v", f)
	}
	if f := doctor.Listening("archiver", addr, true, fs.ErrPermission); f.Status != doctor.OK || f.Remedy != "" {
		t.Errorf("with the archiver there: %+v", f)
	}
	l.Close()
	if f := doctor.Listening("archiver", addr, false, fs.ErrPermission); f.Status != doctor.Fail || !strings.Contains(f.Remedy, "CAP_NET_BIND_SERVICE") {
		t.Errorf("with nobody there: %+v", f)
	}
}

// The signalling server is looked at though no node is listed yet, and what is
// wrong with it is told with what to do.
func TestSignalling(t *testing.T) {
	f := newFake(t)
	s := httptest.NewServer(f)
	defer s.Close()
	f.port = float64(s.Listener.Addr().(*net.TCPAddr).Port)
	find(t, examine(t, s.URL, f.key.Public()), "signalling", doctor.Fail, "no WebSocket")

	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = log.New(t.Output(), "", 0)
	f.port, f.secure = float64(secure.Listener.Addr().(*net.TCPAddr).Port), true
	r := examine(t, s.URL, f.key.Public())
	find(t, r, "signalling", doctor.Fail, "certificate")
	if i := slices.IndexFunc(r.Checks, func(f doctor.Finding) bool { return f.Check == "signalling" }); !strings.Contains(r.Checks[i].Remedy, "SSL_CERT_FILE") {
		t.Errorf("the remedy is %q", r.Checks[i].Remedy)
	}
}

// What is found of the buffers is what a node's own socket gets.
func TestBuffers(t *testing.T) {
	got, _, enough, err := rtc.SocketBuffers()
	if errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux" {
		t.Skip("this system does not tell")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := doctor.OK
	if min(got.Receive, got.Send) < enough {
		want = doctor.Warn
	}
	find(t, doctor.Run(t.Context(), doctor.Config{}), "buffers", want, fmt.Sprintf("%d KiB to receive", got.Receive>>10))
}
