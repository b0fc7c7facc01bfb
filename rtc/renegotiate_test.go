package rtc_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// A further offer that cannot be answered changes nothing.
func TestRenegotiationThatIsDeclined(t *testing.T) {
	media := "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n"
	for name, change := range map[string]func(string) string{
		"media": func(sdp string) string { return sdp + media },
		"another certificate": func(sdp string) string {
			return strings.ReplaceAll(sdp, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")[:len(sdp)]
		},
		"no description": func(string) string { return "v=0\r\n" },
		"many candidates": func(sdp string) string {
			return sdp + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 41)
		},
		"no user fragment": func(sdp string) string { return strings.Replace(sdp, "a=ice-ufrag:", "a=ice-ufragx:", 1) },
		"no password":      func(sdp string) string { return strings.Replace(sdp, "a=ice-pwd:", "a=ice-pwdx:", 1) },
		"two passwords":    func(sdp string) string { return strings.Replace(sdp, "m=", "a=ice-pwd:another\r\nm=", 1) },
		"no mid":           func(sdp string) string { return strings.Replace(sdp, "a=mid:", "a=midx:", 1) },
		"a broken origin":  func(sdp string) string { return strings.Replace(sdp, " IN IP4 ", " XX IP4 ", 1) },
		"a broken candidate": func(sdp string) string {
			return sdp + "a=candidate:nothing of the kind\r\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				c.Serve = func(ctx context.Context, s *rtc.Session) {
					for s.RemoteFingerprint() != "" { // which nobody changes meanwhile
						msg, err := s.Recv()
						if err != nil || s.Send(ctx, msg) != nil {
							return
						}
					}
				}
			})
			c := start(t, h, "client", nil)
			var first signaling.Message
			var answers atomic.Int64
			h.tamper = func(m *signaling.Message) bool {
				if m.Type == signaling.TypeAnswer {
					answers.Add(1)
				}
				if m.Type == signaling.TypeOffer && first.Type == "" {
					first = *m
				}
				return true
			}
			s, err := c.Dial(t.Context(), target(n))
			if err != nil {
				t.Fatal(err)
			}
			var payload struct {
				ID     string            `json:"id"`
				Signal map[string]string `json:"signal"`
			}
			if err := json.Unmarshal(first.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			payload.Signal["sdp"] = change(payload.Signal["sdp"])
			again := first
			if again.Payload, err = json.Marshal(payload); err != nil {
				t.Fatal(err)
			}
			rtc.Handle(n.Peer, again)
			if got := roundTrip(t, s, "still here"); got != "still here" {
				t.Errorf("echo = %q", got)
			}
			rtc.Handle(n.Peer, first) // one that can be answered still is
			eventually(t, "a second answer", func() bool { return answers.Load() >= 2 })
			if got := roundTrip(t, s, "and again"); got != "and again" {
				t.Errorf("echo = %q", got)
			}
			if n := answers.Load(); n != 2 {
				t.Errorf("%d answers, want one to each offer that can be answered: 2", n)
			}
		})
	}
}

// A session survives an offer whose answer cannot be sent.
func TestRenegotiationWithoutSignalling(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", nil)
	var first signaling.Message
	h.tamper = func(m *signaling.Message) bool {
		if m.Type == signaling.TypeOffer {
			first = *m
		}
		return true
	}
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, "hello")
	n.wire.end()
	for range 2 {
		rtc.Handle(n.Peer, first)
		if got := roundTrip(t, s, "still here"); got != "still here" {
			t.Errorf("echo = %q", got)
		}
	}
}

// Connections that were replaced count until they are closed.
func TestReplacedConnectionsCount(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxSessionsPerPeer = 1 })
	w := h.join("stranger")
	payload, err := json.Marshal(map[string]any{
		"sdp": map[string]string{"type": "offer", "sdp": offerSDP}, "type": "data", "connectionId": "dc_1", "serialization": "json",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		rtc.Handle(n.Peer, signaling.Message{Type: signaling.TypeOffer, Src: "stranger", Payload: payload})
		if m := <-w.in; m.Type != signaling.TypeAnswer {
			t.Fatalf("%s came, want an answer", m.Type)
		}
		// One may be counted a moment longer than it holds its place.
		if got := n.Stats().PeerConnections; got > 2 {
			t.Fatalf("%d connections of one peer, the limit is 1", got)
		}
	}
	if got := n.Stats().Declined[rtc.DeclinePeer]; got != 0 {
		t.Errorf("%d replacements were declined", got)
	}
}

// What comes late for a connection that is closed is passed over.
func TestLateSignals(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", func(c *rtc.Config) { c.GatherWait = 0 }) // so that there are candidates
	var sent []signaling.Message
	h.tamper = func(m *signaling.Message) bool {
		sent = append(sent, *m)
		return true
	}
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	h.mu.Lock()
	late := append([]signaling.Message{}, sent...)
	h.mu.Unlock()
	for _, m := range late {
		switch {
		case m.Src == n.id:
			rtc.Handle(c.Peer, m)
		case m.Type != signaling.TypeOffer: // that would be a new connection
			rtc.Handle(n.Peer, m)
		}
	}
	if got := c.Connections(); got != 0 {
		t.Errorf("%d connections are left at the dialler", got)
	}
	s, err = c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, s, "hello"); got != "hello" {
		t.Errorf("echo = %q", got)
	}
}
