package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// site is a running server on a port of its own.
type site struct {
	*signaling.Server
	url  string // http://host:port
	stop func() // ends Run and waits for it; more than once does nothing
}

// startSite starts a server with the settings of the npm package peer.
func startSite(t *testing.T, hooks signaling.Hooks, change func(*signaling.Config)) *site {
	t.Helper()
	cfg := signaling.DefaultConfig()
	cfg.Path, cfg.Key = "/", "peerjs"
	if change != nil {
		change(&cfg)
	}
	s, err := signaling.NewServer(cfg, hooks, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return runSite(t, s)
}

// runSite serves s on a port of its own until the test ends.
func runSite(t *testing.T, s *signaling.Server) *site {
	t.Helper()
	web := httptest.NewServer(s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	st := &site{Server: s, url: web.URL, stop: func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}}
	t.Cleanup(func() {
		st.stop()
		web.Close()
	})
	return st
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wsURL is the WebSocket's URL with the query as given.
func (s *site) wsURL(query string) string {
	return "ws" + strings.TrimPrefix(s.url, "http") + "/peerjs?" + query
}

// peer is a raw WebSocket: nothing here is the code under test.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
}

// dial opens a WebSocket; what the server says is not read yet.
func (s *site) dial(t *testing.T, query string) *peer {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.Dial(s.wsURL(query), http.Header{"Origin": {"https://somewhere.example"}})
	if err != nil {
		t.Fatalf("dial ?%s: %v (%v)", query, err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{t: t, conn: conn}
}

// join opens a WebSocket as id and waits for OPEN.
func (s *site) join(t *testing.T, id, token string) *peer {
	t.Helper()
	p := s.dial(t, url.Values{"key": {"peerjs"}, "id": {id}, "token": {token}}.Encode())
	p.id = id
	p.expect(`{"type":"OPEN"}`)
	return p
}

func (p *peer) send(frames ...string) {
	p.t.Helper()
	for _, f := range frames {
		if err := p.conn.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
			p.t.Fatalf("%s: send: %v", p.id, err)
		}
	}
}

// read returns the next frame, which must be text.
func (p *peer) read() (string, error) {
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	kind, data, err := p.conn.ReadMessage()
	if err == nil && kind != websocket.TextMessage {
		err = fmt.Errorf("frame of kind %d: %q", kind, data)
	}
	return string(data), err
}

func (p *peer) expect(frames ...string) {
	p.t.Helper()
	for _, want := range frames {
		got, err := p.read()
		if err != nil {
			p.t.Fatalf("%s: got %v, want %s", p.id, err, want)
		}
		if got != want {
			p.t.Fatalf("%s: got %s, want %s", p.id, got, want)
		}
	}
}

// expectClose reads a close frame with the given code; 1005 is one without.
func (p *peer) expectClose(code int) {
	p.t.Helper()
	got, err := p.read()
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if !ok || closed.Code != code {
		p.t.Fatalf("%s: got %q, %v, want close %d", p.id, got, err, code)
	}
}

// expectQuiet shows that nothing is on the way to p: what p says to itself
// comes next.
func (p *peer) expectQuiet() {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"type":"OFFER","dst":%s,"payload":"echo"}`, quoted(p.id)))
	p.expect(fmt.Sprintf(`{"type":"OFFER","src":%[1]s,"dst":%[1]s,"payload":"echo"}`, quoted(p.id)))
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// eventually waits until ok is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// awaitGone waits until the server has noticed that nobody holds id.
func (s *site) awaitGone(t *testing.T, id string) {
	t.Helper()
	eventually(t, id+" is gone", func() bool {
		_, ok := s.Peer(id)
		return !ok
	})
}
