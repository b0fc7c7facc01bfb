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

// nginxSnippet is the server block of docs/tls.md, with this test's addresses
// and files in place of those that a reader puts his own for.
func nginxSnippet(t *testing.T, listen, archiver, cert, key string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/tls.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(doc), "```nginx\n")
	block, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("docs/tls.md has no nginx block")
	}
	for old, now := range map[string]string{
		"listen 443 ssl;": "listen " + listen + " ssl;",
		"/etc/letsencrypt/live/archiver.example.org/fullchain.pem": cert,
		"/etc/letsencrypt/live/archiver.example.org/privkey.pem":   key,
		"http://127.0.0.1:6080":                                    archiver,
	} {
		if strings.Count(block, old) != 1 {
			t.Fatalf("the nginx block of docs/tls.md does not have %q once", old)
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

// The nginx configuration that the documentation shows lets nodes and clients
// through, WebSockets included.
func TestNginxAsDocumented(t *testing.T) {
	t.Parallel()
	ca, s := testca.New(t), newSite(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.77")
	addr := freeAddrOf(t, "127.0.0.77")
	at := "https://" + addr
	archiver := s.archiver("--public-url", at, "--trusted-proxy", "127.0.0.1")
	startNginx(t, s, nginxSnippet(t, addr, archiver.url(), cert, key))

	s.env = []string{"SSL_CERT_FILE=" + s.file("authority.pem", string(ca.PEM)), "NODE_EXTRA_CA_CERTS=" + s.dir("authority.pem")}
	consensor := s.unlisted(at)
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))
	tx, txID, err := w.register("nginx")
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
