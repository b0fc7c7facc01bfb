package e2e

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/signing"
)

// What a page does with the module: one ledger, two nodes before it, of which one dies.
func TestModule(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver, back, fronts := s.three()
	d := openDoor(t, back)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "paged")
	b, page := browse(t, chromedp.Flag("js-flags", "--expose-gc")), pages(t).URL

	t.Run("in a wallet", func(t *testing.T) { inWallet(t, newModule(t, b, page), archiver, d, w) })
	t.Run("inject", func(t *testing.T) { injects(t, newModule(t, b, page), archiver, w) })
	t.Run("inject again", func(t *testing.T) { insists(t, b, page, archiver, w) })
	t.Run("the network is back", func(t *testing.T) { wakes(t, newModule(t, b, page), archiver) })
	t.Run("large requests and replies", func(t *testing.T) { carries(t, newModule(t, b, page), archiver, back) })
	t.Run("a long chat", func(t *testing.T) { readsAll(t, newModule(t, b, page), archiver, d, w) })
	t.Run("slow nodes", func(t *testing.T) { hedges(t, newModule(t, b, page), archiver) })
	t.Run("subscribe", func(t *testing.T) { follows(t, newModule(t, b, page), archiver, d, w) })
	t.Run("observe", func(t *testing.T) { observes(t, newModule(t, b, page), archiver, fronts[0]) })
	t.Run("calls given up", func(t *testing.T) { givesUp(t, newModule(t, b, page), archiver) })
	t.Run("reconnect 200 times", func(t *testing.T) { reconnects(t, newModule(t, b, page), archiver) })
	t.Run("a quorum", func(t *testing.T) { agrees(t, newModule(t, b, page), archiver, fronts[0], w) })
	t.Run("a node that is killed", func(t *testing.T) { survives(t, newModule(t, b, page), archiver, fronts, w) })
}

