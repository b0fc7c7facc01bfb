package rtc_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// described is a payload of the simple-peer dialect with a description.
type described struct {
	ID       string                    `json:"id"`
	Signal   webrtc.SessionDescription `json:"signal"`
	Identity json.RawMessage           `json:"identity,omitempty"`
}

// A relay is a lying signalling server with two WebRTC ends of its own: the
// victim sees it as the node, and the node sees it as the victim.
type relay struct {
	t           *testing.T
	front, back *wire // as the node towards the victim; as the victim towards the node

	connected atomic.Bool  // the victim's ICE agent answered
	messages  atomic.Int64 // that the victim sent
}

// relayBetween puts a relay between a client, which joins the hub returned, and n.
func relayBetween(t *testing.T, behind *hub, n *node) (*hub, *relay) {
	h := newHub()
	return h, &relay{t: t, front: h.join(n.id), back: behind.join("client")}
}

func (r *relay) pc() *webrtc.PeerConnection {
	r.t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// local sets a description and returns it with its candidates.
func (r *relay) local(pc *webrtc.PeerConnection, d webrtc.SessionDescription, err error) webrtc.SessionDescription {
	r.t.Helper()
	gathered := webrtc.GatheringCompletePromise(pc)
	if err == nil {
		err = pc.SetLocalDescription(d)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	<-gathered
	return *pc.LocalDescription()
}

func (r *relay) receive(w *wire, kind string) (p described) {
	r.t.Helper()
	for {
		select {
		case m := <-w.in:
			if m.Type != kind {
				continue
			}
			if err := json.Unmarshal(m.Payload, &p); err != nil {
				r.t.Fatal(err)
			}
			return p
		case <-time.After(5 * time.Second):
			r.t.Fatalf("no %s came", kind)
		}
	}
}

// askNode has the node answer an offer: the relay's own, or the victim's.
func (r *relay) askNode(node string, victim described, own bool) described {
	r.t.Helper()
	offer := victim
	if own {
		pc := r.pc()
		if _, err := pc.CreateDataChannel("liberdus", nil); err != nil {
			r.t.Fatal(err)
		}
		d, err := pc.CreateOffer(nil)
		offer.Signal = r.local(pc, d, err)
	}
	send(r.t, r.back, node, signaling.TypeOffer, offer)
	return r.receive(r.back, signaling.TypeAnswer)
}

// answerVictim answers the victim's offer over a connection of the relay's own.
func (r *relay) answerVictim(victim described) described {
	r.t.Helper()
	pc := r.pc()
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			r.connected.Store(true)
		}
	})
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(webrtc.DataChannelMessage) { r.messages.Add(1) })
	})
	if err := pc.SetRemoteDescription(victim.Signal); err != nil {
		r.t.Fatal(err)
	}
	d, err := pc.CreateAnswer(nil)
	return described{ID: victim.ID, Signal: r.local(pc, d, err)}
}

// A signalling server that ends the encryption on both sides with certificates
// of its own is found out, whatever it makes of the node's identity.
func TestManInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name string
		own  bool // the node is offered the relay's certificate, not the victim's
		// bend makes the answer from that of the node and the relay's own.
		bend func(node, relay described) described
		hop  rtc.Hop
		says string
		met  bool // the victim's packets reached the relay
	}{
		{
			name: "the node's identity of another connection", own: true, hop: rtc.HopSignalling, says: "fingerprint",
			bend: func(node, relay described) described { relay.Identity = node.Identity; return relay },
		},
		{
			name: "the node's identity for this connection", hop: rtc.HopSignalling, says: "fingerprint",
			bend: func(node, relay described) described { relay.Identity = node.Identity; return relay },
		},
		{
			name: "both certificates in the description", hop: rtc.HopSignalling, says: "more than one",
			bend: func(node, relay described) described {
				relay.Signal.SDP += "a=fingerprint:" + fingerprint(node.Signal.SDP) + "\r\n"
				relay.Identity = node.Identity
				return relay
			},
		},
		{
			name: "no identity", hop: rtc.HopSignalling, says: "no identity",
			bend: func(_, relay described) described { return relay },
		},
		{
			name: "the node's certificate described, another one shown", hop: rtc.HopDTLS, says: "certificate", met: true,
			bend: func(node, relay described) described {
				relay.Signal.SDP = replaceFingerprint(relay.Signal.SDP, fingerprint(node.Signal.SDP))
				relay.Identity = node.Identity
				return relay
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			behind := newHub()
			n, _ := startEcho(t, behind, nil)
			h, r := relayBetween(t, behind, n)
			victim := start(t, h, "client", nil)
			dialled := make(chan error, 1)
			go func() {
				s, err := victim.Dial(context.WithoutCancel(t.Context()), target(n))
				if err == nil {
					_ = s.Send(context.Background(), []byte("secret"))
				}
				dialled <- err
			}()
			offer := r.receive(r.front, signaling.TypeOffer)
			answer := tt.bend(r.askNode(n.id, offer, tt.own), r.answerVictim(offer))
			send(t, r.front, "client", signaling.TypeAnswer, answer)

			err := <-dialled
			e, ok := errors.AsType[*rtc.Error](err)
			if !ok || e.Hop != tt.hop || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Dial = %v, want an error at %s that says %q", err, tt.hop, tt.says)
			}
			if r.connected.Load() != tt.met {
				t.Errorf("the victim's packets reached the relay: %v, want %v", r.connected.Load(), tt.met)
			}
			if got := r.messages.Load(); got != 0 {
				t.Errorf("the relay read %d messages of the victim", got)
			}
		})
	}
}

// Where pion and we read a description differently, the certificate in use
// decides: neither side opens a session on another than the one described.
func TestCertificateInUseIsTheOneDescribed(t *testing.T) {
	other := "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for _, tt := range []struct{ name, swapped string }{
		{"the dialler looks", signaling.TypeAnswer},
		{"the node looks", signaling.TypeOffer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			h.tamper = func(m *signaling.Message) bool {
				if m.Type == tt.swapped {
					edit(m, func(sdp string) string { return replaceFingerprint(sdp, other) })
				}
				return true
			}
			var served atomic.Bool
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				c.Serve = func(ctx context.Context, s *rtc.Session) { served.Store(true); echo(ctx, s) }
			})
			c := start(t, h, "client", nil)
			rtc.TrustAnyCertificate(n.Peer)
			rtc.TrustAnyCertificate(c.Peer)
			s, err := c.Dial(t.Context(), rtc.Target{Server: "hub", PeerID: n.id})
			if tt.swapped == signaling.TypeAnswer {
				if !errors.Is(err, rtc.ErrIdentity) || !strings.Contains(err.Error(), "certificate") {
					t.Errorf("Dial = %v, want ErrIdentity", err)
				}
				return
			}
			if err == nil { // open at this end until the node closes it
				late := time.AfterFunc(5*time.Second, s.Close)
				defer late.Stop()
				_, err = s.Recv()
			}
			if !errors.Is(err, rtc.ErrClosed) || served.Load() {
				t.Errorf("session: %v, served %v; want the node to close it at once", err, served.Load())
			}
		})
	}
}

func fingerprint(sdp string) string {
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(line, "a=fingerprint:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
