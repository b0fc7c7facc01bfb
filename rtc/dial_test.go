package rtc_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

func TestDialProvesTheNodeAndCarriesMessages(t *testing.T) {
	h := newHub()
	n, key := startEcho(t, h, nil)
	c := start(t, h, "client", nil)
	var hops []rtc.Hop
	to := target(n)
	to.Progress = func(h rtc.Hop) { hops = append(hops, h) }
	s, err := c.Dial(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if want := []rtc.Hop{rtc.HopICE, rtc.HopDTLS, rtc.HopChannel}; !slices.Equal(hops, want) {
		t.Errorf("Progress told %v, want %v", hops, want)
	}
	if s.ProvenKey() != key.Public() {
		t.Errorf("ProvenKey = %q, want %q", s.ProvenKey(), key.Public())
	}
	for _, msg := range []string{"a", strings.Repeat("x", 60_000)} {
		if got := roundTrip(t, s, msg); got != msg {
			t.Errorf("echo of %d bytes came back as %d", len(msg), len(got))
		}
	}
	s.Close()
	if err := s.Send(t.Context(), []byte("late")); !errors.Is(err, rtc.ErrClosed) {
		t.Errorf("Send after Close = %v, want ErrClosed", err)
	}
	if c.Connections() != 0 {
		t.Errorf("%d connections after Close, want 0", c.Connections())
	}
}

// Candidates that come after the description are trickled both ways.
func TestTrickle(t *testing.T) {
	h := newHub()
	late := func(c *rtc.Config) { c.GatherWait = 0 }
	n, _ := startEcho(t, h, late)
	c := start(t, h, "client", late)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, s, "hello"); got != "hello" {
		t.Errorf("echo = %q", got)
	}
}

