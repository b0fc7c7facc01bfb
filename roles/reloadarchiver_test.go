package roles_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

const (
	never = config.Millis(time.Hour)
	soon  = config.Millis(100 * time.Millisecond)
)

// A rawSocket is a WebSocket of the PeerJS server that answers nothing, and what its upgrade was
// answered with.
type rawSocket struct {
	net.Conn
	r      *bufio.Reader
	status int
}

// rawly opens one, in the name of an address where a proxy is trusted.
func rawly(t *testing.T, a *roles.Archiver, query, forwarded string) rawSocket {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /liberdus-peer/peerjs?key=liberdus&%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: %s\r\n\r\n", query, forwarded)
	s := rawSocket{Conn: c, r: bufio.NewReader(c)}
	res, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.status = res.StatusCode
	return s
}

// first is what the server says first, as text: no frame of it is as long as to need more than
// four bytes of header.
func (s rawSocket) first(t *testing.T) string {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text, err := s.r.ReadString('}')
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// anID is an id that nobody has.
func anID() string { return fmt.Sprintf("p%d", time.Now().UnixNano()) }

// dials says whether one more socket gets its id. It stays open.
func dials(t *testing.T, a *roles.Archiver) string {
	t.Helper()
	if !strings.Contains(rawly(t, a, "token=t&id="+anID(), "").first(t), "OPEN") {
		return "refused"
	}
	return "let in"
}

// calls says whether one address may ask for 30 ids at once.
func calls(t *testing.T, a *roles.Archiver) string {
	t.Helper()
	for range 30 {
		if status, _ := fetch(t, a.URL()+"/liberdus-peer/liberdus/id"); status == http.StatusTooManyRequests {
			return "limited"
		}
	}
	return "free"
}

// headers asks for path and returns the answer's status, a header and the body; more are names
// and values of headers.
func headers(t *testing.T, at, header string, more ...string) (status int, value, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text := make([]byte, 4096)
	n, _ := res.Body.Read(text)
	return res.StatusCode, res.Header.Get(header), string(text[:n])
}

// myIP is who the archiver takes a caller of a proxy on this machine for.
func myIP(t *testing.T, a *roles.Archiver) string {
	t.Helper()
	_, _, body := headers(t, a.URL()+"/myip", "", "X-Forwarded-For", "203.0.113.9")
	var told struct{ IP string }
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return told.IP
}

// waits polls until ok, or for 10 s.
func waits(ok func() bool) bool {
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// sends opens a socket that sends a message to somebody who is not here.
func sends(t *testing.T, a *roles.Archiver) *signaling.Client {
	t.Helper()
	c, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: a.URL() + signaling.DefaultPath, Key: signaling.DefaultKey}, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "nobody", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// Each key of an archiver that can change does what it says as soon as it has: for what comes, and
// where it is about what is open, for that.
func TestReloadOfEachArchiverKey(t *testing.T) {
	t.Parallel()
	ca := testca.New(t)
	cert, key := ca.Files(t, t.TempDir(), "127.0.0.1")
	cert2, key2 := ca.Files(t, t.TempDir(), "127.0.0.1")
	key3 := filepath.Join(t.TempDir(), "moved.pem")
	movedCert, movedKey := ca.Files(t, t.TempDir(), "127.0.0.1")
	if text, err := os.ReadFile(movedKey); err != nil || os.WriteFile(key3, text, 0o600) != nil {
		t.Fatal(err)
	}
	strict := func(c *config.Archiver) { c.LimitExempt = []string{} }
	secure := func(c *config.Archiver) { c.TLSCert, c.TLSKey = cert, key }
	reserved := func(t *testing.T, a *roles.Archiver) string {
		_, _, id := headers(t, a.URL()+"/liberdus-peer/liberdus/id", "", "X-Forwarded-For", "203.0.113.1")
		return rawly(t, a, "token=t&id="+id, "203.0.113.2").first(t)
	}
	cases := []struct {
		key           string
		begin         func(*config.Archiver)
		change        func(*config.Archiver)
		see           func(*testing.T, *roles.Archiver) string
		before, after string // what is seen begins with, or has in it
	}{
		{"concurrent_limit", nil, func(c *config.Archiver) { c.ConcurrentLimit = 1 }, dials, "let in", "refused"},
		{"allow_discovery", nil, func(c *config.Archiver) { c.AllowDiscovery = true }, func(t *testing.T, a *roles.Archiver) string {
			status, _ := fetch(t, a.URL()+"/liberdus-peer/liberdus/peers")
			return fmt.Sprint(status)
		}, "401", "200"},
		{"cors", nil, func(c *config.Archiver) { c.CORS = []string{"https://a.example"} }, func(t *testing.T, a *roles.Archiver) string {
			_, origin, _ := headers(t, a.URL()+"/liberdus-peer", "Access-Control-Allow-Origin", "Origin", "https://b.example")
			return "[" + origin + "]"
		}, "[https://b.example]", "[]"},
		{"limit_exempt", func(c *config.Archiver) { c.ConnectRate = 1 }, strict, calls, "free", "limited"},
		{"connect_rate", func(c *config.Archiver) { strict(c); c.ConnectRate = 1000 }, func(c *config.Archiver) { c.ConnectRate = 1 }, calls, "free", "limited"},
		{"trusted_proxy", nil, func(c *config.Archiver) { c.TrustedProxy = []string{"127.0.0.0/8"} }, myIP, "127.0.0.1", "203.0.113.9"},
		{"proxied", nil, func(c *config.Archiver) { c.Proxied = true }, myIP, "127.0.0.1", "203.0.113.9"},
		{"allow_origin", nil, func(c *config.Archiver) { c.AllowOrigin = []string{"https://a.example"} }, func(t *testing.T, a *roles.Archiver) string {
			return fmt.Sprint(upgrade(t, a.URL(), "", "https://b.example"))
		}, "101", "403"},
		{"sockets_per_address", strict, func(c *config.Archiver) { c.SocketsPerAddress = 1 }, func(t *testing.T, a *roles.Archiver) string {
			return fmt.Sprint(rawly(t, a, "token=t&id="+anID(), "").status)
		}, "101", "429"},
		{"message_rate", func(c *config.Archiver) { strict(c); c.MessageRate = 1000 }, func(c *config.Archiver) { c.MessageRate = 1 }, func(t *testing.T, a *roles.Archiver) string {
			was, c := roles.PeerServer(a).Stats(), sends(t, a)
			for range 6 { // 4 at once
				if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeCandidate, Dst: c.ID(), Payload: []byte(`{}`)}); err != nil {
					t.Fatal(err)
				}
			}
			var now signaling.Stats
			if !waits(func() bool {
				now = roles.PeerServer(a).Stats()
				return now.Relayed-was.Relayed >= 6 || now.Paced > was.Paced
			}) {
				t.Fatal("the messages were neither relayed nor paced")
			}
			if now.Paced > was.Paced {
				return "paced"
			}
			return "relayed"
		}, "relayed", "paced"},
		{
			"reserve_id", func(c *config.Archiver) { c.TrustedProxy, c.ReserveID = []string{"127.0.0.0/8"}, 0 },
			func(c *config.Archiver) { c.ReserveID = never }, reserved, "OPEN", "ID-TAKEN",
		},
		{"id_grace", nil, func(c *config.Archiver) { c.IDGrace = never }, func(t *testing.T, a *roles.Archiver) string {
			lost := roles.PeerServer(a).Stats().Ended[signaling.EndLost]
			id := fmt.Sprintf("mine%d", lost)
			s := rawly(t, a, "token=t&id="+id, "")
			s.first(t)
			s.Close()
			if !waits(func() bool { return roles.PeerServer(a).Stats().Ended[signaling.EndLost] > lost }) {
				t.Fatal("the socket is not lost")
			}
			return rawly(t, a, "token=u&id="+id, "").first(t)
		}, "OPEN", "ID-TAKEN"},
		{"tls_cert", secure, func(c *config.Archiver) { c.TLSCert, c.TLSKey = cert2, key2 }, func(t *testing.T, a *roles.Archiver) string {
			return shown(t, ca, a.URL(), cert, cert2)
		}, "first", "second"},
		{"tls_key", func(c *config.Archiver) { c.TLSCert, c.TLSKey = movedCert, movedKey }, func(c *config.Archiver) { c.TLSKey = key3 }, func(t *testing.T, a *roles.Archiver) string {
			// The file that is read at the next reload is the one that is named now.
			if _, err := a.Reload(roles.Settings(a)); err != nil {
				return err.Error()
			}
			was := roles.Settings(a).TLSKey
			if err := os.Rename(was, was+".away"); err != nil {
				t.Fatal(err)
			}
			_, err := a.Reload(roles.Settings(a))
			if back := os.Rename(was+".away", was); err == nil || back != nil {
				t.Fatalf("Reload without the key = %v; %v", err, back)
			}
			return err.Error()
		}, movedKey, key3},
	}
	seen := map[string]bool{
		"allow_node": true, // TestReloadOfAllowedNodes
		"log_level":  true, // it is the process's: TestReload of e2e
		// TestReloadOfArchiverTimes
		"expire_timeout": true, "cleanup_out_msgs": true, "alive_timeout": true,
	}
	for _, tt := range cases {
		seen[tt.key] = true
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			a := startArchiver(t, tt.begin)
			if got := tt.see(t, a); !strings.Contains(got, tt.before) {
				t.Fatalf("before: %s, want %s", got, tt.before)
			}
			cfg := roles.Settings(a)
			tt.change(&cfg)
			if changed, err := a.Reload(cfg); err != nil || !strings.Contains(fmt.Sprint(changed), tt.key) {
				t.Fatalf("Reload = %q, %v", changed, err)
			}
			if got := tt.see(t, a); !strings.Contains(got, tt.after) {
				t.Errorf("after: %s, want %s", got, tt.after)
			}
		})
	}
	for _, key := range roles.ArchiverChanges {
		if !seen[key] {
			t.Errorf("the key %s is not tried", key)
		}
	}
}