// dropIn is the program for wallets in the documentation.
func dropIn(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/browser.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)<!-- run by the tests -->\n```js\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/browser.md has no program that is run by the tests")
	}
	return string(found[1])
}

func inWallet(t *testing.T, m *module, archiver *role, d door, w wallet) {
	other := newWallet(t, w.network)
	tx, txID, err := other.register("dropin")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Injected struct {
			Success bool
			Reason  string
			TxID    string `json:"txId"`
			Mine    string `json:"txid"`
		}
		Again   struct{ Success bool }
		Account struct {
			Account struct{ Alias string }
		}
		Nobody struct{ Account any }
		Time   struct{ Timestamp float64 }
	}
	m.do(&got, `
		const { connect, parse, canonical } = await import(`+quote(archiver.url()+"/liberdus.js")+`)
		const archivers = `+quote(archiver.url())+`
		`+dropIn(t)+`
		const tx = parse(`+quote(tx)+`)
		const injected = await injectTx(tx, 'mine')
		await until(async () => (await queryNetwork('/transaction/'+injected.txId)).transaction)
		const result = {
			injected,
			again: await injectTx({ ...tx, timestamp: 1 }, 'mine'),
			account: await queryNetwork('/account/' + tx.from),
			nobody: await queryNetwork('/account/' + '1'.repeat(64)),
			time: await queryNetwork('https://gateway.example:3030/timestamp')
		}
		;(await network).close()
		return result`)
	if !got.Injected.Success || got.Injected.TxID != txID || got.Injected.Mine != "mine" || got.Account.Account.Alias != "dropin" {
		t.Errorf("got %+v, want transaction %s accepted and the account dropin", got, txID)
	}
	if got.Again.Success || got.Nobody.Account != nil || got.Time.Timestamp == 0 {
		t.Errorf("got %+v, want a transaction refused, no account, a time", got)
	}
	m.quiet()
}

func injects(t *testing.T, m *module, archiver *role, w wallet) {
	tx, txID, err := w.create(lib(7))
	if err != nil {
		t.Fatal(err)
	}
	stale, err := w.key.Sign(signing.Object{"type": "create", "from": w.id(), "amount": lib(1), "networkId": w.network, "timestamp": float64(1)})
	if err != nil {
		t.Fatal(err)
	}
	type injected struct {
		Success      bool
		TxID, Reason string
		Peer         string
	}
	var got struct{ Hurried, Text, Object, Stale injected }
	m.do(&got, `
		await open(`+quote(archiver.url())+`)
		const { parse } = await import(`+quote(archiver.url()+"/liberdus.js")+`)
		const text = `+quote(tx)+`
		const hurried = await client.inject(text, { timeout: 0 }).catch(err => ({ reason: err.hop ? err.message : 'not a LiberdusError: ' + err }))
		return { hurried, text: await client.inject(text), object: await client.inject(parse(text)), stale: await client.inject(`+string(signing.MustCanonical(stale))+`) }`)
	if got.Hurried.Success || !strings.HasSuffix(got.Hurried.Reason, "; transaction "+txID) || strings.HasPrefix(got.Hurried.Reason, "sent") {
		t.Errorf("inject without any time = %+v, want an error that names %s, and that nothing was sent", got.Hurried, txID)
	}
	if !got.Text.Success || got.Text.TxID != txID || len(got.Text.Peer) != 64 {
		t.Errorf("inject = %+v, want success of %s", got.Text, txID)
	}
	if got.Object.TxID != "" && got.Object.TxID != txID {
		t.Errorf("inject the same as an object = %+v, want nothing else than %s", got.Object, txID)
	}
	if got.Stale.Success || !strings.Contains(got.Stale.Reason, "timestamp out of range") {
		t.Errorf("inject what is old = %+v, want it refused", got.Stale)
	}
	m.quiet()
}

// insists injects while nodes say nothing, or that they are not ready: others get the same bytes.
func insists(t *testing.T, b context.Context, page string, archiver *role, w wallet) {
	type outcome struct {
		Success     bool
		TxID, Error string
		Asked       int
	}
	cases := []struct{ name, tamper, want string }{
		{"an answer that is lost", `asked > 1 && deliver(data)`, ""},
		{"a node that is not ready", `deliver(asked > 1 ? data : data.replace(/"result":{[^}]*}/, '"result":{"success":false,"status":500,"reason":"Node is still syncing."}'))`, ""},
		{"in the queue already", `asked > 1 && deliver(data.replace(/"result":{[^}]*}/, '"result":{"success":false,"status":500,"reason":"Transaction is already in queue."}'))`, ""},
		{"refused at last, but done before", `asked > 1 && deliver(data.replace(/"result":{[^}]*}/, '"result":{"success":false,"status":400,"reason":"Transaction timestamp out of range"}'))`, ""},
		{"nobody answers", `0`, "sent, not acknowledged: "},
	}
	// Each in a page of its own, all at once: most of it is waiting for who says nothing.
	var at []*module
	var ids []string
	for _, tt := range cases {
		m := newModule(t, b, page)
		m.do(nil, `
			await open(`+quote(archiver.url())+`)
			await until(async () => (await client.sessions()).length === 2)`)
		tx, txID, err := w.create(lib(1))
		if err != nil {
			t.Fatal(err)
		}
		patience := "20000" // for two nodes, each of which gets 4 s
		if tt.want != "" {
			patience = "5000"
		}
		m.do(nil, `
			let asked = 0
			tamper = (data, deliver) => {
				if (!data.includes('"type":"inject"')) return deliver(data)
				asked++
				`+tt.tamper+`
			}
			window.settled = client.inject(`+quote(tx)+`, { timeout: `+patience+` }).catch(err => ({ error: err.message, txId: err.txId }))
				.then(result => ({ ...result, asked }))`)
		at, ids = append(at, m), append(ids, txID)
	}
	for i, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			m, txID := at[i].in(t), ids[i]
			var got outcome
			m.do(&got, `
				const result = await settled
				client.close()
				return result`)
			if got.TxID != txID || got.Success != (tt.want == "") || !strings.HasPrefix(got.Error, tt.want) || got.Asked < 2 {
				t.Errorf("got %+v, want %s accepted or the error %q, after two nodes were asked", got, txID, tt.want)
			}
			m.quiet()
		})
	}
}

// wakes has the network come back when nothing can be heard of the nodes any more.
func wakes(t *testing.T, m *module, archiver *role) {
	m.do(nil, `
		await open(`+quote(archiver.url())+`)
		await until(async () => (await client.sessions()).length === 2)
		const deaf = new Set(channels)
		const mute = channel => { channel.send = () => {} } // as on a way that is no more
		deaf.forEach(mute)
		dispatchEvent(new Event('online'))
		await until(() => events.filter(event => event.state === 'lost').length === 2, 10000)
		await until(async () => (await client.sessions()).length === 2)
		await client.request('timestamp')
		client.close()`)
	m.quiet()
}

// carries sends what only fits in chunks, and gets as much back.
func carries(t *testing.T, m *module, archiver, node *role) {
	var got struct {
		Status  int
		Error   string
		Chunked string
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`, { peer: `+quote(node.peerID)+` })
		const { status } = await client.request('inject', { method: 'POST', body: { tx: 'ü'.repeat(100000) } })
		let error
		await client.request('inject', { method: 'POST', body: { tx: 'x'.repeat(262144) } }).catch(err => { error = err.message })
		// The reply in chunks, amid those of another message that never ends.
		tamper = (text, deliver) => {
			const bytes = new TextEncoder().encode(text)
			const total = Math.ceil(bytes.length / 50)
			for (let i = 0; i < total; i++) {
				deliver(new Uint8Array([1, 200, 3, i, total, ...bytes.subarray(i * 50, i * 50 + 50)]).buffer)
				deliver(new Uint8Array([1, 201, 3, i, 127, 65, 66]).buffer)
			}
		}
		return { status, error, chunked: (await client.request('nodeInfo')).body.nodeInfo.publicKey }`)
	if got.Status != 200 || !strings.Contains(got.Error, "too large") || got.Chunked != node.peerID {
		t.Errorf("got %+v, want an answer to 200,000 bytes, more than 262,144 refused, and a reply put together", got)
	}
	m.do(nil, `client.close()`)
	m.quiet()
}

func follows(t *testing.T, m *module, archiver *role, d door, w wallet) {
	m.do(nil, `
		await open(`+quote(archiver.url())+`)
		window.seen = []
		window.stop = await client.subscribe(`+quote(w.id())+`, event => seen.push(event))`)
	pay := func() string {
		tx, txID, err := w.create(lib(1))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.inject(tx); err != nil || !got.Success {
			t.Fatalf("inject = %+v, %v", got, err)
		}
		return txID
	}
	pay()
	m.do(nil, `await until(() => seen.length === 1)`)
	var seen []struct {
		Account        string
		Timestamp, Seq float64
	}
	// The session is lost, something happens meanwhile, and another node has to tell of it.
	m.do(&seen, `
		for (const channel of channels) channel.close()
		return seen`)
	pay()
	m.do(&seen, `await until(() => seen.length >= 2); stop(); return seen`)
	if first, last := seen[0], seen[len(seen)-1]; first.Account != w.id() || last.Seq <= first.Seq {
		t.Errorf("events %+v, want two of %s, one after the other", seen, w.id())
	}
	pay()
	var after int
	m.do(&after, `
		await client.request('is-healthy')
		await client.request('is-healthy')
		const { length } = seen
		client.close()
		return length`)
	if after != len(seen) {
		t.Errorf("%d events after the subscription had ended", after-len(seen))
	}
	message, hop := m.fails(`await open(` + quote(archiver.url()) + `); await client.subscribe('not an id', () => {})`)
	if hop != "node" || !strings.Contains(message, "answers 400") {
		t.Errorf("subscribe to nothing: %s: %s, want a refusal of the node", hop, message)
	}
	m.do(nil, `client.close()`)
	m.quiet()
}

// observes looks at all that a page can show.
func observes(t *testing.T, m *module, archiver, node *role) {
	var got struct {
		Ping     float64
		Nodes    []struct{ PeerID string }
		Sessions []struct {
			Peer, Path string
			RTT        float64
			Phases     map[string]float64
		}
		Frames []struct {
			Peer, Text string
			Out        bool
		}
		Events []string
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`)
		await until(async () => (await client.sessions()).length === 2)
		await client.request('timestamp')
		return { ping: await client.ping(`+quote(node.peerID)+`), nodes: await client.nodes(), sessions: await client.sessions(),
			frames: events.filter(e => e.type === 'frame' && /timestamp/.test(e.text)),
			events: [...new Set(events.map(e => [e.type, e.phase, e.state].filter(Boolean).join(' ')))] }`)
	if got.Ping <= 0 || len(got.Nodes) != 3 || len(got.Sessions) != 2 {
		t.Errorf("got %+v, want a time, three nodes, two sessions", got)
	}
	for _, session := range got.Sessions {
		if session.Path != "udp" || len(session.Phases) != 4 || len(session.Peer) != 64 {
			t.Errorf("session %+v, want it over UDP, with four phases", session)
		}
	}
	if len(got.Frames) < 2 || !got.Frames[0].Out || got.Frames[1].Out {
		t.Errorf("frames %+v, want a request and its reply", got.Frames)
	}
	for _, want := range []string{"phase archiver done", "phase list done", "phase signalling start", "phase answer done", "phase ice done", "phase channel done", "session open", "frame"} {
		if !strings.Contains(strings.Join(got.Events, "\n"), want) {
			t.Errorf("no event %q in %q", want, got.Events)
		}
	}
	m.do(nil, `client.close()`)
	m.quiet()
}

func givesUp(t *testing.T, m *module, archiver *role) {
	m.do(nil, `await open(`+quote(archiver.url())+`)`)
	for _, tt := range []struct{ name, script, want string }{
		{"aborted before", `await client.fetch('/timestamp', { signal: AbortSignal.abort() })`, "aborted"},
		{"aborted meanwhile", `const c = new AbortController(); const call = client.fetch('/timestamp', { signal: c.signal }); c.abort(); await call`, "aborted"},
		{"out of time", `tamper = () => {}; await client.request('timestamp', { timeout: 50 })`, "in time"},
		{"an account that none can have", `tamper = (data, deliver) => deliver(data); await client.account('a/b/c')`, "answers"},
		{"after the end", `client.close(); await client.request('timestamp')`, "closed"},
	} {
		if message, _ := m.fails(tt.script); !strings.Contains(message, tt.want) {
			t.Errorf("%s: %s, want it to say %s", tt.name, message, tt.want)
		}
	}
	m.quiet()
}

// reconnects loses its session again and again. What is left must be what one session needs.
func reconnects(t *testing.T, m *module, archiver *role) {
	type left struct {
		Connections, Channels, Sockets, Listeners int
		Heap                                      float64
	}
	var before, after left
	measure := `
		await until(async () => (await client.sessions()).length === 1)
		await until(async () => {
			await gc({ type: 'major', execution: 'async' }) // else what only looks like a reference on the stack keeps something
			return live.RTCPeerConnection() <= 2 && live.WebSocket() <= 2
		}, 10000).catch(() => {})
		return { connections: live.RTCPeerConnection(), channels: channels.size, sockets: live.WebSocket(), listeners, heap: performance.memory.usedJSHeapSize }`
	m.do(&before, `
		await open(`+quote(archiver.url())+`, { pool: 1, onEvent: () => {} })
		for (let n = 0; n < 20; n++) { await client.request('timestamp'); for (const channel of channels) channel.close() }`+measure)
	m.do(&after, `
		for (let n = 0; n < 200; n++) { await client.request('timestamp'); for (const channel of channels) channel.close() }`+measure)
	// The last one that was lost may still be there.
	if after.Connections > 2 || after.Sockets > 2 || after.Channels > 1 || after.Listeners != before.Listeners || after.Heap > before.Heap+512<<10 {
		t.Errorf("before %+v, after 200 reconnects %+v: something stays", before, after)
	}
	t.Logf("before %+v, after %+v", before, after)
	m.do(nil, `client.close()`)
	m.quiet()
}

func agrees(t *testing.T, m *module, archiver, front *role, w wallet) {
	var got struct {
		Alias string
		Peers int
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`, { quorum: 3 })
		const { account } = await client.account(`+quote(w.id())+`)
		return { alias: account.alias, peers: (await client.sessions()).length }`)
	if got.Alias != "paged" || got.Peers != 3 {
		t.Errorf("got %+v, want the account, from three nodes", got)
	}
	// One of the three says something else.
	var odd string
	m.do(&odd, `return (await client.sessions())[1].peer`)
	message, hop := m.fails(`
		tamper = (text, deliver) => deliver(text.includes(` + quote(odd) + `) ? text.replace('paged', 'other') : text)
		await client.account(` + quote(w.id()) + `)`)
	if hop != "node" || !strings.Contains(message, odd) {
		t.Errorf("one of three lies: %s: %s, want it named: %s", hop, message, odd)
	}
	m.do(nil, `client.close()`)

	for _, quorum := range []string{"4", "'x'"} {
		message, hop := m.fails(`await open(` + quote(archiver.url()) + `, { quorum: ` + quorum + `, timeout: 2000 })`)
		if hop != "archiver" || !strings.Contains(message, "no quorum of 3") {
			t.Errorf("a quorum of %s: %s: %s, want to hear that there are three", quorum, hop, message)
		}
	}

	// One of the three is stopped, and another one stands in.
	var stopped struct {
		Aliases []string
		Longest float64
	}
	m.do(nil, `
		tamper = (text, deliver) => deliver(text)
		await open(`+quote(archiver.url())+`, { quorum: 2 })
		await until(async () => (await client.sessions()).length === 3)`)
	if err := front.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = front.cmd.Process.Signal(syscall.SIGCONT) }()
	m.do(&stopped, `
		const aliases = []
		let longest = 0
		for (let i = 0; i < 5; i++) {
			const began = performance.now()
			aliases.push((await client.account(`+quote(w.id())+`)).account.alias)
			longest = Math.max(longest, performance.now() - began)
		}
		return { aliases: [...new Set(aliases)], longest }`)
	if !slices.Equal(stopped.Aliases, []string{"paged"}) || stopped.Longest > 5000 {
		t.Errorf("with one of three stopped: %+v, want the account, in less than 5 s", stopped)
	}
	m.do(nil, `client.close()`)
	m.quiet()
}

// survives has one of its nodes killed. No read fails, and there are two sessions again.
func survives(t *testing.T, m *module, archiver *role, fronts []*role, w wallet) {
	var victim string
	m.do(&victim, `
		await open(`+quote(archiver.url())+`)
		await until(async () => (await client.sessions()).length === 2)
		window.failed = []
		window.asked = 0
		window.longest = 0
		window.asking = (async () => {
			while (!window.enough) {
				const began = performance.now()
				await client.account(`+quote(w.id())+`).then(() => asked++, err => failed.push(err.message))
				longest = Math.max(longest, performance.now() - began)
				await new Promise(resolve => setTimeout(resolve, 5))
			}
		})()
		await until(() => asked > 20)
		const peers = (await client.sessions()).map(session => session.peer)
		return peers.find(peer => [`+quote(fronts[0].peerID)+`, `+quote(fronts[1].peerID)+`].includes(peer))`)
	for _, front := range fronts {
		if front.peerID == victim {
			if err := front.cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got struct {
		Failed  []string
		Longest float64
		Peers   []string
	}
	m.do(&got, `
		await until(() => events.some(e => e.state === 'lost' && e.peer === `+quote(victim)+`))
		await until(async () => (await client.sessions()).length === 2)
		enough = true
		await asking
		return { failed, longest, peers: (await client.sessions()).map(session => session.peer) }`)
	if len(got.Failed) > 0 || got.Longest > 2000 || len(got.Peers) != 2 {
		t.Errorf("a node was killed: %+v, want no read failed, none that took long, and two sessions", got)
	}
	t.Logf("longest read %.0f ms", got.Longest)
	m.do(nil, `client.close()`)
	m.quiet()
}
