package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// A liar stands before an archiver, or in its place. What it answers at a path is up to the test.
type liar struct {
	*httptest.Server
	answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

// newLiar hands everything on to the archiver at target that it does not answer itself.
func newLiar(t *testing.T, target string) *liar {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l := new(liar)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = u.Host
	}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := l.answer.Load(); answer == nil || !(*answer)(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *liar) says(path, text string) {
	answer := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write([]byte(text))
		return true
	}
	l.answer.Store(&answer)
}

// A forger signs whatever is wanted with a key of its own.
type forger struct {
	t   *testing.T
	key *signing.NodeKey
	at  time.Time
}

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	return &forger{t, key, time.Now()}
}

func (f *forger) sign(o signing.Object) string {
	f.t.Helper()
	signed, err := f.key.Sign(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(signing.MustCanonical(signed))
}

// list is that of an archiver without nodes, changed.
func (f *forger) list(change signing.Object) string {
	o := signing.Object{"epoch": 7, "list": "active", "networkId": testNetwork, "nodeList": []any{}, "time": f.at.UnixMilli()}
	for name, value := range change {
		o[name] = value
	}
	return f.sign(o)
}

// serve answers /rtc as it should be, but for change, and every list with what is in lists then.
func (f *forger) serve(lists *atomic.Pointer[string], change signing.Object) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		text := *lists.Load()
		if r.URL.Path == "/rtc" {
			o := signing.Object{
				"rtc":       signing.Object{"port": 1, "path": "/", "key": "k", "secure": false, "iceServers": []any{}},
				"networkId": testNetwork, "nonce": r.URL.Query().Get("nonce"), "purpose": "liberdus-rtc", "time": f.at.UnixMilli(),
			}
			for name, value := range change {
				o[name] = value
			}
			text = f.sign(o)
		}
		_, _ = w.Write([]byte(text))
	}))
	f.t.Cleanup(server.Close)
	return server
}

// Everything that an archiver, its signalling server or a node may say that is not true, or not at all: a page
// gets one clear sentence, and where there is an honest node, its answer.
func TestModuleLies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	nodes := []*role{
		s.consensor(archiver.url(), "--network-id", testNetwork),
		s.start("consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", s.dir("other"), "--network-id", testNetwork),
	}
	s.listed(archiver.url(), nodes[1].peerID, eventWithin)
	b, page := browse(t), pages(t).URL
	t.Run("of an archiver", func(t *testing.T) { archiverLies(t, b, page, archiver) })
	t.Run("of the signalling", func(t *testing.T) { signallingLies(t, b, page, archiver, nodes[0]) })
	t.Run("of a node", func(t *testing.T) { nodeLies(t, b, page, archiver) })
	t.Run("of the device", func(t *testing.T) { deviceLies(t, b, page, archiver) })
}

