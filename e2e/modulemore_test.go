package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/signing"
)

// readsAll reads a chat that takes more than one message of a data channel: the page and the terminal
// get what a node says by HTTP.
func readsAll(t *testing.T, m *module, archiver *role, d door, w wallet) {
	friend := newWallet(t, w.network)
	friend.settle(t, d, "pager")
	for range 2 { // for the tolls
		text, txID, err := w.create(lib(50))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.inject(text); err != nil || !got.Success {
			t.Fatalf("inject = %+v, %v", got, err)
		}
		applied(t, d, txID)
	}
	pair := []string{w.id(), friend.id()}
	slices.Sort(pair)
	chat := signing.Hash([]byte(pair[0] + pair[1]))
	for _, letter := range []string{"a", "b", "c", "d"} {
		text, txID, err := w.sign(signing.Object{
			"type": "message", "to": friend.id(), "chatId": chat, "amount": lib(20), "fee": lib(1), "message": strings.Repeat(letter, 90<<10),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.inject(text); err != nil || !got.Success {
			t.Fatalf("inject = %+v, %v", got, err)
		}
		applied(t, d, txID)
	}
	path := "messages/" + chat + "/0"
	_, whole := ask(t, web(t), d.base+"/"+path)
	if len(whole) < 4*90<<10 {
		t.Fatalf("by HTTP there are %d bytes, want all messages", len(whole))
	}
	var got struct {
		Status int
		Said   []string
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`, { quorum: 2 })
		const { status, body } = await client.request(`+quote(path)+`)
		client.close()
		return { status, said: body.messages.map(message => message.message[0]) }`)
	if got.Status != 200 || !slices.Equal(got.Said, []string{"a", "b", "c", "d"}) {
		t.Errorf("got %+v, want all four messages", got)
	}
	m.quiet()
	s := &site{t: t, home: t.TempDir()}
	r := s.run("client", "call", "GET", path, "--archiver", archiver.url()).exits(0)
	var doc struct{ Body json.RawMessage }
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || string(doc.Body) != strings.TrimSpace(whole) {
		t.Errorf("client call: %d bytes, %v, want the %d of the node's HTTP door", len(doc.Body), err, len(whole))
	}
}

// hedges has one read be slow, which then goes to another node, and after that a network on which each read
// takes longer than all before it: only twenty and a tenth of those go twice.
func hedges(t *testing.T, m *module, archiver *role) {
	var got struct {
		Alone       float64
		Reads, Sent int
	}
	m.do(&got, `
		await open(`+quote(archiver.url())+`)
		await until(async () => (await client.sessions()).length === 2)
		for (let n = 0; n < 20; n++) await client.request('timestamp') // what is normal
		let late = 900 // but not silent
		tamper = (data, deliver) => { setTimeout(deliver, late, data); late = 0 }
		const began = performance.now()
		await client.request('timestamp')
		const alone = performance.now() - began
		const sent = () => events.filter(event => event.type === 'frame' && event.out && event.text.includes('timestamp')).length
		const before = sent()
		late = 20
		tamper = (data, deliver) => setTimeout(deliver, late += 3, data)
		const reads = 40
		for (let n = 0; n < reads; n++) await client.request('timestamp')
		client.close()
		return { alone, reads, sent: sent() - before }`)
	if got.Alone > 450 {
		t.Errorf("a slow read took %.0f ms, want the answer of another node", got.Alone)
	}
	if extra := got.Sent - got.Reads; extra < 12 || extra > 20+got.Reads/10+1 {
		t.Errorf("%d slow reads were sent %d times more, want twenty and a tenth", got.Reads, extra)
	}
	m.quiet()
}

// Somebody in between who has the node's true answer at hand, and another certificate.
func TestModuleCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url())
	b, page := browse(t, chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns")), pages(t).URL
	// The rogue is an RTCPeerConnection that answers in the node's place: at its own addresses, with its own
	// certificate. The description has the node's fingerprint, which is what the identity is of.
	const rogue = `
		window.asked = []
		window.answered = async ({ signal }) => {
			const own = new RTCPeerConnection()
			own.ondatachannel = ({ channel }) => { channel.onmessage = ({ data }) => asked.push(data) }
			await own.setRemoteDescription({ type: 'offer', sdp: offered })
			await own.setLocalDescription()
			await until(() => own.iceGatheringState === 'complete')
			const print = /^a=fingerprint:.*/m
			window.truth = own.localDescription.sdp
			window.rogue = own
			signal.sdp = truth.replace(print, signal.sdp.match(print)[0])
		}`
	for _, tt := range []struct{ name, script string }{
		{"a browser that compares", rogue},
		// Whatever is between the module and the network and swaps the certificate is found by its
		// asking which one is in use.
		{"a browser that does not", rogue + `
		const set = RTCPeerConnection.prototype.setRemoteDescription
		RTCPeerConnection.prototype.setRemoteDescription = function (description) {
			return set.call(this, description.type === 'answer' ? { type: 'answer', sdp: truth } : description)
		}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newModule(t, b, page)
			m.do(nil, tt.script)
			message, hop := m.fails(`await open(` + quote(archiver.url()) + `, { peer: ` + quote(node.peerID) + ` })`)
			if hop != "channel" || !strings.Contains(message, "did not prove who it is: another certificate") {
				t.Errorf("%s: %s, want that it did not prove who it is", hop, message)
			}
			var asked []string
			m.do(&asked, `rogue.close(); return asked`)
			if len(asked) > 0 {
				t.Errorf("whoever is in between was asked %q", asked)
			}
			m.quiet()
		})
	}
	t.Run("a browser that shows no certificate", func(t *testing.T) {
		m := newModule(t, b, page)
		m.do(nil, `
			RTCDtlsTransport.prototype.getRemoteCertificates = undefined
			await open(`+quote(archiver.url())+`)
			await client.request('timestamp')
			client.close()`)
		m.quiet()
	})
}
