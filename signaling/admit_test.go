package signaling_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

const (
	missing   = `{"type":"ERROR","payload":{"msg":"No id, token, or key supplied to websocket server"}}`
	badKey    = `{"type":"ERROR","payload":{"msg":"Invalid key provided"}}`
	badToken  = `{"type":"ERROR","payload":{"msg":"Invalid token provided"}}`
	taken     = `{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`
	full      = `{"type":"ERROR","payload":{"msg":"Server has reached its concurrent user limit"}}`
	openFrame = `{"type":"OPEN"}`
)

func TestAdmission(t *testing.T) {
	long := strings.Repeat("x", 128)
	for _, tt := range []struct {
		name, query string
		want        string // the first frame
		wantID      string // registered as, if want is OPEN
	}{
		{name: "nothing", query: "", want: missing},
		{name: "key alone", query: "key=peerjs", want: missing},
		{name: "no token", query: "key=peerjs&id=a", want: missing},
		{name: "no id", query: "key=peerjs&token=t", want: missing},
		{name: "no key", query: "id=a&token=t", want: missing},
		{name: "empty id", query: "key=peerjs&id=&token=t", want: missing},
		{name: "wrong key", query: "key=nope&id=a&token=t", want: badKey},
		{name: "missing beats wrong key", query: "key=nope&id=a", want: missing},
		{name: "names have case", query: "KEY=peerjs&id=a&token=t", want: missing},
		{name: "plain", query: "key=peerjs&id=a&token=t", want: openFrame, wantID: "a"},
		{name: "version", query: "key=peerjs&id=a&token=t&version=1.5.5", want: openFrame, wantID: "a"},
		{name: "last duplicate", query: "key=peerjs&id=first&token=t&id=second", want: openFrame, wantID: "second"},
		{name: "plus", query: "key=peerjs&id=a+b&token=t", want: openFrame, wantID: "a b"},
		{name: "escape", query: "key=peerjs&id=%E2%82%AC&token=t", want: openFrame, wantID: "€"},
		{name: "broken escape", query: "key=peerjs&id=%zz&token=t", want: openFrame, wantID: "%zz"},
		{name: "semicolon", query: "key=peerjs&id=a;b&token=t", want: openFrame, wantID: "a;b"},
		{name: "longest id", query: "key=peerjs&token=t&id=" + long, want: openFrame, wantID: long},
		{name: "id too long", query: "key=peerjs&token=t&id=x" + long, want: missing},
		{name: "control in id", query: "key=peerjs&token=t&id=a%0Ab", want: missing},
		{name: "longest token", query: "key=peerjs&id=a&token=" + strings.Repeat("x", 512), want: openFrame, wantID: "a"},
		{name: "token too long", query: "key=peerjs&id=a&token=" + strings.Repeat("x", 513), want: missing},
		{name: "control in token", query: "key=peerjs&id=a&token=%00", want: missing},
		{name: "key id without proofs", query: "key=peerjs&token=t&id=" + strings.Repeat("0a", 32), want: openFrame, wantID: strings.Repeat("0a", 32)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, nil)
			p := s.dial(t, tt.query)
			p.expect(tt.want)
			if tt.want != openFrame {
				p.expectClose(websocket.CloseNoStatusReceived)
				return
			}
			if _, ok := s.Peer(tt.wantID); !ok {
				t.Errorf("Peer(%q) is not there", tt.wantID)
			}
			p.id = tt.wantID
			p.expectQuiet()
		})
	}
}

func TestIDTakenLeavesTheOwnerAlone(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	owner := s.join(t, "a", "t")
	thief := s.dial(t, "key=peerjs&id=a&token=other")
	thief.expect(taken)
	thief.expectClose(websocket.CloseNoStatusReceived)
	owner.expectQuiet()
}

func TestConcurrentLimit(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.ConcurrentLimit = 1 })
	a := s.join(t, "a", "t")
	for _, tt := range []struct{ name, query, want string }{
		{"another id", "key=peerjs&id=b&token=t", full},
		{"another id, wrong key", "key=nope&id=b&token=t", badKey},
		{"same id, another token", "key=peerjs&id=a&token=u", taken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.dial(t, tt.query)
			p.expect(tt.want)
			p.expectClose(websocket.CloseNoStatusReceived)
		})
	}
	again := s.join(t, "a", "t") // the owner may always come back
	a.expectClose(websocket.CloseNoStatusReceived)
	again.conn.Close()
	s.awaitGone(t, "a")
	s.join(t, "b", "t")
}

func TestConcurrentLimitZeroAdmitsNobody(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.ConcurrentLimit = 0 })
	p := s.dial(t, "key=peerjs&id=a&token=t")
	p.expect(full)
	p.expectClose(websocket.CloseNoStatusReceived)
}

// PeerJS reconnects with its id and token: it must hear OPEN, or it hangs.
func TestReconnect(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	older := s.join(t, "a", "t")
	newer := s.join(t, "a", "t")
	b := s.join(t, "b", "t")

	older.send(`{"type":"OFFER","dst":"b","payload":"stale"}`)
	older.expectClose(websocket.CloseNoStatusReceived)
	older.conn.Close()
	b.send(`{"type":"OFFER","dst":"a","payload":1}`)
	newer.expect(`{"type":"OFFER","src":"b","dst":"a","payload":1}`)
	newer.expectQuiet() // still registered after the older one is gone
	b.expectQuiet()     // heard nothing of the older one
}

func TestUpgradeElsewhereIsRefused(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	for _, path := range []string{"/peerjs/", "/PEERJS", "/nope", "/", "//peerjs", "/peerjs/id"} {
		t.Run(path, func(t *testing.T) {
			_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+path+"?key=peerjs&id=a&token=t", nil)
			if err == nil || resp == nil || resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("dial %s: %v, %v, want status 400", path, resp, err)
			}
		})
	}
}

func TestBadHandshake(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	upgrade := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for _, tt := range []struct {
		name, method, header, value string
		want                        int
	}{
		{"version", "GET", "Sec-Websocket-Version", "7", http.StatusBadRequest},
		{"key", "GET", "Sec-Websocket-Key", "short", http.StatusBadRequest},
		{"upgrade", "GET", "Upgrade", "h2c", http.StatusBadRequest},
		{"method", "POST", "Upgrade", "websocket", http.StatusMethodNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.url+"/peerjs?key=peerjs&id=a&token=t", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = upgrade.Clone()
			req.Header.Set(tt.header, tt.value)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

func TestFirstSubprotocolIsSelected(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	d := websocket.Dialer{Subprotocols: []string{"one", "two"}}
	conn, _, err := d.Dial(s.wsURL("key=peerjs&id=a&token=t"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.Subprotocol(); got != "one" {
		t.Errorf("subprotocol = %q, want one", got)
	}
}

func TestTooManySocketsWithoutAnID(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.MaxPending = 1 })
	s.join(t, "a", "t") // holds an id: not counted
	refused := s.dial(t, "key=peerjs")
	refused.expect(missing) // and does not close
	s.join(t, "b", "t")     // for whom it gives way
	if n := s.Stats(); n.Pending != 0 || n.Refused[signaling.RefusedPending] != 0 {
		t.Errorf("stats = %+v", n)
	}
	refused.expectClose(websocket.CloseNoStatusReceived) // it was told before
}
