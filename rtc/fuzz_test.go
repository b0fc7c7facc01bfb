package rtc_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// offerSDP is what Chromium offers for a data channel.
const offerSDP = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:GKMk\r\na=ice-pwd:0123456789abcdefghijklmn\r\na=ice-options:trickle\r\n" +
	"a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"

func fuzzPeer(f *testing.F) *rtc.Peer {
	cfg := rtc.DefaultConfig()
	cfg.Serve, cfg.Loopback, cfg.GatherWait = echo, true, 0
	cfg.HandshakeTimeout = 100 * time.Millisecond
	p, err := rtc.New(cfg, discard())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	if _, err := p.Attach("hub", deaf{}); err != nil {
		f.Fatal(err)
	}
	return p
}

// deaf is a signalling connection that takes everything and says nothing.
type deaf struct{}

func (deaf) Send(context.Context, signaling.Message) error { return nil }
func (deaf) Messages() <-chan signaling.Message            { return nil }

// strangers gives each message a sender of its own, so that the limit on the
// connections of one does not keep the others out.
var strangers atomic.Uint64

func stranger() string { return strconv.FormatUint(strangers.Add(1), 10) }

// FuzzSignal feeds any payload of any type to a node.
func FuzzSignal(f *testing.F) {
	sdp, _ := json.Marshal(offerSDP)
	for _, s := range []struct{ kind, payload string }{
		{"OFFER", `{"id":"a","signal":{"type":"offer","sdp":` + string(sdp) + `}}`},
		{"OFFER", `{"sdp":{"type":"offer","sdp":` + string(sdp) + `},"type":"data","connectionId":"dc_a","serialization":"json","browser":"chrome"}`},
		{"ANSWER", `{"id":"a","signal":{"type":"answer","sdp":"v=0"},"identity":{},"caps":["chunk/1"]}`},
		{"CANDIDATE", `{"id":"a","signal":{"candidate":{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host","sdpMid":"0","sdpMLineIndex":0}}}`},
		{"CANDIDATE", `{"candidate":{"candidate":"","sdpMid":null},"type":"data","connectionId":"dc_a"}`},
		{"EXPIRE", ``},
		{"OFFER", `null`},
	} {
		f.Add(s.kind, []byte(s.payload))
	}
	p := fuzzPeer(f)
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		rtc.Handle(p, signaling.Message{Type: kind, Src: stranger(), Payload: payload})
	})
}

// FuzzDescription brings any description as far into pion as it gets.
func FuzzDescription(f *testing.F) {
	f.Add(offerSDP)
	f.Add(offerSDP + "a=candidate:1 1 udp 2113937151 127.0.0.1 40000 typ host\r\n")
	f.Add("")
	p := fuzzPeer(f)
	f.Fuzz(func(t *testing.T, sdp string) {
		payload, err := json.Marshal(map[string]any{"id": "a", "signal": map[string]string{"type": "offer", "sdp": sdp}})
		if err != nil {
			t.Fatal(err) // text always encodes
		}
		rtc.Handle(p, signaling.Message{Type: signaling.TypeOffer, Src: stranger(), Payload: payload})
	})
}

// FuzzInspect compares what we read of a description with what pion does: a
// difference would let a signalling server show each of them another peer.
func FuzzInspect(f *testing.F) {
	const other = "a=fingerprint:sha-256 " + "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
	f.Add(offerSDP)
	f.Add(strings.Replace(offerSDP, "webrtc-datachannel", "webrtc-datachannel\r"+other, 1))
	f.Add(strings.Replace(offerSDP, "a=fingerprint", "A=FINGERPRINT", 1) + other)
	f.Add(strings.Replace(offerSDP, "t=0 0\r\n", "t=0 0\r\n"+other+"\r\n", 1))
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := rtc.Inspect(text)
		if err != nil {
			return
		}
		var theirs sdp.SessionDescription
		if theirs.UnmarshalString(text) != nil {
			return // pion will refuse it
		}
		if n := len(theirs.MediaDescriptions); n != 1 {
			t.Errorf("pion sees %d media sections", n)
		}
		var seen []string
		for _, a := range theirs.Attributes {
			if a.Key == "fingerprint" {
				seen = append(seen, a.Value)
			}
		}
		for _, m := range theirs.MediaDescriptions {
			for _, a := range m.Attributes {
				if a.Key == "fingerprint" {
					seen = append(seen, a.Value)
				}
			}
		}
		for _, value := range seen {
			if !strings.EqualFold(strings.Join(strings.Fields(value), " "), ours) {
				t.Errorf("pion sees %q, we %q", value, ours)
			}
		}
	})
}
