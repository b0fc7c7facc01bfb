package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// reload has c read its settings again and returns what it says of that.
func (c *child) reload(t *testing.T) record {
	t.Helper()
	mark := c.errs.mark()
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	return c.wait(t, c.errs, mark, "word on the settings", func(r record) bool { return strings.Contains(r.text("msg"), "reloaded") })
}

// rewrite puts another text into a file of the site.
func (s *site) rewrite(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// A line is a socket of the PeerJS server that stays open.
type line struct {
	*signaling.Client
	t *testing.T
}

func dialLine(t *testing.T, cfg signaling.ClientConfig) (line, error) {
	t.Helper()
	cfg.Key = signaling.DefaultKey
	c, err := signaling.Dial(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return line{c, t}, err
}

// lives demands that the socket still carries messages: it sends itself one.
func (l line) lives() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), eventWithin)
	defer cancel()
	if err := l.Send(ctx, signaling.Message{Type: signaling.TypeCandidate, Dst: l.ID(), Payload: []byte(`{}`)}); err != nil {
		l.t.Fatalf("the socket does not send: %v", err)
	}
	select {
	case m, ok := <-l.Messages():
		if !ok || m.Src != l.ID() {
			l.t.Fatalf("the socket got %+v (open: %v): %v", m, ok, l.Err())
		}
	case <-ctx.Done():
		l.t.Fatal("the socket does not carry messages any more")
	}
}

// session opens a session with a node that lasts until the test ends.
func session(t *testing.T, server, peer string) *rpc.Client {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l, err := dialLine(t, signaling.ClientConfig{URL: server})
	if err != nil {
		t.Fatal(err)
	}
	p, err := rtc.New(rtc.DefaultConfig(), log)
	if err != nil {
		t.Fatal(err)
	}
	link, err := p.Attach("server", l.Client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	go func() { _ = link.Run(ctx); ended <- struct{}{} }()
	s, err := p.Dial(ctx, rtc.Target{Server: "server", PeerID: peer})
	if err != nil {
		t.Fatal(err)
	}
	c := rpc.NewClient(s, l.ID())
	go func() { _ = c.Run(); ended <- struct{}{} }()
	t.Cleanup(func() {
		stop()
		p.Close()
		<-ended
		<-ended
	})
	return c
}

// asks sends requests at once, and returns how many were answered with 200.
func asks(t *testing.T, c *rpc.Client, n int) (served int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventWithin)
	defer cancel()
	statuses := make(chan int, n)
	for range n {
		go func() {
			r, err := c.Do(ctx, rpc.Request{URL: "timestamp", Method: http.MethodGet})
			if err != nil {
				t.Error(err)
			}
			statuses <- r.Status
		}()
	}
	for range n {
		if <-statuses == http.StatusOK {
			served++
		}
	}
	return served
}

