package rtc_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// frame is a data channel message as it travels.
type frame struct {
	text bool
	data string
}

// peerjs dials a node as PeerJS does, by hand over pion.
type peerjs struct {
	pc     *webrtc.PeerConnection
	dc     *webrtc.DataChannel
	frames chan frame
	closed chan struct{}
	answer map[string]json.RawMessage
}

// dialPeerJS sends the OFFER of PeerJS with the members that extra adds, and
// returns when the channel is open. ok is false if there was no answer.
func dialPeerJS(t *testing.T, h *hub, n *node, connID string, extra map[string]any) (p *peerjs, ok bool) {
	t.Helper()
	return dialPeerJSWith(t, webrtc.SettingEngine{}, h, n, connID, extra)
}

func dialPeerJSWith(t *testing.T, s webrtc.SettingEngine, h *hub, n *node, connID string, extra map[string]any) (p *peerjs, ok bool) {
	t.Helper()
	s.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose() })
	p = &peerjs{pc: pc, frames: make(chan frame, 16), closed: make(chan struct{})}
	if p.dc, err = pc.CreateDataChannel(connID, &webrtc.DataChannelInit{Ordered: new(false)}); err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	p.dc.OnOpen(func() { close(open) })
	p.dc.OnClose(func() { close(p.closed) })
	p.dc.OnMessage(func(m webrtc.DataChannelMessage) { p.frames <- frame{m.IsString, string(m.Data)} })

	w := h.join("browser-" + connID)
	candidates := make(chan *webrtc.ICECandidate, 64)
	pc.OnICECandidate(func(c *webrtc.ICECandidate) { candidates <- c })
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	payload := map[string]any{"sdp": offer, "type": "data", "connectionId": connID, "label": connID, "reliable": false}
	for k, v := range extra {
		payload[k] = v
	}
	send(t, w, n.id, signaling.TypeOffer, payload)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case c := <-candidates:
			if c != nil {
				send(t, w, n.id, signaling.TypeCandidate, map[string]any{"candidate": c.ToJSON(), "type": "data", "connectionId": connID})
			}
		case m := <-w.in:
			p.apply(t, m)
		case <-open:
			return p, true
		case <-time.After(2 * time.Second):
			return p, false
		}
	}
}

func (p *peerjs) apply(t *testing.T, m signaling.Message) {
	t.Helper()
	var body map[string]json.RawMessage
	if err := json.Unmarshal(m.Payload, &body); err != nil {
		t.Fatal(err)
	}
	switch m.Type {
	case signaling.TypeAnswer:
		p.answer = body
		var d webrtc.SessionDescription
		if err := json.Unmarshal(body["sdp"], &d); err != nil {
			t.Fatal(err)
		}
		if err := p.pc.SetRemoteDescription(d); err != nil {
			t.Fatal(err)
		}
	case signaling.TypeCandidate:
		var c webrtc.ICECandidateInit
		if err := json.Unmarshal(body["candidate"], &c); err != nil {
			t.Fatal(err)
		}
		if err := p.pc.AddICECandidate(c); err != nil {
			t.Fatal(err)
		}
	}
}

func send(t *testing.T, w *wire, dst, kind string, payload any) {
	t.Helper()
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), signaling.Message{Type: kind, Dst: dst, Payload: raw}); err != nil {
		t.Fatal(err)
	}
}

func (p *peerjs) next(t *testing.T) frame {
	t.Helper()
	select {
	case f := <-p.frames:
		return f
	case <-time.After(5 * time.Second):
		t.Fatal("no message came")
		return frame{}
	}
}

// greet sends one message before it reads, so that nothing can be mirrored.
func greet(ctx context.Context, s *rtc.Session) {
	if s.Send(ctx, []byte(`{"greeting":1}`)) == nil {
		echo(ctx, s)
	}
}

// Which frames PeerJS reads depends on its serialisation and its version.
func TestPeerJSFrames(t *testing.T) {
	for _, tt := range []struct {
		name     string
		offer    map[string]any
		greeting bool // whether it comes as text
		sendText bool
		echoText bool
	}{
		{name: "json of 1.5", offer: map[string]any{"serialization": "json"}},
		{name: "json of 1.4.7", offer: map[string]any{"serialization": "json", "browser": "chrome"}, greeting: true, sendText: true, echoText: true},
		{name: "json mirrors what it gets", offer: map[string]any{"serialization": "json"}, sendText: true, echoText: true},
		{name: "raw", offer: map[string]any{"serialization": "raw"}, greeting: true, sendText: true, echoText: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) { c.Serve = greet })
			p, ok := dialPeerJS(t, h, n, "dc_1", tt.offer)
			if !ok {
				t.Fatal("no connection")
			}
			if p.answer["identity"] == nil || string(p.answer["type"]) != `"data"` {
				t.Errorf("answer = %s, want an identity and type data", p.answer)
			}
			if f := p.next(t); f.text != tt.greeting || f.data != `{"greeting":1}` {
				t.Errorf("greeting = %+v, want text %v", f, tt.greeting)
			}
			var err error
			if tt.sendText {
				err = p.dc.SendText(`{"a":1}`)
			} else {
				err = p.dc.Send([]byte(`{"a":1}`))
			}
			if err != nil {
				t.Fatal(err)
			}
			if f := p.next(t); f.text != tt.echoText || f.data != `{"a":1}` {
				t.Errorf("echo = %+v, want text %v", f, tt.echoText)
			}
		})
	}
}

// A second OFFER with the same connection id replaces the first connection.
func TestPeerJSOfferAgainStartsAnew(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	offer := map[string]any{"serialization": "json"}
	first, ok := dialPeerJS(t, h, n, "dc_1", offer)
	if !ok {
		t.Fatal("no connection")
	}
	if _, ok := dialPeerJS(t, h, n, "dc_1", offer); !ok {
		t.Fatal("no second connection")
	}
	select {
	case <-first.closed:
	case <-time.After(5 * time.Second):
		t.Error("the first connection is still open")
	}
	if got := n.Connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

// What a node does not speak it declines by its silence, without keeping anything.
func TestOffersThatAreDeclined(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		offer map[string]any
	}{
		{"media", map[string]any{"type": "media"}},
		{"MsgPack", map[string]any{"serialization": "MsgPack"}},
		{"no serialization", nil},
		{"no description", map[string]any{"serialization": "json", "sdp": map[string]any{"type": "offer", "sdp": "v=0\r\n"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			n, _ := startEcho(t, h, nil)
			if _, ok := dialPeerJS(t, h, n, "dc_1", tt.offer); ok {
				t.Error("the node answered")
			}
			if got := n.Connections(); got != 0 {
				t.Errorf("%d connections are left", got)
			}
		})
	}
}

// Candidates may overtake their offer, and are kept for it.
func TestCandidateBeforeItsOffer(t *testing.T) {
	h := newHub()
	var held []signaling.Message
	swapped := false
	h.tamper = func(m *signaling.Message) bool {
		switch {
		case swapped:
			return true
		case m.Type == signaling.TypeOffer:
			held = append(held, *m)
			return false
		case m.Type == signaling.TypeCandidate && len(held) == 1:
			swapped = true
			h.wires[m.Dst].in <- *m
			h.wires[m.Dst].in <- held[0]
			return false
		}
		return true
	}
	n, _ := startEcho(t, h, nil)
	if _, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "json"}); !ok {
		t.Error("no connection")
	}
	if !swapped {
		t.Error("no candidate came, so nothing was tried")
	}
}
