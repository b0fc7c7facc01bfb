package e2e

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/testca"
)

// A terminator is a reverse proxy that speaks TLS.
type terminator struct {
	*httptest.Server
	target   atomic.Pointer[url.URL]
	upgrades atomic.Int64 // WebSockets asked for through it
}

func newTerminator(t *testing.T, ca *testca.CA) *terminator {
	t.Helper()
	pair, err := tls.X509KeyPair(ca.Issue(t, time.Hour, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	p := &terminator{}
	through := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: through, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(p.target.Load())
		r.SetXForwarded()
		if r.In.Header.Get("Upgrade") != "" {
			p.upgrades.Add(1)
		}
	}}
	p.Server = httptest.NewUnstartedServer(proxy)
	p.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	p.StartTLS()
	t.Cleanup(func() {
		p.Close()
		through.CloseIdleConnections()
	})
	return p
}

// snippet returns the lines for JavaScript of the archiver's page.
func snippet(t *testing.T, archiver string) string {
	t.Helper()
	response, err := web(t).Get(archiver + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "From a page or a module")
	_, code, _ := strings.Cut(after, "\n\n")
	code, _, _ = strings.Cut(code, "\n\n")
	if !found || !strings.Contains(code, "new Peer(") {
		t.Fatalf("no snippet on the page:\n%s", page)
	}
	return code
}

// The snippet of the archiver's page, copied into a page that has PeerJS, asks a
// node: over plain HTTP, and, on an https page, through a TLS terminator.
func TestSnippetOfThePage(t *testing.T) {
	t.Parallel()
	ca := testca.New(t)
	check := func(t *testing.T, got outcome, consensor *role) {
		t.Helper()
		if !got.OK || len(got.Faults) > 0 || len(got.Messages) == 0 {
			t.Fatalf("ok = %v, error %q, faults %q, messages %v", got.OK, got.Error, got.Faults, got.Messages)
		}
		text, err := json.Marshal(got.Messages[0])
		if err != nil || !strings.Contains(string(text), consensor.peerID) {
			t.Errorf("the snippet logged %s, %v, want the nodeInfo of %s", text, err, consensor.peerID)
		}
	}
	t.Run("plain HTTP", func(t *testing.T) {
		s := newSite(t)
		archiver := s.archiver()
		consensor := s.consensor(archiver.url())
		check(t, visit(t, browse(t), pages(t).URL+"/snippet.html", url.Values{"code": {snippet(t, archiver.url())}}), consensor)
	})
	t.Run("behind a TLS terminator", func(t *testing.T) {
		proxy := newTerminator(t, ca)
		s := newSite(t)
		archiver := s.archiver("--public-url", proxy.URL, "--trusted-proxy", "127.0.0.1")
		target, err := url.Parse(archiver.url())
		if err != nil {
			t.Fatal(err)
		}
		proxy.target.Store(target)
		s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM))}
		consensor := s.unlisted(proxy.URL)

		code := snippet(t, archiver.url())
		if !strings.Contains(code, "secure: true") || !strings.Contains(code, proxy.URL) {
			t.Errorf("the snippet does not lead to %s:\n%s", proxy.URL, code)
		}
		before := proxy.upgrades.Load()
		check(t, visit(t, trustingBrowser(t, ca.PEM), securePages(t, ca)+"/snippet.html", url.Values{"code": {code}}), consensor)
		if proxy.upgrades.Load() == before {
			t.Error("no WebSocket came through the terminator")
		}
	})
}