func archiverLies(t *testing.T, b context.Context, page string, archiver *role) {
	module := quote(archiver.url())
	open := func(at, fragment string) string {
		return `const { connect } = await import(new URL('/liberdus.js', ` + module + `)); client = await connect({ archivers: ` + quote(at+fragment) + ` })`
	}
	m := newModule(t, b, page)
	wrong := func(t *testing.T, script, want string) {
		t.Helper()
		m := m.in(t)
		message, hop := m.fails(script)
		if hop != "archiver" || !strings.Contains(message, want) || strings.Contains(message, "\n") || len(message) > 400 {
			t.Errorf("%s: %s\nwant at archiver: %s", hop, message, want)
		}
	}
	t.Run("another key than is pinned", func(t *testing.T) {
		wrong(t, open(archiver.url(), "#"+strings.Repeat("ab", 32)), "not "+strings.Repeat("ab", 32)+" as pinned: somebody may pose as it")
	})
	t.Run("another key than before", func(t *testing.T) {
		l := newLiar(t, archiver.url())
		m.do(nil, open(l.URL, "")+`; client.close()`)
		f := newForger(t)
		l.says("/full-nodelist", f.list(nil))
		wrong(t, open(l.URL, ""), "as before: somebody may pose as it")
	})
	t.Run("a forged entry", func(t *testing.T) {
		l := newLiar(t, archiver.url())
		_, text := ask(t, web(t), archiver.url()+"/full-nodelist?activeOnly=true")
		l.says("/full-nodelist", strings.Replace(text, `"ip":"127.0.0.1"`, `"ip":"127.0.0.9"`, 1))
		wrong(t, open(l.URL, ""), "changed after signing")
	})
	t.Run("no JSON", func(t *testing.T) {
		l := newLiar(t, archiver.url())
		l.says("/rtc", "<html>")
		wrong(t, open(l.URL, ""), "no proper answer: check the URL")
	})
	t.Run("nobody there", func(t *testing.T) {
		l := newLiar(t, archiver.url())
		l.Close()
		wrong(t, open(l.URL, ""), "no proper answer: check the URL")
	})
	for _, tt := range []struct {
		name      string
		list, rtc signing.Object
		want      string
	}{
		{"a list of another kind", signing.Object{"list": "full"}, nil, "its list is full, not active"},
		{"a list of another network", signing.Object{"networkId": strings.Repeat("ee", 32)}, nil, "another key or network"},
		{"a list of three minutes ago", signing.Object{"time": time.Now().Add(-3 * time.Minute).UnixMilli()}, nil, "its list is an old one"},
		{"a list with more in it", signing.Object{"more": 1}, nil, "other members"},
		{"an empty list", nil, nil, "no node is active"},
		{"an answer for another nonce", nil, signing.Object{"nonce": strings.Repeat("n", 32)}, "its answer is an old one"},
		{"an answer for another purpose", nil, signing.Object{"purpose": "liberdus-hello"}, "its answer is an old one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForger(t)
			lists := new(atomic.Pointer[string])
			lists.Store(new(f.list(tt.list)))
			wrong(t, open(f.serve(lists, tt.rtc).URL, ""), tt.want)
		})
	}
	t.Run("an older list than before", func(t *testing.T) {
		f := newForger(t)
		lists := new(atomic.Pointer[string])
		lists.Store(new(f.list(signing.Object{"epoch": 9})))
		at := f.serve(lists, nil).URL
		wrong(t, open(at, ""), "no node is active") // but the list was good
		lists.Store(new(f.list(signing.Object{"epoch": 8})))
		wrong(t, open(at, ""), "epoch 8 after 9")
	})
	t.Run("one of two", func(t *testing.T) {
		m.do(nil, `const { connect } = await import(new URL('/liberdus.js', `+module+`))
			const client = await connect({ archivers: [`+quote(archiver.url()+"#"+strings.Repeat("ab", 32))+`, `+module+`] })
			await client.request('timestamp')
			client.close()`)
	})
}

// signallingLies has the page's WebSocket change what comes in, as a server can that relays it.
func signallingLies(t *testing.T, b context.Context, page string, archiver, node *role) {
	m := newModule(t, b, page)
	m.do(nil, `
		window.answered = payload => { window.recorded = payload.identity }
		await open(`+quote(archiver.url())+`, { peer: `+quote(node.peerID)+` })
		client.close()
		const set = RTCPeerConnection.prototype.setRemoteDescription
		RTCPeerConnection.prototype.setRemoteDescription = function (...args) { window.applied = true; return set.apply(this, args) }`)
	for _, tt := range []struct{ name, change, want string }{
		{"another certificate", `payload.signal.sdp = payload.signal.sdp.replace(/(fingerprint:sha-256 )../g, '$1' + '00')`, "its fingerprint is"},
		{"a second certificate", `payload.signal.sdp += 'a=fingerprint:sha-256 ' + 'AA:'.repeat(31) + 'AA\r\n'`, "ambiguous"},
		{"a weaker fingerprint", `payload.signal.sdp = payload.signal.sdp.replace(/sha-256/g, 'sha-1')`, "ambiguous"},
		{"media beside the channel", `payload.signal.sdp += 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n'`, "ambiguous"},
		{"no identity", `delete payload.identity`, "other members"},
		{"an identity that was changed", `payload.identity.timestamp++`, "changed after signing"},
		{"an identity with more in it", `payload.identity.more = 1`, "other members"},
		{"an identity of another connection", `payload.identity = window.recorded`, "its connectionId is"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := m.in(t)
			message, hop := m.fails(`
				window.answered = payload => { ` + tt.change + ` }
				await open(` + quote(archiver.url()) + `, { peer: ` + quote(node.peerID) + ` })`)
			if hop != "signalling" || !strings.Contains(message, "node "+node.peerID[:8]+": it did not prove who it is: ") || !strings.Contains(message, tt.want) {
				t.Errorf("%s: %s, want it to say %s", hop, message, tt.want)
			}
			var applied bool
			m.do(&applied, `return Boolean(window.applied)`)
			if applied {
				t.Error("the browser got the answer all the same")
			}
		})
	}
	t.Run("a node that is not there", func(t *testing.T) {
		m := m.in(t)
		message, hop := m.fails(`await open(` + quote(archiver.url()) + `, { peer: ` + quote(strings.Repeat("ab", 32)) + ` })`)
		if hop != "signalling" || !strings.Contains(message, "not connected to the archiver") {
			t.Errorf("%s: %s, want that it is not connected", hop, message)
		}
	})
	m.quiet()
}