// On SIGHUP new settings hold for what is open and for what comes, all of them or, if one
// cannot be used, none.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const fair, narrow = "[archiver]\nconcurrent_limit = 50\n", "[archiver]\nconcurrent_limit = 3\n" // two lines and the node
	file := s.file("archiver.toml", fair)
	archiver := s.archiver("--config", file)
	const busy, slow = "[consensor]\nrequests_per_second = 100\nmax_sessions = 5\n", "[consensor]\nrequests_per_second = 1\nmax_sessions = 5\n"
	own := s.file("consensor.toml", busy)
	consensor := s.consensor(archiver.url(), "--config", own)

	server := archiver.url() + signaling.DefaultPath
	open, err := dialLine(t, signaling.ClientConfig{URL: server})
	if err != nil {
		t.Fatal(err)
	}
	asked := session(t, server, consensor.peerID)
	if served := asks(t, asked, 20); served != 20 {
		t.Errorf("%d of 20 requests are served at the start", served)
	}
	enters := func(want bool) {
		t.Helper()
		if l, err := dialLine(t, signaling.ClientConfig{URL: server}); (err == nil) != want {
			t.Errorf("a newcomer gets %v, want one more to be let in: %v", err, want)
		} else if err == nil {
			l.Close()
		}
		open.lives()
	}
	enters(true)

	for _, tt := range []struct{ name, text, says string }{
		{"a number that cannot be", "[archiver]\nconcurrent_limit = -1\nmessage_rate = 7\n", "--concurrent-limit"},
		{"an unknown key", narrow + "concurent_limit = 1\n", "concurent_limit"},
		{"no TOML", narrow + "connect_rate = = 3\n", file + ":3"},
		{"what needs a restart", narrow + "network_id = \"" + strings.Repeat("a", 64) + "\"\n", "network_id: needs a restart"},
		{"a file that is being written", "", "no table [archiver]"},
		{"a file of another role", busy, "no table [archiver]"},
		{"a certificate for plain HTTP", narrow + "tls_cert = \"c\"\ntls_key = \"k\"\n", "restart"},
	} {
		s.rewrite(file, tt.text)
		if said := archiver.reload(t); said.text("level") != "ERROR" || !strings.Contains(said.text("err"), tt.says) {
			t.Errorf("%s: it says %v, want an error about %s", tt.name, said, tt.says)
		}
		enters(true)
	}

	// A pipe would be waited for, for ever, and the archiver not be stopped meanwhile.
	for _, err := range []error{os.Remove(file), syscall.Mkfifo(file, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if said := archiver.reload(t); said.text("level") != "ERROR" || !strings.Contains(said.text("err"), "not a file") {
		t.Errorf("a pipe: it says %v", said)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	s.rewrite(file, narrow+"log_level = \"debug\"\n")
	if said := archiver.reload(t); said.text("level") != "INFO" || fmt.Sprint(said["changed"]) != "[concurrent_limit log_level]" {
		t.Errorf("good settings: it says %v", said)
	}
	mark := archiver.errs.mark()
	enters(false)
	archiver.wait(t, archiver.errs, mark, "word on who was refused, which the level now shows", func(r record) bool { return r.text("level") == "DEBUG" })
	s.rewrite(file, fair)
	archiver.reload(t)
	enters(true)

	s.rewrite(own, slow+"node = \"http://127.0.0.1:1\"\n")
	if said := consensor.reload(t); said.text("level") != "ERROR" {
		t.Errorf("a node's settings that cannot be: it says %v", said)
	}
	if served := asks(t, asked, 20); served != 20 {
		t.Errorf("%d of 20 requests are served after settings that cannot be", served)
	}
	s.rewrite(own, slow)
	consensor.reload(t)
	if served := asks(t, asked, 20); served < 1 || served > 6 {
		t.Errorf("%d of 20 requests of the session are served at 1 a second, 2 at once, want about 4", served)
	}

	s.rewrite(file, fair+"allow_node = [\""+strings.Repeat("a", 64)+"\"]\n")
	archiver.reload(t)
	mark = archiver.errs.mark()
	s.rewrite(file, fair)
	archiver.reload(t)
	if warned, _ := archiver.errs.find(mark, func(r record) bool { return strings.Contains(r.text("msg"), "any node may join") }); warned == nil {
		t.Error("it is not warned that any node may join from now on")
	}
	open.lives()
}

// On SIGHUP an archiver shows another certificate to those who come. Who is there stays.
func TestReloadCertificate(t *testing.T) {
	t.Parallel()
	ca, s := testca.New(t), newSite(t)
	settings := func(dir string) string {
		cert, key := ca.Files(t, dir, "127.0.0.1")
		return fmt.Sprintf("[archiver]\ntls_cert = %q\ntls_key = %q\n", cert, key)
	}
	file := s.file("archiver.toml", settings(t.TempDir()))
	archiver := s.archiver("--config", file)
	var shown *x509.Certificate
	trusted := &tls.Config{RootCAs: ca.Pool(), VerifyConnection: func(c tls.ConnectionState) error { shown = c.PeerCertificates[0]; return nil }}
	at := signaling.ClientConfig{URL: "https://" + archiver.addr + signaling.DefaultPath, TLS: trusted}
	open, err := dialLine(t, at)
	if err != nil {
		t.Fatal(err)
	}
	first := shown

	s.rewrite(file, "[archiver]\ntls_cert = \"nowhere.pem\"\ntls_key = \"nowhere.pem\"\n")
	if said := archiver.reload(t); said.text("level") != "ERROR" || !strings.Contains(said.text("err"), "nowhere.pem") {
		t.Errorf("without its files: it says %v", said)
	}
	if _, err := dialLine(t, at); err != nil || shown.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Errorf("afterwards: %v, certificate %v, want still %v", err, shown.SerialNumber, first.SerialNumber)
	}
	s.rewrite(file, settings(t.TempDir()))
	archiver.reload(t)
	if _, err := dialLine(t, at); err != nil || shown.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("with another certificate: %v, serial number %v, as before", err, shown.SerialNumber)
	}
	open.lives()
}

