package roles_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

// trusting returns an HTTP client that trusts ca alone and keeps no connection.
func trusting(ca *testca.CA) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, DisableKeepAlives: true}}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// An archiver with certificate files speaks https and wss, says so in /rtc, and
// takes a new certificate while sockets stay open.
func TestArchiverTLS(t *testing.T) {
	ca, dir := testca.New(t), t.TempDir()
	cert, key := ca.Files(t, dir, "127.0.0.1")
	a := startArchiver(t, func(c *config.Archiver) { c.TLSCert, c.TLSKey, c.NodeListen = cert, key, "127.0.0.1:0" })
	if !strings.HasPrefix(a.URL(), "https://127.0.0.1:") {
		t.Fatalf("URL = %s, want https", a.URL())
	}
	web := trusting(ca)
	_, body := get(t, web, a.URL()+"/rtc")
	var told struct{ RTC struct{ Secure bool } }
	if err := json.Unmarshal([]byte(body), &told); err != nil || !told.RTC.Secure {
		t.Errorf("GET /rtc = %s, %v, want secure true", body, err)
	}
	if res, body := get(t, web, strings.Replace(a.URL(), "https:", "http:", 1)+"/rtc"); res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "secure: true") {
		t.Errorf("plain HTTP = %d %q, want 400 and what to do", res.StatusCode, body)
	}
	if res, _ := get(t, web, "http://"+roles.NodeAddr(a)+"/nodelist"); res.StatusCode != http.StatusOK {
		t.Errorf("the listener for nodes answers %d, want 200 without TLS", res.StatusCode)
	}

	peer, err := signaling.Dial(t.Context(), signaling.ClientConfig{
		URL: a.URL() + signaling.DefaultPath, ID: "me", TLS: &tls.Config{RootCAs: ca.Pool()},
	}, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()

	before := serial(t, a, ca)
	ca.Files(t, dir, "127.0.0.1")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); serial(t, a, ca) == before; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not shown")
		}
	}
	if err := peer.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "me", Payload: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	select {
	case m, ok := <-peer.Messages():
		if !ok || m.Type != signaling.TypeOffer || m.Src != "me" {
			t.Errorf("the socket of before got %+v (%v), want its own offer", m, peer.Err())
		}
	case <-time.After(20 * time.Second):
		t.Error("the socket of before got nothing")
	}
}

// serial returns the serial number of the certificate that a shows.
func serial(t *testing.T, a *roles.Archiver, ca *testca.CA) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(a.URL(), "https://"), &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestArchiverWithBadCertificate(t *testing.T) {
	cfg := config.Default().Archiver
	cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0"}, "", t.TempDir()
	cfg.TLSCert, cfg.TLSKey = t.TempDir()+"/none.pem", os.DevNull
	_, err := roles.NewArchiver(cfg, logger(t))
	if _, usage := errors.AsType[*roles.UsageError](err); !usage || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("NewArchiver = %v, want a usage error that names the file", err)
	}
}

// Before it is ready an archiver says what browsers will refuse.
func TestArchiverWarnings(t *testing.T) {
	ca := testca.New(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.1")
	const mixed, open = "mixed content", "any node may join"
	for _, tt := range []struct {
		name   string
		change func(*config.Archiver)
		want   []string
	}{
		{"loopback", func(*config.Archiver) {}, nil},
		{"every interface", func(c *config.Archiver) { c.Listen = []string{":0"} }, []string{mixed, open}},
		{"one of two", func(c *config.Archiver) { c.Listen = []string{"127.0.0.1:0", "0.0.0.0:0"} }, []string{mixed, open}},
		{"a TLS terminator", func(c *config.Archiver) { c.Listen, c.PublicURL = []string{":0"}, "https://a.example" }, []string{open}},
		{"a plain proxy", func(c *config.Archiver) { c.Listen, c.PublicURL = []string{":0"}, "http://a.example" }, []string{mixed, open}},
		{"certificate files", func(c *config.Archiver) { c.Listen, c.TLSCert, c.TLSKey = []string{":0"}, cert, key }, []string{open}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default().Archiver
			cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0"}, "", t.TempDir()
			tt.change(&cfg)
			var said strings.Builder // one goroutine writes before ready
			ctx, stop := context.WithCancel(t.Context())
			log := slog.New(stopAtReady{slog.NewTextHandler(&said, nil), stop})
			a, err := roles.NewArchiver(cfg, log)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if err := a.Run(ctx); err != nil {
				t.Fatal(err)
			}
			before, _, ready := strings.Cut(said.String(), "msg=ready")
			if !ready {
				t.Fatalf("not ready:\n%s", &said)
			}
			for _, text := range []string{mixed, open} {
				if want := strings.Contains(strings.Join(tt.want, " "), text); strings.Contains(before, text) != want {
					t.Errorf("warning of %q before ready: %v, want %v:\n%s", text, !want, want, before)
				}
			}
		})
	}
}

// stopAtReady ends an archiver when it says that it is ready.
type stopAtReady struct {
	slog.Handler
	stop func()
}

func (h stopAtReady) WithAttrs(a []slog.Attr) slog.Handler {
	return stopAtReady{h.Handler.WithAttrs(a), h.stop}
}

func (h stopAtReady) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Message == "ready" {
		h.stop()
	}
	return err
}