// Times that were an hour are short for what is already here.
func TestReloadOfArchiverTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key    string
		begin  func(*config.Archiver)
		change func(*config.Archiver)
	}{
		{"expire_timeout", func(c *config.Archiver) { c.ExpireTimeout, c.CleanupOutMsgs = never, soon }, func(c *config.Archiver) { c.ExpireTimeout = soon }},
		{"cleanup_out_msgs", func(c *config.Archiver) { c.ExpireTimeout, c.CleanupOutMsgs = soon, never }, func(c *config.Archiver) { c.CleanupOutMsgs = soon }},
	} {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			a := startArchiver(t, tt.begin)
			c := sends(t, a)
			if !waits(func() bool { return roles.PeerServer(a).Stats().Queued > 0 }) {
				t.Fatal("the message does not wait")
			}
			cfg := roles.Settings(a)
			tt.change(&cfg)
			if _, err := a.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-c.Messages():
				if m.Type != signaling.TypeExpire {
					t.Errorf("got %+v, want an EXPIRE", m)
				}
			case <-time.After(10 * time.Second):
				t.Error("no EXPIRE within 10 s")
			}
		})
	}
	t.Run("alive_timeout", func(t *testing.T) {
		t.Parallel()
		a := startArchiver(t, func(c *config.Archiver) { c.AliveTimeout = never })
		s := rawly(t, a, "token=t&id="+anID(), "")
		s.first(t)
		cfg := roles.Settings(a)
		cfg.AliveTimeout = soon
		if _, err := a.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		if !waits(func() bool { return roles.PeerServer(a).Stats().Ended[signaling.EndSilent] == 1 }) {
			t.Errorf("the silent socket is not closed: %v", roles.PeerServer(a).Stats().Ended)
		}
	})
}