func TestDialFailsAtTheHop(t *testing.T) {
	for _, tt := range []struct {
		name   string
		serve  bool
		tamper func(*signaling.Message) bool
		id     string // "" = the node's
		want   error
		hop    rtc.Hop
	}{
		{name: "nobody holds the id", serve: true, id: "nobody", want: rtc.ErrPeerAbsent, hop: rtc.HopSignalling},
		{name: "the peer accepts nobody", want: rtc.ErrNoAnswer, hop: rtc.HopSignalling},
		{
			name: "the answer is lost", serve: true, want: rtc.ErrNoAnswer, hop: rtc.HopSignalling,
			tamper: func(m *signaling.Message) bool { return m.Type != signaling.TypeAnswer },
		},
		{
			name: "no description names an address", serve: true, want: rtc.ErrTimeout, hop: rtc.HopICE,
			tamper: func(m *signaling.Message) bool {
				edit(m, func(sdp string) string { return dropLines(sdp, "a=candidate") })
				return true
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			h.tamper = tt.tamper
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				if !tt.serve {
					c.Serve = nil
				}
			})
			c := start(t, h, "client", func(c *rtc.Config) { c.HandshakeTimeout = 700 * time.Millisecond })
			to := target(n)
			if tt.id != "" {
				to.PeerID = tt.id
			}
			_, err := c.Dial(t.Context(), to)
			e, ok := errors.AsType[*rtc.Error](err)
			if !ok || e.Hop != tt.hop || !errors.Is(err, tt.want) {
				t.Errorf("Dial = %v, want %v at %s", err, tt.want, tt.hop)
			}
			if c.Connections() != 0 {
				t.Errorf("%d connections are left", c.Connections())
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	h := newHub()
	h.tamper = func(m *signaling.Message) bool { return m.Type != signaling.TypeAnswer }
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Dial(ctx, target(n)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial = %v, want the context's end", err)
	}
}

func TestDialEndsWithTheSignallingConnection(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	c := start(t, h, "client", nil)
	offered := make(chan struct{})
	h.tamper = func(m *signaling.Message) bool {
		if m.Type == signaling.TypeOffer {
			close(offered)
		}
		return m.Type != signaling.TypeOffer
	}
	go func() { <-offered; c.wire.end() }()
	_, err := c.Dial(t.Context(), target(n))
	if e, ok := errors.AsType[*rtc.Error](err); !ok || e.Hop != rtc.HopSignalling {
		t.Errorf("Dial = %v, want an error at signalling", err)
	}
}

// Every way in which an answer can lie must be found before it is applied.
func TestIdentityIsChecked(t *testing.T) {
	other, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	otherFingerprint := "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for _, tt := range []struct {
		name   string
		lie    func(*rtc.Claims)
		signer func(*signing.NodeKey) *signing.NodeKey
		tamper func(*signaling.Message)
		says   string
	}{
		{name: "a listed node that proves another key", signer: func(*signing.NodeKey) *signing.NodeKey { return other }, says: "signing key"},
		{name: "another peer id", lie: func(c *rtc.Claims) { c.PeerID = other.Public() }, says: "peer id"},
		{name: "the identity of another connection", lie: func(c *rtc.Claims) { c.ConnectionID = "0123" }, says: "connection"},
		{name: "the identity of another network", lie: func(c *rtc.Claims) { c.NetworkID = "other" }, says: "network"},
		{name: "another fingerprint", lie: func(c *rtc.Claims) { c.Fingerprint = otherFingerprint }, says: "fingerprint"},
		{name: "another offerer", lie: func(c *rtc.Claims) { c.RemoteFingerprint = otherFingerprint }, says: "remote fingerprint"},
		{
			name: "a fingerprint compared with itself", says: "remote fingerprint",
			lie: func(c *rtc.Claims) { c.RemoteFingerprint = c.Fingerprint },
		},
		{
			name: "swapped description: another certificate", says: "fingerprint",
			tamper: func(m *signaling.Message) {
				edit(m, func(sdp string) string { return replaceFingerprint(sdp, otherFingerprint) })
			},
		},
		{
			name: "two fingerprints in the description", says: "more than one",
			tamper: func(m *signaling.Message) {
				edit(m, func(sdp string) string { return sdp + "a=fingerprint:" + otherFingerprint + "\r\n" })
			},
		},
		{
			// Pion ends a line at a bare carriage return, and takes the first fingerprint.
			name: "the server hides a certificate in a line", says: "control character",
			tamper: func(m *signaling.Message) {
				edit(m, func(sdp string) string {
					const line = "webrtc-datachannel"
					return strings.Replace(sdp, line, line+"\ra=fingerprint:"+otherFingerprint, 1)
				})
			},
		},
		{
			name: "the server removes the identity", says: "no identity",
			tamper: func(m *signaling.Message) {
				m.Payload = json.RawMessage(strings.Replace(string(m.Payload), `"identity"`, `"ignored"`, 1))
			},
		},
		{
			name: "the server breaks the signature", says: "signature",
			tamper: func(m *signaling.Message) {
				m.Payload = json.RawMessage(strings.Replace(string(m.Payload), `"networkId":"net"`, `"networkId":"ten"`, 1))
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			key, err := signing.NewNodeKey()
			if err != nil {
				t.Fatal(err)
			}
			signer := key
			if tt.signer != nil {
				signer = tt.signer(key)
			}
			n := start(t, h, key.Public(), func(c *rtc.Config) {
				c.Serve = echo
				c.Signer = keyring{key: signer, lie: func(cl *rtc.Claims) {
					cl.PeerID = key.Public()
					if tt.lie != nil {
						tt.lie(cl)
					}
				}}
			})
			h.tamper = func(m *signaling.Message) bool {
				if m.Type == signaling.TypeAnswer && tt.tamper != nil {
					tt.tamper(m)
				}
				return true
			}
			c := start(t, h, "client", nil)
			_, err = c.Dial(t.Context(), target(n))
			e, ok := errors.AsType[*rtc.Error](err)
			if !ok || e.Hop != rtc.HopSignalling || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Dial = %v, want an error at signalling that says %q", err, tt.says)
			}
		})
	}
}

// An identity recorded on one connection proves nothing on the next.
func TestReplayedIdentityIsRefused(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	var recorded json.RawMessage
	h.tamper = func(m *signaling.Message) bool {
		if m.Type != signaling.TypeAnswer {
			return true
		}
		var p map[string]json.RawMessage
		if err := json.Unmarshal(m.Payload, &p); err != nil {
			t.Error(err)
		}
		if recorded == nil {
			recorded = p["identity"]
			return true
		}
		p["identity"] = recorded
		m.Payload, _ = json.Marshal(p)
		return true
	}
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := c.Dial(t.Context(), target(n)); !errors.Is(err, rtc.ErrIdentity) {
		t.Errorf("Dial with a replayed identity = %v, want ErrIdentity", err)
	}
}

// edit changes the description of an offer or answer in the simple-peer dialect.
func edit(m *signaling.Message, change func(string) string) {
	if m.Type == signaling.TypeCandidate {
		return
	}
	var p struct {
		ID     string `json:"id"`
		Signal struct {
			Type string `json:"type"`
			SDP  string `json:"sdp"`
		} `json:"signal"`
		Identity json.RawMessage `json:"identity"`
	}
	if err := json.Unmarshal(m.Payload, &p); err != nil {
		panic(err)
	}
	p.Signal.SDP = change(p.Signal.SDP)
	m.Payload, _ = json.Marshal(p)
}

func dropLines(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func replaceFingerprint(sdp, fingerprint string) string {
	return dropLines(sdp, "a=fingerprint:") + "a=fingerprint:" + fingerprint + "\r\n"
}