// On SIGHUP a gateway serves on with other settings, all of them or none; so the log level of each
// role changes. What needs a restart is refused, also of its network.
func TestReloadOfAGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	own := s.file("consensor.toml", "")
	consensor := s.consensor(archiver.url(), "--config", own, "--ops", "127.0.0.1:0")
	const fair = "[gateway]\nlisten = \"127.0.0.1:0\"\nops = \"127.0.0.1:0\"\n"
	file := s.file("gateway.toml", fair)
	gateway := s.ready(s.supervise("gateway", s.liberdus(context.Background(), "client", "gateway", "--archiver", archiver.url(), "--data", s.dir("gateway"), "--config", file)))
	asked := func(want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway.url()+"/timestamp", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "wallet.example"
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("under the name wallet.example it answers %d, want %d", res.StatusCode, want)
		}
	}
	asked(http.StatusMisdirectedRequest)
	const named = fair + "allow_host = [\"wallet.example\"]\n"
	for _, tt := range []struct{ name, text, says string }{
		{"a number that cannot be", named + "requests = 0\n", "--requests"},
		{"what needs a restart", strings.Replace(named, "ops = \"127.0.0.1:0\"", "ops = \"127.0.0.1:1\"", 1), "ops: needs a restart"},
		{"of its network", named + "[client]\nsessions = 5\n", "sessions: needs a restart"},
		{"files of TLS for plain HTTP", named + "tls_cert = \"c\"\ntls_key = \"k\"\n", "restart"},
	} {
		s.rewrite(file, tt.text)
		if said := gateway.reload(t); said.text("level") != "ERROR" || !strings.Contains(said.text("err"), tt.says) {
			t.Errorf("%s: it says %v, want an error about %s", tt.name, said, tt.says)
		}
		asked(http.StatusMisdirectedRequest)
	}
	s.rewrite(file, named+"log_level = \"debug\"\n")
	if said := gateway.reload(t); said.text("level") != "INFO" || fmt.Sprint(said["changed"]) != "[allow_host log_level]" {
		t.Errorf("good settings: it says %v", said)
	}
	asked(http.StatusOK)

	// Both roles say on their operator's ports which level holds.
	s.rewrite(own, "[consensor]\nlog_level = \"debug\"\n")
	if said := consensor.reload(t); fmt.Sprint(said["changed"]) != "[log_level]" {
		t.Errorf("a node's log level: it says %v", said)
	}
	for _, r := range []*role{consensor, gateway} {
		ready, _ := r.errs.find(0, func(r record) bool { return r.text("msg") == "ready" })
		eventually(t, eventWithin, "the level debug at "+r.name, func() bool {
			res, err := http.Get("http://" + ready.text("opsAddr") + "/loglevel")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			level, _ := io.ReadAll(res.Body)
			return strings.TrimSpace(string(level)) == "debug"
		})
	}
}
