package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	webfiles "github.com/liberdus/liberdus/internal/web"
)

// A module is a page in Chromium on which scripts use liberdus.js.
type module struct {
	t   *testing.T
	tab context.Context
}

// newModule opens a page of its own, which keeps nothing of others.
func newModule(t *testing.T, browser context.Context, page string) *module {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	tab, stop := context.WithTimeout(tab, 3*time.Minute) // no promise: a busy machine takes more than one for 200 reconnects
	t.Cleanup(stop)
	if err := chromedp.Do(tab, chromedp.Navigate(page+"/module.html")); err != nil {
		t.Fatalf("open the page: %v", err)
	}
	return &module{t, tab}
}

// in returns the same page for a test within the one that opened it.
func (m *module) in(t *testing.T) *module { return &module{t, m.tab} }

// do runs an asynchronous script and decodes what it returns into out, if that is not nil.
func (m *module) do(out any, script string) {
	m.t.Helper()
	text, err := chromedp.Run(m.tab, chromedp.Evaluate[string](
		`(async () => { try { return JSON.stringify({ value: await (async () => {`+script+`})() }, (n, v) => typeof v === 'bigint' ? String(v) : v) }
		catch (err) { return JSON.stringify({ error: String(err.stack ?? err), hop: err.hop }) } })()`, chromedp.EvalAwaitPromise))
	if err != nil {
		m.t.Fatalf("%s: %v", script, err)
	}
	var got struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		m.t.Fatal(err)
	}
	if got.Error != "" {
		m.t.Fatalf("%s\n%s", script, got.Error)
	}
	if out != nil {
		if err := json.Unmarshal(got.Value, out); err != nil {
			m.t.Fatalf("%s: %s: %v", script, got.Value, err)
		}
	}
}

// quiet demands that nothing was said on the console, and that every error was caught.
func (m *module) quiet() {
	m.t.Helper()
	var faults []string
	m.do(&faults, `return faults`)
	if len(faults) > 0 {
		m.t.Errorf("the page complains: %q", faults)
	}
}

// quote writes a JavaScript string.
func quote(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

// fails runs a script that has to fail, and returns the message and the hop of its error.
func (m *module) fails(script string) (message, hop string) {
	m.t.Helper()
	var got struct{ Message, Hop string }
	m.do(&got, `try { await (async () => {`+script+`})() } catch (err) { return { message: err.message, hop: err.hop ?? '' } }
		return { message: 'nothing failed' }`)
	return got.Message, got.Hop
}

// What is served is made of the source, by the version of esbuild that is locked.
func TestModuleIsMadeOfItsSource(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "liberdus.min.js")
	err := command(t.Context(), "js", "node_modules/.bin/esbuild", "../../internal/web/liberdus.js",
		"--bundle", "--minify", "--format=esm", "--target=es2022", "--mangle-props=^(ask|emit|gone|live|doubts?|ended|peers|pending|pin|stats|visit)$",
		"--log-level=warning", "--outfile="+out)
	if err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if kept := served(t, "/liberdus.js"); !bytes.Equal(made, kept) {
		t.Error("internal/web/liberdus.min.js is not made of liberdus.js as it is now: run make module")
	}
}

// served returns a file as an archiver serves it.
func served(t *testing.T, path string) []byte {
	t.Helper()
	files, err := webfiles.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	files.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Body.Bytes()
}

// The module's cryptography in Node.js, against vectors of the published libraries.
func TestModuleVectors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "liberdus.mjs")
	if err := os.WriteFile(file, served(t, "/liberdus.js"), 0o600); err != nil {
		t.Fatal(err)
	}
	vectors, err := filepath.Abs("../internal/signing/testdata/crypto-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := command(t.Context(), "js", "env", "MODULE="+file, "VECTORS="+vectors, "node", "--test", "module.test.mjs"); err != nil {
		t.Fatal(err)
	}
}

// A page finds a node through the archiver, has it prove itself, and asks for an account.
func TestModuleAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url())
	d := openDoor(t, node)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "modular")
	m := newModule(t, browse(t), pages(t).URL)

	var got struct {
		Account struct {
			ID, Alias string
			Data      struct{ Balance string }
		}
		Peer string
		Path string
		Done []string
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`)
		const { account, peer } = await client.account(`+quote(w.id())+`)
		await until(() => events.some(e => e.type === 'session'))
		return { account, peer, path: events.find(e => e.type === 'session').path,
			done: events.filter(e => e.type === 'phase' && e.state === 'done' && e.ms >= 0).map(e => e.phase) }`)
	if got.Account.ID != w.id() || got.Account.Alias != "modular" || got.Account.Data.Balance != lib(50).String() || got.Peer != node.peerID {
		t.Errorf("account = %+v, want that of %s from %s", got, w.id(), node.peerID)
	}
	if got.Path != "udp" || len(got.Done) != 6 {
		t.Errorf("path = %s, phases %q, want udp and six phases", got.Path, got.Done)
	}
	m.do(nil, `client.close()`)
	m.quiet()
}
