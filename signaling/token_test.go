package signaling_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

const keyID = "3e6e93fa1e03e66dcfabafbeed27c5dfc2d6f11d68cfc3b5defc51b82df5a724"

const otherKeyID = "3e6e0000000000000000000000000000000000000000000000000000000000ff"

// proofs is a Proof that believes tokens of the form "good.<seconds>.<nonce>"
// for the key id, valid for so many seconds from the test's start.
type proofs struct {
	start time.Time
	mu    sync.Mutex
	asked int // guarded by mu
}

func newProofs() *proofs { return &proofs{start: time.Now()} }

func (p *proofs) proof(id, token string) (time.Time, error) {
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	var seconds int
	if _, err := fmt.Sscanf(token, "good.%d.", &seconds); err != nil || !strings.HasPrefix(id, "3e6e") {
		return time.Time{}, errors.New("no")
	}
	return p.start.Add(time.Duration(seconds) * time.Second), nil
}

// try opens a WebSocket as the key id and returns the first frame.
func (s *site) try(t *testing.T, token string) (*peer, string) {
	t.Helper()
	p := s.dial(t, url.Values{"key": {"peerjs"}, "id": {keyID}, "token": {token}}.Encode())
	p.id = keyID
	frame, err := p.read()
	if err != nil {
		t.Fatal(err)
	}
	return p, frame
}

func TestKeyIDs(t *testing.T) {
	type step struct {
		token string
		close bool // the socket that holds the id is closed before
		want  string
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"bad proof", []step{{token: "evil", want: badToken}}},
		{"good proof", []step{{token: "good.60.a", want: openFrame}}},
		{"same token again while registered", []step{{token: "good.60.a", want: openFrame}, {token: "good.60.a", want: openFrame}, {token: "good.60.a", want: openFrame}}},
		{"same token again after the end", []step{{token: "good.60.a", want: openFrame}, {token: "good.60.a", close: true, want: badToken}}},
		{"later expiry takes over", []step{{token: "good.60.a", want: openFrame}, {token: "good.61.b", want: openFrame}}},
		{"equal expiry does not", []step{{token: "good.60.a", want: openFrame}, {token: "good.60.b", want: badToken}}},
		{"earlier expiry does not", []step{{token: "good.60.a", want: openFrame}, {token: "good.59.b", want: badToken}}},
		{"earlier expiry after the end", []step{{token: "good.60.a", want: openFrame}, {token: "good.59.b", close: true, want: openFrame}}},
		{"the token taken over from is used up", []step{{token: "good.60.a", want: openFrame}, {token: "good.61.b", want: openFrame}, {token: "good.60.a", want: badToken}}},
		{"a refused token is not used up", []step{{token: "good.60.a", want: openFrame}, {token: "good.59.b", want: badToken}, {token: "good.59.b", close: true, want: openFrame}}},
		{"bad proof does not disturb", []step{{token: "good.60.a", want: openFrame}, {token: "evil", want: badToken}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{Proof: newProofs().proof}, nil)
			var holder *peer
			for i, st := range tt.steps {
				if st.close {
					holder.conn.Close()
					s.awaitGone(t, keyID)
					holder = nil
				}
				p, got := s.try(t, st.token)
				if got != st.want {
					t.Fatalf("step %d, token %s: %s, want %s", i, st.token, got, st.want)
				}
				if st.want != openFrame {
					p.expectClose(websocket.CloseNoStatusReceived)
					continue
				}
				if holder != nil {
					holder.expectClose(websocket.CloseNoStatusReceived)
				}
				holder = p
			}
			if holder == nil {
				return
			}
			holder.expectQuiet()
			if p, ok := s.Peer(keyID); !ok || !p.Proven {
				t.Errorf("Peer = %+v, %v, want a proven one", p, ok)
			}
		})
	}
}

func TestPlainIDsNeedNoProof(t *testing.T) {
	p := newProofs()
	s := startSite(t, signaling.Hooks{Proof: p.proof}, nil)
	for _, id := range []string{strings.ToUpper(keyID), keyID[1:], keyID + "0", "g" + keyID[1:]} {
		s.join(t, id, "evil")
		if got, ok := s.Peer(id); !ok || got.Proven {
			t.Errorf("Peer(%q) = %+v, %v, want one that is not proven", id, got, ok)
		}
	}
	if p.asked != 0 {
		t.Errorf("the proof was asked for %d times", p.asked)
	}
}

