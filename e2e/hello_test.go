package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/signing"
)

// A page with stock PeerJS in Chromium, which knows nothing of identities in ANSWERs, learns
// in one round trip whose certificate it is connected to.
func TestHelloToABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	host, port := hostPort(t, archiver.addr)
	nonce := rand.Text()
	page := pages(t).URL + "/hello.html?" + url.Values{
		"host": {host}, "port": {port}, "path": {"/liberdus-peer"}, "key": {"liberdus"}, "peer": {consensor.peerID}, "nonce": {nonce},
	}.Encode()
	tab, stop := context.WithTimeout(browse(t), 40*time.Second)
	defer stop()
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(tab, chromedp.Poll[struct {
		OK                   bool
		Error, Hello, Remote string
	}]("window.result", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(35*time.Second)))
	if err != nil || !got.OK {
		t.Fatalf("hello: %v, %q", err, got.Error)
	}
	var reply struct {
		Status int
		Body   json.RawMessage
	}
	if err := json.Unmarshal([]byte(got.Hello), &reply); err != nil || reply.Status != 200 {
		t.Fatalf("reply %s: %v", got.Hello, err)
	}
	o, err := signing.ParseObject(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := signing.Verify(o)
	if err != nil {
		t.Fatal(err)
	}
	if owner != consensor.peerID || o["publicKey"] != owner || o["nonce"] != nonce || o["purpose"] != "liberdus-hello" {
		t.Errorf("hello = %v, want %s and nonce %s", o, consensor.peerID, nonce)
	}
	if fp, _ := o["fingerprint"].(string); fp == "" || !strings.Contains(got.Remote, "a=fingerprint:"+fp) {
		t.Errorf("fingerprint = %v, the browser sees %s", o["fingerprint"], got.Remote)
	}
}
