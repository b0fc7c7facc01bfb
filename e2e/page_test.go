package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/signing"
)

// A visitor uses an archiver's page in Chromium, as a person does: by its keys, and by what it shows.
type visitor struct {
	*module
	console func() []string // what was said there
}

// visits opens the page in a tab that keeps nothing of others.
func visits(t *testing.T, browser context.Context, url string) *visitor {
	t.Helper()
	v := arrives(t, browser, chromedp.WithNewBrowserContext())
	v.open(url)
	return v
}

// arrives opens an empty tab; without options it shares with the tab that it comes from what the browser keeps.
func arrives(t *testing.T, from context.Context, opts ...chromedp.ContextOption) *visitor {
	t.Helper()
	tab, cancel := chromedp.NewContext(from, opts...)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 860)); err != nil {
		t.Fatal(err)
	}
	tab, stop := context.WithTimeout(tab, 3*time.Minute)
	t.Cleanup(stop)
	var mu sync.Mutex
	var said []string // guarded by mu
	v := &visitor{&module{t, tab}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(said)
	}}
	console := chromedp.Console(tab)
	var listening sync.WaitGroup
	listening.Go(func() {
		for message, err := range console {
			if err != nil {
				return
			}
			mu.Lock()
			said = append(said, fmt.Sprintf("%s: %s %s", message.Type, message.Text, message.URL))
			mu.Unlock()
		}
	})
	t.Cleanup(func() { stop(); listening.Wait() })
	return v
}

func (v *visitor) open(url string) {
	v.t.Helper()
	if err := chromedp.Do(v.tab, chromedp.Navigate(url)); err != nil {
		v.t.Fatalf("open %s: %v", url, err)
	}
}

// sees waits until an expression is true on the page; $ finds an element by its id.
func (v *visitor) sees(what, expression string) {
	v.t.Helper()
	var got string
	v.do(&got, `
		const $ = id => document.getElementById(id), text = id => $(id).innerText
		for (const end = performance.now() + 20000; ;) {
			if (`+expression+`) return ''
			if (performance.now() > end) return document.body.innerText
			await new Promise(resolve => setTimeout(resolve, 20))
		}`)
	if got != "" {
		v.t.Fatalf("the page never shows %s:\n%s\nconsole: %q", what, got, v.console())
	}
}

// reads returns the text of an element.
func (v *visitor) reads(id string) (text string) {
	v.t.Helper()
	v.do(&text, `return document.getElementById(`+quote(id)+`).innerText`)
	return text
}

func (v *visitor) press(keys ...string) {
	v.t.Helper()
	for _, key := range keys {
		if err := chromedp.Do(v.tab, chromedp.KeyEvent(key)); err != nil {
			v.t.Fatal(err)
		}
	}
}

func (v *visitor) click(id string) {
	v.t.Helper()
	if err := chromedp.Do(v.tab, chromedp.Click("#"+id)); err != nil {
		v.t.Fatalf("click on %s: %v", id, err)
	}
}

// types writes into the field that has the focus, or gets it.
func (v *visitor) types(id, text string) {
	v.t.Helper()
	if err := chromedp.Do(v.tab, chromedp.SendKeys("#"+id, text)); err != nil {
		v.t.Fatalf("type into %s: %v", id, err)
	}
}

// quiet demands that nothing was said on the console.
func (v *visitor) quiet() {
	v.t.Helper()
	if said := v.console(); len(said) > 0 {
		v.t.Errorf("console: %q", said)
	}
}