func TestKeyIDsCountAgainstTheLimit(t *testing.T) {
	s := startSite(t, signaling.Hooks{Proof: newProofs().proof}, func(c *signaling.Config) { c.ConcurrentLimit = 1 })
	a := s.join(t, "a", "t")
	if _, got := s.try(t, "good.60.a"); got != full {
		t.Errorf("over the limit: %s, want %s", got, full)
	}
	a.conn.Close()
	s.awaitGone(t, "a")
	if _, got := s.try(t, "good.60.a"); got != openFrame { // the refusal did not use it up
		t.Errorf("within the limit: %s, want OPEN", got)
	}
	if _, got := s.try(t, "good.61.b"); got != openFrame {
		t.Errorf("takeover at the limit: %s, want OPEN", got)
	}
}

// What does not fit is forgotten, but never accepted again; who makes a new
// token for each connect is let in whatever others do.
func TestUsedTokensAreBounded(t *testing.T) {
	s := startSite(t, signaling.Hooks{Proof: newProofs().proof}, func(c *signaling.Config) { c.MaxUsedTokens = 3 })
	for _, step := range []struct{ token, want string }{
		{"good.60.a", openFrame},
		{"good.61.b", openFrame},
		{"good.62.c", openFrame},
		{"good.60.a", badToken},
		{"good.63.d", openFrame}, // a is forgotten
		{"good.60.a", badToken},
		{"good.61.b", badToken},
		{"good.64.e", openFrame},
	} {
		if _, got := s.try(t, step.token); got != step.want {
			t.Errorf("%s: %s, want %s", step.token, got, step.want)
		}
	}
	p := s.dial(t, url.Values{"key": {"peerjs"}, "id": {otherKeyID}, "token": {"good.60.never"}}.Encode())
	p.expect(badToken) // it cannot be told from one that was used
	if got := s.Stats().Refused[signaling.RefusedEarly]; got != 1 {
		t.Errorf("refused as early = %d, want 1", got)
	}
	p = s.dial(t, url.Values{"key": {"peerjs"}, "id": {otherKeyID}, "token": {"good.65.f"}}.Encode())
	p.expect(openFrame)
}

func TestPeer(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	before := time.Now()
	s.join(t, "a", "secret")
	p, ok := s.Peer("a")
	if !ok || p.ID != "a" || p.Addr.String() != "127.0.0.1" || p.TokenHash != sha256.Sum256([]byte("secret")) || p.Proven || p.Node {
		t.Errorf("Peer = %+v, %v", p, ok)
	}
	if p.LastSeen.Before(before.Add(-time.Second)) || p.LastSeen.After(time.Now().Add(time.Second)) {
		t.Errorf("LastSeen = %v, want about %v", p.LastSeen, before)
	}
	if _, ok := s.Peer("b"); ok {
		t.Error("Peer(b) is there")
	}
}

func TestMarkNode(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	if s.MarkNode("a") {
		t.Error("MarkNode of nobody = true")
	}
	a := s.join(t, "a", "t")
	if !s.MarkNode("a") {
		t.Error("MarkNode = false")
	}
	again := s.join(t, "a", "t") // the same token keeps the mark
	if p, _ := s.Peer("a"); !p.Node {
		t.Error("a reconnect lost the mark")
	}
	a.conn.Close()
	again.conn.Close()
	s.awaitGone(t, "a")
	s.join(t, "a", "t")
	if p, _ := s.Peer("a"); p.Node {
		t.Error("the mark outlived the peer")
	}
}

// lockedBuffer is a log that a test can read.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestNoTokenIsLogged(t *testing.T) {
	var log lockedBuffer
	cfg := signaling.DefaultConfig()
	cfg.CloseTimeout = 50 * time.Millisecond // nobody here answers close frames
	s, err := signaling.NewServer(cfg, signaling.Hooks{Proof: newProofs().proof},
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	st := runSite(t, s)
	st.url += cfg.Path
	for _, q := range []string{"key=liberdus&id=a&token=hidden", "key=liberdus&id=a&token=hidden2", "key=no&id=a&token=hidden3", "key=liberdus&token=hidden4&id=" + keyID} {
		p := st.dial(t, q)
		if _, err := p.read(); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"\x1b[31mred", "two\nlines", strings.Repeat("x", 10_000)} {
		if _, err := st.dial(t, url.Values{"key": {"liberdus"}, "id": {id}, "token": {"hidden5"}}.Encode()).read(); err != nil {
			t.Fatal(err)
		}
	}
	st.call(t, "GET", "/liberdus/a/hidden6/offer?token=hidden7", nil)
	st.stop()
	for line := range strings.Lines(log.String()) {
		if len(line) > 400 || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) || !strings.HasPrefix(line, "time=") {
			t.Errorf("a line of the log: %.500q", line)
		}
	}
	for _, want := range []string{`msg="peer connected"`, `msg="peer disconnected"`, `msg="peer refused"`, "peer=a", "remote=127.0.0.1:", "reason=taken", "reason=stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), "hidden") {
		t.Errorf("a token is in the log:\n%s", &log)
	}
}
