package roles_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

// Where an archiver answers what, by the path of its PeerJS server.
func TestPaths(t *testing.T) {
	for _, tt := range []struct {
		path, key string
		want      map[string]string // path to the start of its body
	}{
		{"/liberdus-peer", "liberdus", map[string]string{
			"/": "Liberdus archiver", "/liberdus-peer": `{"name":"PeerJS Server"`, "/Liberdus-Peer/": `{"name":"PeerJS Server"`,
			"/rtc": `{"networkId"`, "/liberdus.d.ts": "// Types", "/app": "no such path", "/liberdus-peers": "no such path",
		}},
		{"/", "peerjs", map[string]string{
			"/": `{"name":"PeerJS Server"`, "/app": "Liberdus archiver", "/rtc": `{"networkId"`, "/liberdus.js": "var ", "/peerjs/peers": "Unauthorized", "/nope": "Not Found",
		}},
		{"my/app/", "k", map[string]string{
			"/": "Liberdus archiver", "/my/app/": `{"name":"PeerJS Server"`, "/my/app/k/peers": "Unauthorized", "/my": "no such path",
		}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			cfg := config.Default().Archiver
			cfg.Listen, cfg.NodeListen, cfg.Data = []string{"127.0.0.1:0"}, "", t.TempDir()
			cfg.Path, cfg.Key = tt.path, tt.key
			a, err := roles.NewArchiver(cfg, logger(t))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()
			t.Cleanup(func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
				a.Close()
			})
			for path, want := range tt.want {
				resp, err := http.Get(a.URL() + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !strings.HasPrefix(string(body), want) {
					t.Errorf("GET %s = %.60q, %v, want %q", path, body, err, want)
				}
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

// Browsers get the page where others get text, and it may open WebSockets at the port that clients are told.
func TestPageForBrowsers(t *testing.T) {
	for _, tt := range []struct{ name, path, at, public, sockets string }{
		{"beside the PeerJS server", "/liberdus-peer", "/", "", ""},
		{"with the PeerJS server at the root", "/", "/app", "", ""},
		{"behind a TLS terminator", "/liberdus-peer", "/", "https://archiver.example.org", "wss://archiver.example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startArchiver(t, func(c *config.Archiver) { c.Path, c.PublicURL = tt.path, tt.public })
			sockets := tt.sockets
			if sockets == "" {
				sockets = "ws" + strings.TrimPrefix(a.URL(), "http")
			}
			addr := strings.TrimPrefix(a.URL(), "http://")
			ask := "GET " + tt.at + " HTTP/1.1\r\nHost: " + addr + "\r\n"
			page, html := raw(t, addr, ask+"Accept: text/html,*/*;q=0.8\r\n\r\n")
			if !strings.HasPrefix(html, "<!doctype html>") || !strings.Contains(page.Header.Get("Content-Security-Policy"), "connect-src 'self' "+sockets+";") {
				t.Errorf("a browser gets %v %.40q, want the page, which may connect to %s", page.Header, html, sockets)
			}
			plain, text := raw(t, addr, ask+"Accept: */*\r\n\r\n")
			if !strings.HasPrefix(text, "Liberdus archiver") || plain.Header.Get("Vary") != "Accept" {
				t.Errorf("curl gets %v %.40q, want text", plain.Header, text)
			}
		})
	}
}

// The defaults of the settings are those of the server.
func TestDefaultsOfThePeerServer(t *testing.T) {
	got, err := roles.PeerConfig(config.Default().Archiver)
	want := signaling.DefaultConfig()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("peerConfig = %+v, %v, want %+v", got, err, want)
	}
	cfg := config.Default().Archiver
	cfg.CleanupOutMsgs, cfg.AliveTimeout, cfg.CORS = config.Millis(time.Second/4), config.Millis(time.Hour), []string{"https://a"}
	want.CleanupInterval, want.AliveTimeout, want.CORS = time.Second/4, time.Hour, []string{"https://a"}
	if got, err := roles.PeerConfig(cfg); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("peerConfig = %+v, %v, want %+v", got, err, want)
	}
}
