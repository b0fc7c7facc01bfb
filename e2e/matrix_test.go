package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// echoLimit is the largest message that the echo takes; a small echo takes less than
// Chromium puts into one frame.
const (
	echoLimit      = 1 << 20
	smallEchoLimit = 200_000
)

// A matrix is what a page of matrix.html leaves in window.result.
type matrix struct {
	Done   []string `json:"done"`
	Failed []string `json:"failed"`
}

// Stock libraries in Chromium, in every serialisation, send our session layer values of every
// kind, from 1 byte to 1 MiB, and get them back.
func TestSerialisationsInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	large := startEcho(t, "http://"+archiver.addr+"/liberdus-peer", "large", echoLimit)
	small := startEcho(t, "http://"+archiver.addr+"/liberdus-peer", "small", smallEchoLimit)
	server, browser := pages(t), browse(t)
	host, port := hostPort(t, archiver.addr)
	for _, tt := range []struct {
		lib, serialization string
		reliable           bool
		careless           bool // it sends the small echo what that has said it does not take
	}{
		{"peerjs", "binary", true, false},
		{"peerjs", "binary", false, false},
		{"peerjs", "binary-utf8", true, false},
		{"peerjs", "json", true, false},
		{"peerjs", "json", false, false},
		{"peerjs", "raw", true, false},
		{"peerjs", "raw", false, false},
		{"peerjs-1.4.7", "binary", true, false},
		{"peerjs-1.4.7", "json", true, false},
		{"peerjs-1.4.7", "none", true, false},
		{"simple-peerjs", "", true, false},
		{"peerjs", "raw", true, true},
		{"simple-peerjs", "", true, true},
	} {
		name, id, peer, limit := fmt.Sprint(tt.lib, " ", tt.serialization, " reliable ", tt.reliable), "large", large, echoLimit
		if tt.careless {
			name, id, peer, limit = name+" careless", "small", small, smallEchoLimit
		}
		t.Run(name, func(t *testing.T) {
			got := visitFor[matrix](t, browser, server.URL+"/matrix.html", url.Values{
				"lib": {tt.lib}, "host": {host}, "port": {port}, "peer": {id}, "limit": {fmt.Sprint(limit)},
				"serialization": {tt.serialization}, "reliable": {fmt.Sprint(tt.reliable)}, "careless": {fmt.Sprint(tt.careless)},
			})
			for _, failed := range got.Failed {
				t.Error(failed)
			}
			if len(got.Done) < 19 {
				t.Errorf("only %d checks were made: %q", len(got.Done), got.Done)
			}
			gone(t, peer)
		})
	}
}

// gone waits until a peer has no connection left, as after its page was closed.
func gone(t *testing.T, p *rtc.Peer) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for p.Connections() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", p.Connections())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// startEcho runs a peer of ours under id until the end of the test.
func startEcho(t *testing.T, server, id string, limit int) *rtc.Peer {
	t.Helper()
	return startPeer(t, server, id, func(c *rtc.Config) { c.MaxMessage, c.Serve = limit, echoJSON })
}

// startPeer is startEcho for a peer that serves otherwise.
func startPeer(t *testing.T, server, id string, change func(*rtc.Config)) *rtc.Peer {
	t.Helper()
	cfg := rtc.DefaultConfig()
	cfg.Loopback = true
	change(&cfg)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	p, err := rtc.New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: server, Key: "liberdus", ID: id}, log)
	if err != nil {
		t.Fatal(err)
	}
	link, err := p.Attach("archiver", sig)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() { _ = link.Run(ctx) }) // its end shows in the test
	t.Cleanup(func() {
		p.Close()
		cancel()
		sig.Close()
		wg.Wait()
	})
	return p
}

// echoJSON is the echo that matrix.js describes.
func echoJSON(ctx context.Context, s *rtc.Session) {
	for {
		msg, err := s.Recv()
		switch {
		case errors.Is(err, rtc.ErrTooLarge):
			msg = fault("large")
		case errors.Is(err, rtc.ErrMalformed):
			msg = fault("malformed")
		case err != nil:
			return
		}
		var order struct {
			Make int `json:"make"`
		}
		if json.Unmarshal(msg, &order) == nil && order.Make > 0 {
			msg = ofBytes(order.Make)
		}
		err = s.Send(ctx, msg)
		switch {
		case errors.Is(err, rtc.ErrTooLarge):
			err = s.Send(ctx, fault("room"))
		case errors.Is(err, rtc.ErrMalformed):
			err = s.Send(ctx, fault("cannot"))
		}
		if err != nil {
			return
		}
	}
}

func fault(what string) []byte { return []byte(`{"fault":"` + what + `"}`) }

// ofBytes returns n bytes of JSON.
func ofBytes(n int) []byte {
	if n == 1 {
		return []byte("7")
	}
	return []byte(`"` + strings.Repeat("x", n-2) + `"`)
}

// visitFor opens a page in a tab of its own and waits for what it leaves in window.result.
func visitFor[T any](t *testing.T, browser context.Context, page string, params url.Values) T {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	tab, stop := context.WithTimeout(tab, 90*time.Second)
	defer stop()
	if err := chromedp.Do(tab, chromedp.Navigate(page+"?"+params.Encode())); err != nil {
		t.Fatalf("open %s: %v", page, err)
	}
	got, err := chromedp.Run(tab, chromedp.Poll[T]("window.result",
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(80*time.Second)))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return got
}
