package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/testca"
)

// documented is the block of a document in some language, with this test's addresses and files in
// place of those that a reader puts his own for.
func documented(t *testing.T, path, language string, instead map[string]string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/" + path)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(doc), "```"+language+"\n")
	block, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatalf("docs/%s has no %s block", path, language)
	}
	for old, now := range instead {
		if strings.Count(block, old) != 1 {
			t.Fatalf("the %s block of docs/%s does not have %q once", language, path, old)
		}
		block = strings.Replace(block, old, now, 1)
	}
	return block
}

// startNginx runs nginx with a server block until the end of the test.
func startNginx(t *testing.T, s *site, block string) {
	t.Helper()
	dir := t.TempDir()
	config := s.file("nginx.conf", fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
%[2]s
}
`, dir, block))
	cmd := exec.Command(tools.nginx, "-p", dir, "-e", "stderr", "-c", config)
	s.confine(cmd)
	spawn(t, "nginx", cmd)
}

// freeAddrOf returns an address where nobody listens: nothing else here uses that
// host, so none is given its port meanwhile.
func freeAddrOf(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startCaddy runs Caddy with a site's block until the end of the test.
func startCaddy(t *testing.T, s *site, block string) {
	t.Helper()
	config := s.file("Caddyfile", "{\nadmin off\nauto_https off\n}\n"+block)
	cmd := exec.Command(tools.caddy, "run", "--config", config, "--adapter", "caddyfile")
	s.confine(cmd)
	spawn(t, "caddy", cmd)
}

// The configurations that the documentation shows let nodes and clients through, WebSockets
// included.
func TestTerminatorsAsDocumented(t *testing.T) {
	t.Parallel()
	t.Run("nginx", func(t *testing.T) {
		t.Parallel()
		passThrough(t, "127.0.0.77", func(s *site, addr, archiver, cert, key string) {
			startNginx(t, s, documented(t, "tls.md", "nginx", map[string]string{
				"listen 443 ssl;": "listen " + addr + " ssl;",
				"/etc/letsencrypt/live/archiver.example.org/fullchain.pem": cert,
				"/etc/letsencrypt/live/archiver.example.org/privkey.pem":   key,
				"http://127.0.0.1:6080":                                    archiver,
			}))
		})
	})
	t.Run("Caddy", func(t *testing.T) {
		t.Parallel()
		passThrough(t, "127.0.0.78", func(s *site, addr, archiver, cert, key string) {
			startCaddy(t, s, documented(t, "tls.md", "caddyfile", map[string]string{
				"archiver.example.org {": fmt.Sprintf("https://%s {\n    tls %s %s", addr, cert, key),
				"127.0.0.1:6080":         strings.TrimPrefix(archiver, "http://"),
			}))
		})
	})
}

// passThrough starts a TLS terminator at host in front of an archiver, and has a node register and
// the seed's client call it through that.
func passThrough(t *testing.T, host string, start func(s *site, addr, archiver, cert, key string)) {
	t.Helper()
	ca, s := testca.New(t), newSite(t)
	cert, key := ca.Files(t, t.TempDir(), host)
	addr := freeAddrOf(t, host)
	at := "https://" + addr
	archiver := s.archiver("--public-url", at, "--trusted-proxy", "127.0.0.1")
	start(s, addr, archiver.url(), cert, key)

	s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM)), "NODE_EXTRA_CA_CERTS=" + s.dir("authority.pem")}
	consensor := s.unlisted(at)
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))
	tx, txID, err := w.register("terminated")
	if err != nil {
		t.Fatal(err)
	}
	front := &role{addr: addr}
	script := s.node("seed-client.js", caller(t, front, consensor.peerID, "--secure", "true", "--tx", tx, "--account", w.id(), "--pingInterval", "5000")...)
	if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
		t.Fatalf("seed-client.js: exit %d (ended: %v), want 0", code, ok)
	}
	checkSeedReplies(t, messages(script), w.id(), txID, consensor.peerID)
}
