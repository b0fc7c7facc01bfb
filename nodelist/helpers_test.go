package nodelist_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

var (
	networkA = strings.Repeat("a", 64)
	networkB = strings.Repeat("b", 64)
)

// keyOf returns the key whose seed ends in n; number 1 is key A of the vectors.
func keyOf(n int) *signing.NodeKey {
	k, err := signing.NodeKeyFromSecret(fmt.Sprintf("%064x", n))
	if err != nil {
		panic(err)
	}
	return k
}

// sockets is a Presence that tests open and close sockets of.
type sockets struct {
	mu   sync.Mutex
	open map[string]nodelist.Socket
}

func (s *sockets) Peer(id string) (nodelist.Socket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sock, ok := s.open[id]
	return sock, ok
}

func (s *sockets) MarkNode(id string) bool {
	_, ok := s.Peer(id)
	return ok
}

func (s *sockets) set(id string, sock nodelist.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[id] = sock
}

func (s *sockets) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// An archiver is a List under test.
type archiver struct {
	*nodelist.List
	t       testing.TB
	key     *signing.NodeKey
	sockets *sockets
	logs    *bytes.Buffer
}

// newArchiver returns a List that is not running. Change may alter its Config.
func newArchiver(t testing.TB, change func(*nodelist.Config)) *archiver {
	t.Helper()
	a := &archiver{t: t, key: keyOf(1000), sockets: &sockets{open: make(map[string]nodelist.Socket)}, logs: new(bytes.Buffer)}
	cfg := nodelist.Config{
		Key:     a.key,
		RTC:     nodelist.RTC{Port: 6080, Path: "/liberdus-peer", Key: "liberdus"},
		IP:      "127.0.0.1",
		Port:    4000,
		Version: "1.2.3",
	}
	if change != nil {
		change(&cfg)
	}
	list, err := nodelist.New(cfg, a.sockets, slog.New(slog.NewTextHandler(a.logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	a.List = list
	return a
}

// run runs the List until the returned function is called.
func (a *archiver) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.Run(ctx); err != nil {
			a.t.Errorf("Run = %v, want nil", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// ask sends one request and returns the status and the body.
func (a *archiver) ask(method, target, body string) (int, string) {
	return a.askFrom("192.0.2.1:1234", method, target, body)
}

func (a *archiver) askFrom(from, method, target, body string) (int, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// object sends a GET and returns the verified object that comes back.
func (a *archiver) object(target string) signing.Object {
	a.t.Helper()
	status, body := a.ask(http.MethodGet, target, "")
	o, err := signing.ParseObject([]byte(body))
	if err != nil || status != http.StatusOK {
		a.t.Fatalf("GET %s = %d %s (%v)", target, status, body, err)
	}
	if err := signing.VerifyBy(o, a.key.Public()); err != nil {
		a.t.Fatalf("GET %s: %v", target, err)
	}
	return o
}

// peers returns the peerIds of a list, in its order.
func (a *archiver) peers(target string) []string {
	a.t.Helper()
	var ids []string
	for _, entry := range a.object(target)["nodeList"].([]any) {
		ids = append(ids, entry.(signing.Object)["peerId"].(string))
	}
	return ids
}

// epoch returns the epoch that is published.
func (a *archiver) epoch() int { return int(a.object("/full-nodelist")["epoch"].(float64)) }

// connect opens the socket of a peer with this token, and says so.
func (a *archiver) connect(id, token string) {
	a.sockets.set(id, nodelist.Socket{
		TokenHash: sha256.Sum256([]byte(token)), Proven: nodelist.IsKey(id), LastSeen: time.Now(),
		Addr: netip.MustParseAddr("192.0.2.1"),
	})
	a.Changed(id)
}

// disconnect closes the socket of a peer, and says so.
func (a *archiver) disconnect(id string) {
	a.sockets.remove(id)
	a.Changed(id)
}

// joinOf returns a join of node n that is good now, unsigned.
func joinOf(n int) signing.Object {
	return signing.Object{
		"nodeInfo": signing.Object{
			"externalIp": "192.0.2.1", "externalPort": float64(9000 + n),
			"publicKey": keyOf(n).Public(), "peerId": keyOf(n).Public(),
		},
		"networkId": networkA,
		"timestamp": float64(time.Now().UnixMilli()),
		"purpose":   "liberdus-join",
	}
}

// signed returns the text of o, signed with the key of node n.
func signed(t testing.TB, n int, o signing.Object) string {
	t.Helper()
	s, err := keyOf(n).Sign(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(signing.MustCanonical(s))
}

// post sends a join and returns the reason if it is refused.
func (a *archiver) post(body string) (reason string) {
	a.t.Helper()
	return a.postFrom("192.0.2.1:1234", body)
}

func (a *archiver) postFrom(from, body string) (reason string) {
	a.t.Helper()
	status, text := a.askFrom(from, http.MethodPost, "/nodelist", body)
	if status != http.StatusOK {
		a.t.Fatalf("POST /nodelist = %d %s, want 200", status, text)
	}
	var answer struct {
		Success *bool           `json:"success"`
		Error   string          `json:"error"`
		List    json.RawMessage `json:"nodeList"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		a.t.Fatal(err)
	}
	if answer.Success == nil && answer.List == nil || answer.Success != nil && (*answer.Success || answer.Error == "") {
		a.t.Fatalf("POST /nodelist = %s, want a list or a refusal", text)
	}
	return answer.Error
}

// mustJoin has node n join as it should.
func (a *archiver) mustJoin(n int) (peerID string) {
	a.t.Helper()
	if reason := a.post(signed(a.t, n, joinOf(n))); reason != "" {
		a.t.Fatalf("node %d was refused: %s", n, reason)
	}
	return keyOf(n).Public()
}

// transport answers a client's requests by a handler, without a network.
type transport struct{ http.Handler }

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.RemoteAddr = "127.0.0.1:1"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	tr.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil { // nobody waits for it any more
		return nil, err
	}
	return w.Result(), nil
}

// stateFile returns a path for a state file.
func stateFile(t testing.TB) string { return filepath.Join(t.TempDir(), "nodelist.json") }

// proxiedAddr says that every request came from one address.
func proxiedAddr(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.1") }
