package e2e

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/testca"
)

// The page over https: by the archiver's own certificate, and behind a TLS terminator. Under a name it is no
// exception that browsers make for loopback: what is mixed content would be blocked, and be said on the console.
func TestPageOverTLS(t *testing.T) {
	t.Parallel()
	ca := testca.New(t)
	b := trustingBrowser(t, ca.PEM)
	check := func(t *testing.T, at string, node *role) {
		t.Helper()
		v := visits(t, b, at)
		v.sees("that it is connected", `text('status') === 'Connected' && text('node') === `+quote(node.peerID)+` && text('path') === 'UDP, directly'`)
		v.quiet()
	}
	t.Run("its own certificate", func(t *testing.T) {
		cert, key := ca.Files(t, t.TempDir(), "127.0.0.1", archiverHost)
		s := newSite(t)
		archiver := s.archiver("--tls-cert", cert, "--tls-key", key)
		s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM))}
		node := s.unlisted("https://" + archiver.addr)
		_, port := hostPort(t, archiver.addr)
		check(t, "https://"+archiverHost+":"+port+"/", node)
	})
	t.Run("behind a terminator", func(t *testing.T) {
		proxy := newTerminator(t, ca)
		s := newSite(t)
		archiver := s.archiver("--public-url", proxy.URL, "--trusted-proxy", "127.0.0.1")
		target, err := url.Parse(archiver.url())
		if err != nil {
			t.Fatal(err)
		}
		proxy.target.Store(target)
		s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM))}
		check(t, proxy.URL+"/", s.unlisted(proxy.URL))
	})
}

// Over plain http, and not on this machine, browsers give a page no cryptography. It says so, and what to do.
func TestPageNotSecure(t *testing.T) {
	t.Parallel()
	archiver := newSite(t).archiver()
	_, port := hostPort(t, archiver.addr)
	b := browse(t, chromedp.Flag("host-resolver-rules", "MAP *.example.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.local"))
	v := visits(t, b, "http://"+archiverHost+":"+port+"/")
	v.sees("that the page is not secure", `text('status') === 'Not connected' && text('trouble-what') === 'This page is not secure: open it by https or on localhost.'`)
}

// Where UDP is blocked the page takes the node's TCP port, and says so.
func TestPageOverTCP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url(), "--tcp-listen", "127.0.0.1:0")
	b := browse(t, chromedp.Flag("force-webrtc-ip-handling-policy", "disable_non_proxied_udp"))
	v := visits(t, b, "about:blank")
	// The browser's own loopback address is the one to which UDP would still go.
	v.before(`
		const set = RTCPeerConnection.prototype.setRemoteDescription
		RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
			return set.call(this, { type, sdp: sdp.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '') })
		}`)
	v.open(archiver.url())
	v.sees("that it is connected by TCP", `text('status') === 'Connected' && /^TCP, directly/.test(text('path'))`)
	v.quiet()
}