// shots keeps pictures of the page as it is, on a phone and on a desk, in light and in dark, and
// demands that nothing is cut off at the side. They are in the folder that go test -artifacts names.
func (v *visitor) shots(name string) {
	v.t.Helper()
	for _, screen := range []struct {
		name   string
		resize chromedp.Action[chromedp.Void]
	}{
		{"desk", chromedp.EmulateViewport(1280, 860)},
		{"phone", chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile)},
	} {
		for _, scheme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			err := chromedp.Do(v.tab, screen.resize, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
				return err
			}))
			if err != nil {
				v.t.Fatal(err)
			}
			var over []string
			v.do(&over, `
				await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
				return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.skip, pre') && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
				.map(e => e.tagName + '#' + e.id)`)
			if len(over) > 0 {
				v.t.Errorf("%s on a %s: %q are cut off at the side", name, screen.name, over)
			}
			picture := v.picture()
			file := filepath.Join(v.t.ArtifactDir(), name+"-"+screen.name+"-"+scheme+".png")
			if err := os.WriteFile(file, picture, 0o600); err != nil {
				v.t.Fatal(err)
			}
		}
	}
}

// picture is of the whole page, in PNG.
func (v *visitor) picture() []byte {
	v.t.Helper()
	clip := page.Viewport{Scale: 1}
	v.do(&clip.Width, `return document.documentElement.clientWidth`)
	v.do(&clip.Height, `return document.documentElement.scrollHeight`)
	data, err := chromedp.Run(v.tab, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		beyond := true
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &clip, CaptureBeyondViewport: &beyond})
		if err != nil {
			return nil, err
		}
		return shot.Data, nil
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return data
}

// A person makes a key, registers, sends, and sees what others send; everything by the keyboard.
func TestPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver, back, fronts := s.three()
	d := openDoor(t, back)
	friend := newWallet(t, d.network(t))
	friend.settle(t, d, "friend")
	v := visits(t, browse(t), archiver.url())

	t.Run("connect", func(t *testing.T) { v.in(t).connects(append(fronts, back)) })
	t.Run("without timers", func(t *testing.T) { connectsWithoutTimers(t, v, archiver) })
	t.Run("register", func(t *testing.T) { v.in(t).registers(s) })
	t.Run("send", func(t *testing.T) { v.in(t).sends(d, friend) })
	t.Run("look up", func(t *testing.T) { v.in(t).looksUp(friend) })
	t.Run("inject", func(t *testing.T) { v.in(t).pastes(friend) })
	t.Run("frames", func(t *testing.T) { v.in(t).opensFrames() })
	t.Run("a node that is killed", func(t *testing.T) { v.in(t).recovers(archiver, fronts, friend) })
	t.Run("come back", func(t *testing.T) { v.in(t).comesBack() })
	t.Run("two tabs", func(t *testing.T) { v.in(t).shares(arrives(t, v.tab)) })
	v.quiet()
}

// in is the same visitor within a part of the test.
func (v *visitor) in(t *testing.T) *visitor {
	return &visitor{v.module.in(t), v.console}
}

func (v *visitor) connects(nodes []*role) {
	v.sees("that it is connected", `text('status') === 'Connected' && !$('trips').hidden && $('reserve').innerText.startsWith('node')`)
	node := v.reads("node")
	if !slices.ContainsFunc(nodes, func(r *role) bool { return r.peerID == node }) {
		v.t.Errorf("connected to %s, which is none of ours", node)
	}
	var got struct {
		Path   string
		Phases []string
		Trips  int
	}
	v.do(&got, `
		const list = document.querySelectorAll('#phases li')
		return { path: document.getElementById('path').innerText, trips: document.querySelectorAll('#plot .trip').length,
			phases: [...list].filter(each => /[0-9] ms$/.test(each.children[1].textContent)).map(each => each.dataset.phase) }`)
	want := []string{"archiver", "list", "signalling", "answer", "ice", "channel"}
	if got.Path != "UDP, directly" || !slices.Equal(got.Phases, want) || got.Trips == 0 {
		v.t.Errorf("got %+v, want UDP, the phases %q and a plot", got, want)
	}
	v.sees("how fast each node answers", `[...document.querySelectorAll('#nodes tbody .number')].filter(cell => / ms$/.test(cell.innerText)).length === 3`)
	v.shots("1-first-view")
}

