package e2e

import (
	"context"
	"crypto/tls"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/testacme"
	"github.com/liberdus/liberdus/internal/testca"
)

// Hosts that the browser of trustingBrowser finds on this machine. Unlike
// 127.0.0.1 they get no special treatment: what is mixed content is blocked.
const (
	walletHost   = "wallet.example.test"
	archiverHost = "archiver.example.test"
)

// trustingBrowser starts a browser that trusts an authority as one does that a
// user has installed it in.
func trustingBrowser(t *testing.T, authority []byte) context.Context {
	t.Helper()
	home := t.TempDir()
	store := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "authority.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "-d", "sql:" + store, "--empty-password"},
		{"-A", "-d", "sql:" + store, "-n", "test authority", "-t", "C,,", "-i", file},
	} {
		if err := command(t.Context(), home, tools.certutil, args...); err != nil {
			t.Fatal(err)
		}
	}
	return browse(t, chromedp.Env("HOME="+home),
		chromedp.Flag("host-resolver-rules", "MAP *.example.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.local"))
}

// securePages serves pages/ over https, and returns the URL.
func securePages(t *testing.T, ca *testca.CA) string {
	t.Helper()
	pair, err := tls.X509KeyPair(ca.Issue(t, time.Hour, walletHost))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(pagesHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port := hostPort(t, server.Listener.Addr().String())
	return "https://" + walletHost + ":" + port
}

// An archiver with a certificate of a private authority: everybody who trusts
// that authority uses it over https and wss.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	ca, dir := testca.New(t), t.TempDir()
	cert, key := ca.Files(t, dir, "127.0.0.1", archiverHost)
	s := newSite(t)
	trusted := []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM)), "NODE_EXTRA_CA_CERTS=" + s.dir("authority.pem")}

	archiver := s.archiver("--tls-cert", cert, "--tls-key", key)
	at := "https://" + archiver.addr
	s.env = trusted
	consensor := s.unlisted(at) // ready: it is on the list
	d := openDoor(t, consensor)

	t.Run("our client", func(t *testing.T) {
		s := &site{t: t, home: s.home, env: trusted}
		s.run("client", "account", "--archiver", at, strings.Repeat("f", 64)).exits(4)
		r := (&site{t: t, home: s.home}).run("client", "nodes", "--archiver", at).exits(1)
		if doc := r.json(); doc.text("hop") != "archiver" || !strings.Contains(doc.text("error"), "certificate") {
			r.fatalf("want an error about the certificate at hop archiver")
		}
	})
	t.Run("our client over plain HTTP", func(t *testing.T) {
		r := (&site{t: t, home: s.home}).run("client", "nodes", "--archiver", "http://"+archiver.addr).exits(1)
		if doc := r.json(); !strings.Contains(doc.text("error"), "https://") {
			r.fatalf("want an error that names https://")
		}
	})
	t.Run("simple-peerjs in Node", func(t *testing.T) {
		w := newWallet(t, d.network(t))
		tx, txID, err := w.register("securenode")
		if err != nil {
			t.Fatal(err)
		}
		args := caller(t, archiver, consensor.peerID, "--secure", "true", "--tx", tx, "--account", w.id(), "--pingInterval", "5000")
		script := (&site{t: t, home: s.home, env: trusted}).node("seed-client.js", args...)
		if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
			t.Fatalf("seed-client.js: exit %d (ended: %v), want 0", code, ok)
		}
		checkSeedReplies(t, messages(script), w.id(), txID, consensor.peerID)
	})
	_, port := hostPort(t, archiver.addr)
	wallet, browser := securePages(t, ca), trustingBrowser(t, ca.PEM)
	for _, test := range stock {
		t.Run(test.name+" on an https page", func(t *testing.T) {
			w := newWallet(t, d.network(t))
			tx, txID, err := w.register("https" + test.alias)
			if err != nil {
				t.Fatal(err)
			}
			got := visit(t, browser, wallet+test.page, url.Values{
				"host": {archiverHost}, "port": {port}, "secure": {"true"}, "path": {"/liberdus-peer"}, "key": {"liberdus"},
				"peer": {consensor.peerID}, "serialization": {test.serialization}, "tx": {tx}, "account": {w.id()},
			})
			if !got.OK || len(got.Faults) > 0 {
				t.Fatalf("ok = %v, error %q, faults %q, messages %v", got.OK, got.Error, got.Faults, got.Messages)
			}
			checkSeedReplies(t, got.Messages, w.id(), txID, consensor.peerID)
			applied(t, d, txID)
		})
	}
}

// What an archiver warns about at start is so: from an https page a browser does
// not call one over plain HTTP.
func TestMixedContentIsBlocked(t *testing.T) {
	t.Parallel()
	ca, s := testca.New(t), newSite(t)
	archiver := s.archiver()
	_, port := hostPort(t, archiver.addr)
	got := visit(t, trustingBrowser(t, ca.PEM), securePages(t, ca)+"/simple-peerjs.html", url.Values{
		"host": {archiverHost}, "port": {port}, "path": {"/liberdus-peer"}, "key": {"liberdus"}, "peer": {"anyone"}, "tx": {"{}"},
	})
	if got.OK || got.OurID != "" {
		t.Errorf("an https page got id %q from an archiver over plain HTTP; want it blocked", got.OurID)
	}
}

// An archiver gets its certificate from an ACME server that comes to its ports,
// and a node and a client use it.
func TestACME(t *testing.T) {
	authority := testacme.New(t)
	s := newSite(t)
	archiver := s.archiver("--acme", "127.0.0.1", "--acme-ca", authority.URL, "--acme-ca-root", authority.RootFile, "--acme-http-listen", "127.0.0.1:0")
	_, tlsPort := hostPort(t, archiver.addr)
	ready := archiver.wait(t, archiver.errs, 0, "line ready", func(r record) bool { return r.text("msg") == "ready" })
	_, httpPort := hostPort(t, ready.text("acmeAddr"))
	authority.Open(number(t, httpPort), number(t, tlsPort))
	archiver.wait(t, archiver.errs, 0, "certificate", func(r record) bool { return r.text("msg") == "certificate in use" })

	s.env = []string{"SSL_CERT_FILE=" + s.file("issued.pem", string(authority.Issued))}
	at := "https://" + archiver.addr
	consensor := s.unlisted(at)
	r := s.run("client", "nodes", "--archiver", at).exits(0)
	if !strings.Contains(r.stdout, consensor.peerID) {
		r.fatalf("the node is not listed")
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
