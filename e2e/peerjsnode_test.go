package e2e

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Our client dials a node that somebody wrote with stock PeerJS, and finds out by itself which
// dialect that understands.
func TestDialStockPeerJS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	host, port := hostPort(t, archiver.addr)
	tab, cancel := chromedp.NewContext(browse(t))
	defer cancel()
	tab, stop := context.WithTimeout(tab, 90*time.Second)
	defer stop()
	page := pages(t).URL + "/peerjs-node.html?" + url.Values{"host": {host}, "port": {port}, "id": {"stocknode"}}.Encode()
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(tab, chromedp.Poll[bool]("window.ready", chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	for _, dialect := range []string{"auto", "peerjs"} {
		asked := s.run("client", "account", "--archiver", archiver.url(), "--peer", "stocknode", "--dialect", dialect, "abc123").exits(0)
		account := asked.object(asked.json(), "account")
		if account.text("id") != "abc123" || len(account.text("memo")) != 100_000 {
			asked.fatalf("account = %.200v", account)
		}
	}
	s.run("client", "account", "--archiver", archiver.url(), "--peer", "stocknode", "--dialect", "simple-peer", "--timeout", "4s", "abc123").exits(1)
	got, err := chromedp.Run(tab, chromedp.Poll[[]record]("window.asked", chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].text("serialization") != "binary" || got[1].text("url") != "account/id" {
		t.Errorf("the node was asked %v, want two requests in serialization binary", got)
	}
}