// connectsWithoutTimers opens the page where no timer ever fires: what comes before the first answer waits for none.
func connectsWithoutTimers(t *testing.T, beside *visitor, archiver *role) {
	v := visits(t, beside.tab, "about:blank")
	v.before(`setTimeout = setInterval = () => 1`)
	v.open(archiver.url())
	eventually(t, eventWithin, "a first answer without timers", func() (answered bool) {
		v.do(&answered, `return performance.getEntriesByName('liberdus first answer').length === 1`)
		return answered
	})
	var steps []string
	v.do(&steps, `return performance.getEntriesByType('measure').map(entry => entry.name.replace('liberdus ', '')).sort()`)
	want := []string{"answer", "archiver", "channel", "code", "first answer", "ice", "list", "request", "signalling"}
	if slices.Sort(steps); !slices.Equal(slices.Compact(steps), want) {
		t.Errorf("measured %q, want %q", steps, want)
	}
	v.quiet()
}

// before has a script run before those of every page that is opened.
func (v *visitor) before(script string) {
	v.t.Helper()
	err := chromedp.Do(v.tab, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v *visitor) registers(s *site) {
	v.do(nil, `
		window.saved = []
		const create = URL.createObjectURL
		URL.createObjectURL = blob => { blob.text().then(text => saved.push(text)); return create.call(URL, blob) }
		document.getElementById('wallet').focus()`)
	v.press("\t", "\r") // the first thing there is to do
	v.sees("a field for the name", `!$('register').hidden && document.activeElement === $('name')`)
	v.shots("2-name")
	v.press("V", "\r")
	v.sees("that names are small", `/small letters.*It may be v\./.test(text('register-said'))`)
	v.press("\b")
	v.press(strings.Split("visitor", "")...)
	v.press("\r")
	v.sees("the balance", `text('balance') === '50' && text('owner') === 'visitor'`)
	v.click("save")
	var file string
	v.do(&file, `
		while (!saved.length) await new Promise(resolve => setTimeout(resolve, 20))
		return saved[0]`)
	// The terminal takes the file.
	address := v.reads("address")
	path := s.file("visitor.json", file)
	var tx struct{ From string }
	out := s.run("client", "tx", "create", "--amount", "1", "--key", path, "--archiver", v.archiver()).exits(0).stdout
	if err := json.Unmarshal([]byte(out), &tx); err != nil || tx.From != address {
		v.t.Errorf("client tx with the key file = %s, want it from %s", out, address)
	}
}

// archiver is the origin of the page.
func (v *visitor) archiver() (origin string) {
	v.do(&origin, `return location.origin`)
	return origin
}

func (v *visitor) sends(d door, friend wallet) {
	v.do(nil, `document.getElementById('to').focus()`)
	v.press(strings.Split("friend", "")...)
	v.press("\t")
	v.press(strings.Split("5.5", "")...)
	v.press("\r")
	v.sees("what is about to be sent", `$('confirm').open && /5.5 LIB/.test(text('confirm')) && text('confirm').includes(`+quote(friend.id())+`)`)
	v.shots("3-confirm")
	v.do(nil, `document.getElementById('confirm-yes').focus()`)
	v.press("\r")
	v.sees("that it was sent", `/^Sent 5.5 LIB to friend/.test(text('send-said')) && text('balance') === '43.7307'`)
	// Somebody else sends: nobody asks, a node tells.
	id := v.reads("address")
	text, txID, err := friend.transfer(id, lib(2))
	if err != nil {
		v.t.Fatal(err)
	}
	if got, err := d.inject(text); err != nil || !got.Success {
		v.t.Fatalf("inject = %+v, %v", got, err)
	}
	applied(v.t, d, txID)
	v.sees("what came in", `text('balance') === '45.7307' && /\+2 LIB/.test(text('events'))`)
	v.shots("4-account")

	for _, tt := range []struct{ name, to, amount, want string }{
		{"nobody of that name", "nobodyatall", "1", "Nobody is called nobodyatall"},
		{"no amount", "friend", "one", "not an amount"},
		{"one and a half, or fifteen hundred", "friend", "1,500", "Write 1500, or 1.500"},
		{"too much", "friend", "45", "You have 45.7307 LIB"},
		{"nobody", "", "1", "Enter a name"},
		{"to oneself", id, "1", "your own account"},
		{"no such account", strings.Repeat("ab", 32), "1", "has no account yet"},
	} {
		v.do(nil, `document.getElementById('send').reset()`)
		if tt.to != "" {
			v.types("to", tt.to)
		}
		v.types("amount", tt.amount+"\r")
		if tt.name == "no such account" {
			v.sees("a question", `$('confirm').open`)
			v.click("confirm-yes")
		}
		v.sees(tt.name, `$('send-said').dataset.kind === 'bad' && text('send-said').includes(`+quote(tt.want)+`)`)
	}
	v.do(nil, `document.getElementById('send').reset()`)
}

func (v *visitor) looksUp(friend wallet) {
	v.types("who", "friend\r")
	v.sees("the account", `!$('found').hidden && /friend/.test(text('found')) && /LIB/.test(text('found')) && text('found').includes(`+quote(friend.id())+`)`)
	v.do(nil, `document.getElementById('who').value = ''`)
	v.types("who", strings.Repeat("12", 32)+"\r")
	v.sees("that there is none", `$('found').hidden && /no account at this address/.test(text('look-said'))`)
}

// pastes sends what was signed the way of Ethereum.
func (v *visitor) pastes(friend wallet) {
	v.do(nil, `document.getElementById('advanced').open = true`)
	paste := func(text string) {
		v.do(nil, `
			document.getElementById('tx').value = `+quote(text)+`
			document.getElementById('inject').requestSubmit()`)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", "hello", "not a transaction"},
		{"not signed", `{"type":"create"}`, "not signed"},
		{"a forgery", `{"type":"create","amount":{"dataType":"bi","value":"1"},"from":"` + friend.id() + `","networkId":"` + friend.network + `","timestamp":` + fmt.Sprint(time.Now().UnixMilli()) + `,"sign":{"owner":"` + friend.id() + `","sig":"00"}}`, ""},
	} {
		paste(tt.text)
		v.sees(tt.name, `$('inject-said').dataset.kind === 'bad' && text('inject-said').includes(`+quote(tt.want)+`)`)
	}
	tx, txID, err := friend.create(lib(7))
	if err != nil {
		v.t.Fatal(err)
	}
	paste(tx)
	v.sees("that it was applied", `$('inject-said').dataset.kind === 'good' && text('inject-said').includes(`+quote(txID)+`)`)
}

func (v *visitor) opensFrames() {
	var text string
	v.do(&text, `
		const row = [...document.querySelectorAll('#log li')].find(row => /inject/.test(row.innerText))
		row.querySelector('summary').click()
		while (!row.querySelector('pre')) await new Promise(resolve => setTimeout(resolve, 20))
		row.scrollIntoView()
		return row.querySelector('pre').innerText`)
	if !json.Valid([]byte(text)) || !strings.Contains(text, "inject") {
		v.t.Errorf("the frame is %s, want its JSON", text)
	}
	v.shots("5-developers")
	v.do(nil, `document.getElementById('advanced').open = false`)
}

// recovers has the node killed that the page shows, unless that is the one with the ledger.
func (v *visitor) recovers(archiver *role, fronts []*role, friend wallet) {
	for range 20 {
		if slices.ContainsFunc(fronts, func(r *role) bool { return r.peerID == v.reads("node") }) {
			break
		}
		v.open(archiver.url())
		v.sees("that it is connected", `text('status') === 'Connected' && !$('trips').hidden`)
	}
	victim := v.reads("node")
	for _, front := range fronts {
		if front.peerID == victim {
			if err := front.cmd.Process.Signal(syscall.SIGKILL); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	v.sees("another node", `text('status') === 'Connected' && text('node') !== `+quote(victim)+` && !$('trips').hidden &&
		!document.querySelector('#nodes [data-peer="`+victim+`"] .tag')`)
	v.do(nil, `document.getElementById('who').value = ''`)
	v.types("who", "friend\r")
	v.sees("the account", `!$('found').hidden && text('found').includes(`+quote(friend.id())+`)`)
}

// comesBack finds the key where it was, and that no script can read it.
func (v *visitor) comesBack() {
	address := v.reads("address")
	v.open(v.archiver())
	v.sees("the account again", `text('balance') === '45.7307' && text('owner') === 'visitor' && $('backup').hidden`)
	if got := v.reads("address"); got != address {
		v.t.Errorf("the address is %s, want %s", got, address)
	}
	message, _ := v.fails(`
		const { load } = await import('/page/keys.js')
		await crypto.subtle.exportKey('pkcs8', (await load()).secret)`)
	if !strings.Contains(message, "not extractable") {
		v.t.Errorf("reading the key: %s, want it refused", message)
	}
	v.loses(address)
	v.sees("the start", `!$('no-key').hidden`)
}

// loses removes the key from the browser, knowing which.
func (v *visitor) loses(address string) {
	v.t.Helper()
	v.click("forget")
	v.sees("a question about the key", `$('confirm').open && text('confirm').includes(`+quote(address)+`)`)
	v.click("confirm-yes")
}

// makes makes a key, and returns its address.
func (v *visitor) makes() string {
	v.t.Helper()
	v.click("create")
	v.sees("a field for the name", `!$('register').hidden`)
	return v.reads("address")
}

// shares has two tabs, of which one tells the other nothing: no tab writes over or removes what another has kept.
func (v *visitor) shares(mute *visitor) {
	mute.before(`BroadcastChannel.prototype.postMessage = () => {}`)
	mute.open(v.archiver())
	mute.sees("that it is connected", `text('status') === 'Connected'`)
	first := mute.makes()
	v.click("create")
	v.sees("the key of the other tab", `text('address') === `+quote(first)+` && /another tab has it/.test(text('wallet-said'))`)

	mute.loses(first)
	mute.sees("the start", `!$('no-key').hidden`)
	second := mute.makes()
	v.loses(first)
	v.sees("the other tab's new key", `text('address') === `+quote(second)+` && /Nothing was removed/.test(text('wallet-said'))`)

	v.loses(second)
	v.sees("the start", `!$('no-key').hidden`)
	mute.sees("that the key is gone", `!$('no-key').hidden && /removed the key/.test(text('wallet-said'))`)
	mute.quiet()
}

// The page is there before any node, on a computer whose clock is wrong, and beside a PeerJS server at
// the root. It goes on by itself as nodes come and go.
func TestPageWithoutNodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver("--path", "/")
	v := visits(t, browse(t), "about:blank")
	v.before(`
		const now = Date.now
		Date.now = () => now() - 600000`)
	v.open(archiver.url() + "/app")
	v.sees("that there is no node", `text('status') === 'Not connected' && /No node is there/.test(text('trouble')) && /tries again by itself/.test(text('trouble'))`)
	v.shots("6-no-node")

	node := s.consensor(archiver.url())
	v.sees("that it is connected", `text('status') === 'Connected' && $('trouble').hidden && text('node') === `+quote(node.peerID))
	v.sees("a word about the clock", `/clock of this device is wrong/.test(text('warning'))`)
	for _, tt := range []struct{ name, content, want string }{
		{"no key file", "hello", "This is not a key file"},
		{"a key of another kind", s.keygen("secp256k1"), "of the Ethereum kind"},
		{"a damaged key file", strings.Replace(s.keygen("ed25519"), `"secretKey":"`, `"secretKey":"0000`, 1), "This is not a key file"},
		{"two keys that do not belong together", `{"publicKey":"` + strings.Repeat("0", 64) + `","secretKey":"` + strings.Repeat("1", 64) + `"}`, "do not belong together"},
	} {
		v.gives("restore", s.file("bad.json", tt.content))
		v.sees(tt.name, `text('restore-said').includes(`+quote(tt.want)+`)`)
	}
	key := s.keygen("ed25519")
	v.gives("restore", s.file("good.json", key))
	v.sees("a field for the name", `!$('register').hidden && document.activeElement === $('name') && $('backup').hidden && $('unsaved').hidden`)
	if address := v.reads("address"); !strings.Contains(key, address) {
		t.Errorf("the address is %s, want that of %s", address, key)
	}
	v.types("name", "No Name!\r")
	v.sees("what a name is", `/1 to 20 small letters/.test(text('register-said'))`)
	v.do(nil, `document.getElementById('name').value = ''`)
	v.types("name", "latecomer\r")
	v.sees("the balance", `text('balance') === '50' && text('owner') === 'latecomer'`)

	node.kill()
	v.sees("that it went away", `text('status') === 'Reconnecting…' && /went away/.test(text('connected'))`)
	v.shots("7-lost")
	s.consensor(archiver.url())
	v.sees("that it is back", `text('status') === 'Connected'`)
	v.types("who", "latecomer\r")
	v.sees("the account", `!$('found').hidden && /50 LIB/.test(text('found'))`)
	v.quiet()
}

// When everything falls silent the page says so, and of when its table is; it goes on when
// something answers again, and all the same when everything is dead.
func TestPageWhenAllIsDead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url())
	all := []*role{archiver, node, s.beside(archiver.url(), node, "front")}
	v := visits(t, browse(t), archiver.url())
	fresh := `text('status') === 'Connected' && $('trouble').hidden && !$('nodes').classList.contains('old') &&
		/^2 active/.test(text('nodes-said')) && document.querySelectorAll('#nodes .tag').length === 1`
	dead := `text('status') === 'Not connected' && !$('trouble').hidden && /^Neither this server nor any node answers/.test(text('trouble')) &&
		!/Connected to/.test(text('connected')) && $('facts').hidden && $('nodes').classList.contains('old') &&
		/^As it was at .*: 2 active/.test(text('nodes-said')) && !document.querySelector('#nodes .tag')`
	signal := func(sig syscall.Signal) {
		for _, r := range all {
			if err := r.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.sees("both nodes, and that it is connected", fresh)

	signal(syscall.SIGSTOP)
	v.sees("that nobody answers", dead)
	v.shots("8-all-dead")
	signal(syscall.SIGCONT)
	v.sees("that it is connected again", `text('status') === 'Connected' && $('trouble').hidden && !$('facts').hidden && document.querySelectorAll('#nodes .tag').length === 1`)
	v.sees("of when the table is", `/^As it was at/.test(text('nodes-said'))`)
	v.click("measure")
	v.sees("that it is measured anew", fresh)

	began := time.Now()
	signal(syscall.SIGKILL)
	v.sees("that nobody answers", dead)
	t.Logf("the page says that all is dead %v after the kill", time.Since(began).Round(100*time.Millisecond))
}

// keygen returns what the terminal writes into a key file.
func (s *site) keygen(scheme string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "key.json")
	s.run("client", "keygen", "--scheme", scheme, "--out", path).exits(0)
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// gives chooses a file in a field.
func (v *visitor) gives(id, path string) {
	v.t.Helper()
	if err := chromedp.Do(v.tab, chromedp.SetUploadFiles("#"+id, []string{path})); err != nil {
		v.t.Fatal(err)
	}
}

// transfer makes a transaction that sends the user's money to another one.
func (w wallet) transfer(to string, amount *big.Int) (text, txID string, err error) {
	pair := []string{w.id(), to}
	slices.Sort(pair)
	return w.sign(signing.Object{
		"type": "transfer", "to": to, "amount": amount, "fee": lib(1), "chatId": signing.Hash([]byte(pair[0] + pair[1])),
	})
}
