package roles_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

// startArchiver runs an archiver on free ports until the test ends.
func startArchiver(t *testing.T, change func(*config.Archiver)) *roles.Archiver {
	t.Helper()
	cfg := config.Default().Archiver
	cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0"}, "", t.TempDir()
	if change != nil {
		change(&cfg)
	}
	a, err := roles.NewArchiver(cfg, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		a.Close()
	})
	return a
}

// from dials from an address of this machine's own.
func from(addr string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
}

// A proxy nearby that nobody named is warned about, once; a stranger's header
// is not.
func TestUnnamedProxyIsWarnedOf(t *testing.T) {
	for _, tt := range []struct {
		name, remote, header string
		trusted              []string
		warns                int
	}{
		{"a proxy on this machine", "127.0.0.1:5", "203.0.113.7", nil, 1},
		{"a proxy in the cluster", "10.0.0.7:5", "203.0.113.7", []string{"10.0.0.8"}, 1},
		{"a trusted one", "127.0.0.1:5", "203.0.113.7", []string{"127.0.0.1"}, 0},
		{"no header", "127.0.0.1:5", "", nil, 0},
		{"a stranger", "203.0.113.9:5", "203.0.113.7", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			addrOf, err := roles.Front(tt.trusted, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
			if tt.header != "" {
				r.Header.Set("X-Forwarded-For", tt.header)
			}
			for range 3 {
				addrOf(r)
			}
			if got := strings.Count(log.String(), "--trusted-proxy "); got != tt.warns {
				t.Errorf("%d warnings, want %d:\n%s", got, tt.warns, &log)
			}
		})
	}
}

// A reverse proxy in front of an archiver is believed only if it is trusted.
func TestArchiverBehindAProxy(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trusted []string
		want    string
	}{
		{"trusted", []string{"127.0.0.1"}, "127.0.0.2"},
		{"another is trusted", []string{"10.0.0.0/8"}, "127.0.0.1"},
		{"none is trusted", nil, "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, func(c *config.Archiver) { c.TrustedProxy = tt.trusted })
			target, err := url.Parse(a.URL())
			if err != nil {
				t.Fatal(err)
			}
			through := &http.Transport{DialContext: from("127.0.0.1").DialContext}
			proxy := httptest.NewServer(&httputil.ReverseProxy{Transport: through, Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // what the client made up stays before
				r.SetXForwarded()
			}})
			t.Cleanup(through.CloseIdleConnections)
			t.Cleanup(proxy.Close)

			web := &http.Client{Transport: &http.Transport{DialContext: from("127.0.0.2").DialContext, DisableKeepAlives: true}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy.URL+"/myip", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Forwarded-For", "203.0.113.66")
			resp, err := web.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `{"ip":"`+tt.want+`"}` {
				t.Errorf("GET /myip = %s, %v, want %s", body, err, tt.want)
			}

			peer, err := signaling.Dial(t.Context(), signaling.ClientConfig{
				URL: proxy.URL + signaling.DefaultPath, ID: "me", Dial: from("127.0.0.2").DialContext,
			}, logger(t))
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			if p, ok := roles.PeerServer(a).Peer("me"); !ok || p.Addr.String() != tt.want {
				t.Errorf("the peer server sees %v, want %s", p.Addr, tt.want)
			}
		})
	}
}
