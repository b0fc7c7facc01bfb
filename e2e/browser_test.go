package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/browser"
)

// An outcome is what a page leaves in window.result.
type outcome struct {
	OK       bool     `json:"ok"`
	Error    string   `json:"error"`
	OurID    string   `json:"ourId"`
	Messages []record `json:"messages"`
	Faults   []string `json:"faults"` // what the page or its libraries complained about
}

// pages serves pages/ and the stock libraries from node_modules.
func pages(t *testing.T) *httptest.Server {
	server := httptest.NewServer(pagesHandler())
	t.Cleanup(server.Close)
	return server
}

func pagesHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("pages")))
	for path, file := range map[string]string{
		"GET /lib/simple-peerjs.js": tools.library,
		"GET /lib/peerjs.js":        "js/node_modules/peerjs/dist/peerjs.min.js",
		"GET /lib/peerjs-1.4.7.js":  "js/node_modules/peerjs-1.4.7/dist/peerjs.min.js",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	return mux
}

// browse starts a browser with an empty profile and returns a context for its tabs.
func browse(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), browser.Options(tools.browser, more...)...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits for the browser to close
		cancel()
	})
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("start %s: %v", tools.browser, err)
	}
	return tab
}

// visit opens a page in a tab of its own and waits for its outcome.
func visit(t *testing.T, browser context.Context, page string, params url.Values) outcome {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	tab, stop := context.WithTimeout(tab, 40*time.Second)
	defer stop()
	if err := chromedp.Do(tab, chromedp.Navigate(page+"?"+params.Encode())); err != nil {
		t.Fatalf("open %s: %v", page, err)
	}
	got, err := chromedp.Run(tab, chromedp.Poll[outcome]("window.result",
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(35*time.Second)))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return got
}

// The pages and their libraries as users of the web would load them.
var stock = []struct{ name, page, serialization, alias string }{
	{"simple-peerjs", "/simple-peerjs.html", "", "pagesimple"},
	{"peerjs json", "/peerjs.html", "json", "pagejson"},
	{"peerjs raw", "/peerjs.html", "raw", "pageraw"},
}

// Each stock library injects at our consensor from a browser and asks for an account.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	server, browser := pages(t), browse(t)
	for _, test := range stock {
		t.Run(test.name, func(t *testing.T) {
			checkPage(t, browser, server.URL+test.page, archiver.addr, test.serialization, test.alias, consensor)
		})
	}
}

// An archiver that was told no port is reached by browsers on 6080; 6000, where it listens as
// well, is on every browser's list of bad ports.
func TestBrowserOnDefaultPorts(t *testing.T) {
	s := newSite(t)
	s.start("archiver", "--data", s.dir("archiver"))
	for _, base := range []string{"http://127.0.0.1:6000", "http://127.0.0.1:4000"} {
		peers := web(t)
		response, err := peers.Get(base + "/nodelist")
		if err != nil {
			t.Fatalf("default port: %v", err)
		}
		if _, err := drain(response); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("GET %s/nodelist = %d, %v, want 200", base, response.StatusCode, err)
		}
	}
	consensor := s.consensor("http://127.0.0.1:6080")
	checkPage(t, browse(t), pages(t).URL+"/simple-peerjs.html", "127.0.0.1:6080", "", "defaultport", consensor)
}

func checkPage(t *testing.T, browser context.Context, page, signalling, serialization, alias string, consensor *role) {
	t.Helper()
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))
	tx, txID, err := w.register(alias)
	if err != nil {
		t.Fatal(err)
	}
	host, port := hostPort(t, signalling)
	got := visit(t, browser, page, url.Values{
		"host": {host}, "port": {port}, "path": {"/liberdus-peer"}, "key": {"liberdus"},
		"peer": {consensor.peerID}, "serialization": {serialization}, "tx": {tx}, "account": {w.id()},
	})
	if !got.OK || len(got.Faults) > 0 {
		t.Fatalf("%s: ok = %v, error %q, faults %q, messages %v", page, got.OK, got.Error, got.Faults, got.Messages)
	}
	checkSeedReplies(t, got.Messages, w.id(), txID, consensor.peerID)
	applied(t, d, txID)
}