// nodeLies has one of two nodes misbehave once a page has sessions with both: reads go on.
func nodeLies(t *testing.T, b context.Context, page string, archiver *role) {
	m := newModule(t, b, page)
	for _, tt := range []struct{ name, tamper string }{
		{"never", `() => {}`},
		{"late", `(data, deliver) => setTimeout(deliver, 3000, data)`},
		{"twice", `(data, deliver) => { deliver(data); deliver(data) }`},
		{"with another id", `(data, deliver) => deliver(data.replace(/"id":"\d+"/, '"id":"0"'))`},
		{"with an id that is an object", `(data, deliver) => deliver(data.replace(/"id":"\d+"/, '"id":{}'))`},
		{"with 10 MB", `(data, deliver) => deliver(data + ' '.repeat(10 << 20))`},
		{"with 10 MB in chunks", `(data, deliver) => { for (let i = 0; i < 640; i++) deliver(new Uint8Array(16384).fill(1).buffer) }`},
		{"with no JSON", `(data, deliver) => deliver('{')`},
		{"with null", `(data, deliver) => deliver('null')`},
		{"with a status that is none", `(data, deliver) => deliver(data.replace(/"status":\d+/, '"status":99'))`},
		{"with a fault", `(data, deliver) => deliver(data.replace(/"status":\d+/, '"status":503'))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := m.in(t)
			var got struct{ Took []float64 }
			m.do(&got, `
				tamper = (data, deliver) => deliver(data)
				await open(`+quote(archiver.url())+`)
				await until(async () => (await client.sessions()).length === 2)
				const [{ peer }] = await client.sessions()
				const lie = `+tt.tamper+`
				tamper = (data, deliver) => data.includes?.('"sender":"' + peer + '"') ? lie(data, deliver) : deliver(data)
				const took = []
				for (let n = 0; n < 10; n++) {
					const began = performance.now()
					const { status, body } = await client.request('timestamp')
					if (status !== 200 || !(body.timestamp > 0)) throw Error('answered ' + status)
					took.push(performance.now() - began)
				}
				client.close()
				return { took }`)
			for _, ms := range got.Took {
				if ms > 3000 {
					t.Errorf("reads took %v ms, want none to wait for who does not answer", got.Took)
				}
			}
			m.quiet()
		})
	}
	// With nobody else to ask there is a clear sentence.
	t.Run("all of them", func(t *testing.T) {
		m := m.in(t)
		message, hop := m.fails(`
			await open(` + quote(archiver.url()) + `)
			tamper = () => {}
			try { await client.request('timestamp', { timeout: 800 }) } finally { client.close() }`)
		if hop != "node" || !strings.Contains(message, "no answer to timestamp in time") {
			t.Errorf("%s: %s, want that there was no answer in time", hop, message)
		}
		m.quiet()
	})
}

func deviceLies(t *testing.T, b context.Context, page string, archiver *role) {
	t.Run("a clock ten minutes ahead", func(t *testing.T) {
		m := newModule(t, b, page)
		var warned string
		m.do(&warned, `
			const real = Date.now
			Date.now = () => real() + 600000
			await open(`+quote(archiver.url())+`)
			await client.request('timestamp')
			client.close()
			return events.find(event => event.type === 'warning').text`)
		if !strings.Contains(warned, "off by 600 s") && !strings.Contains(warned, "off by 599 s") {
			t.Errorf("warned: %s, want a clock that is off by 600 s", warned)
		}
		m.quiet()
	})
	for _, tt := range []struct{ name, lie, want string }{
		{"no secure context", `Object.defineProperty(window, 'isSecureContext', { value: false }); Object.defineProperty(crypto, 'subtle', { value: undefined })`, "open it by https or on localhost"},
		{"no Ed25519", `crypto.subtle.importKey = async () => { throw new DOMException('', 'NotSupportedError') }`, "no Ed25519: update it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newModule(t, b, page)
			message, hop := m.fails(tt.lie + `; await open(` + quote(archiver.url()) + `)`)
			if hop != "browser" || !strings.Contains(message, tt.want) {
				t.Errorf("%s: %s, want it to say: %s", hop, message, tt.want)
			}
			m.quiet()
		})
	}
}
