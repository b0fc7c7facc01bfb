package nodelist_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// fill lists nodes 1 to n as active and waits until that is published. A node's
// socket stays open and is heard of for as long as the test runs.
func (a *archiver) fill(n int) {
	a.t.Helper()
	for i := 1; i <= n; i++ {
		id := keyOf(i).Public()
		a.sockets.set(id, nodelist.Socket{Proven: true, LastSeen: time.Now().Add(time.Hour)})
		if reason := a.postFrom("127.0.0.1:1", signed(a.t, i, joinOf(i))); reason != "" {
			a.t.Fatal(reason)
		}
	}
	settle()
}

func TestShapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) { c.NetworkID = networkA })
		defer a.run()()
		a.fill(2)
		listMembers := []string{"epoch", "list", "networkId", "nodeList", "sign", "time"}
		for _, tt := range []struct {
			target, list string
			members      []string
		}{
			{"/nodelist", "sample", listMembers},
			{"/full-nodelist", "full", listMembers},
			{"/full-nodelist?activeOnly=true", "active", listMembers},
			{"/full-nodelist?activeOnly=1", "full", listMembers},
			{"/full-nodelist?activeOnly=TRUE", "full", listMembers},
			{"/full-nodelist?syncingOnly=true", "syncing", listMembers},
			{"/full-nodelist?standbyOnly=true", "standby", listMembers},
			{"/full-nodelist?standbyOnly=true&syncingOnly=true&activeOnly=true", "active", listMembers},
			{"/full-nodelist?standbyOnly=true&syncingOnly=true", "syncing", listMembers},
			{"/peerids", "peerids", []string{"epoch", "list", "networkId", "peerIds", "sign", "time"}},
			{"/peerids?count=1", "peerids", []string{"epoch", "list", "networkId", "peerIds", "sign", "time"}},
			{"/rtc", "", []string{"networkId", "purpose", "rtc", "sign", "time"}},
			{"/rtc?nonce=0123456789abcdef", "", []string{"networkId", "nonce", "purpose", "rtc", "sign", "time"}},
			{"/archivers", "", []string{"activeArchivers", "sign"}},
			{"/status", "", []string{"sign", "status"}},
		} {
			o := a.object(tt.target)
			if got := slices.Sorted(maps.Keys(o)); !slices.Equal(got, tt.members) {
				t.Errorf("GET %s has the members %q, want %q", tt.target, got, tt.members)
			}
			if got, _ := o["list"].(string); got != tt.list {
				t.Errorf("GET %s is the list %q, want %q", tt.target, got, tt.list)
			}
			if at, ok := o["time"].(float64); ok && time.Since(time.UnixMilli(int64(at))) > time.Second {
				t.Errorf("GET %s has the time %v", tt.target, at)
			}
		}
	})
}

func TestAnswersWordForWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) { c.NetworkID = networkA })
		defer a.run()()
		a.fill(1)
		now := signing.MustCanonical(time.Now().Add(-200 * time.Millisecond).UnixMilli())
		key, node := a.key.Public(), keyOf(1).Public()
		entry := `{"id":"` + nodelist.NodeID(node) + `","ip":"192.0.2.1","peerId":"` + node + `","port":9001,"publicKey":"` + node + `"}`
		rtc := `"rtc":{"iceServers":[],"key":"liberdus","path":"/liberdus-peer","port":6080,"secure":false}`
		sign := `"sign":{"owner":"` + key + `","sig":"`
		for target, want := range map[string]string{
			"/nodelist":                             `{"epoch":2,"list":"sample","networkId":"` + networkA + `","nodeList":[` + entry + `],` + sign,
			"/full-nodelist":                        `{"epoch":2,"list":"full","networkId":"` + networkA + `","nodeList":[` + entry + `],` + sign,
			"/peerids":                              `{"epoch":2,"list":"peerids","networkId":"` + networkA + `","peerIds":["` + node + `"],` + sign,
			"/rtc":                                  `{"networkId":"` + networkA + `","purpose":"liberdus-rtc",` + rtc + `,` + sign,
			"/rtc?nonce=A-_4567890123456":           `{"networkId":"` + networkA + `","nonce":"A-_4567890123456","purpose":"liberdus-rtc",` + rtc + `,` + sign,
			"/archivers":                            `{"activeArchivers":[{"ip":"127.0.0.1","port":4000,"publicKey":"` + key + `"}],` + sign,
			"/status":                               `{` + sign,
			"/nodeInfo":                             `{"ip":"127.0.0.1","port":4000,"publicKey":"` + key + `","time":946684800200,"version":"1.2.3"}`,
			"/myip":                                 `{"ip":"192.0.2.1"}`,
			"/is-alive":                             `OK`,
			"/is-healthy":                           `OK`,
			"/peerids?count=0":                      `{"error":"count must be a whole number from 1 to 10","success":false}`,
			"/peerids?count=11":                     `{"error":"count must be a whole number from 1 to 10","success":false}`,
			"/peerids?count=":                       `{"error":"count must be a whole number from 1 to 10","success":false}`,
			"/peerids?count=x":                      `{"error":"count must be a whole number from 1 to 10","success":false}`,
			"/rtc?nonce=":                           `{"error":"nonce must be 16 to 64 letters, digits, - or _","success":false}`,
			"/rtc?nonce=012345678901234":            `{"error":"nonce must be 16 to 64`,
			"/rtc?nonce=0123456789abcde%0A":         `{"error":"nonce must be 16 to 64`,
			"/rtc?nonce=" + strings.Repeat("x", 65): `{"error":"nonce must be 16 to 64`,
		} {
			status, body := a.ask(http.MethodGet, target, "")
			if !strings.HasPrefix(body, want) {
				t.Errorf("GET %s = %s, want %s (now: %s)", target, body, want, now)
			}
			if wantStatus := map[bool]int{true: 400, false: 200}[strings.Contains(want, `"error"`)]; status != wantStatus {
				t.Errorf("GET %s has the status %d, want %d", target, status, wantStatus)
			}
		}
	})
}

func TestHeadersAndMethods(t *testing.T) {
	a := newArchiver(t, nil)
	for _, tt := range []struct {
		method, target string
		status         int
		contentType    string
	}{
		{"GET", "/nodelist", 200, "application/json; charset=utf-8"},
		{"HEAD", "/nodelist", 200, "application/json; charset=utf-8"},
		{"POST", "/nodelist", 400, "application/json; charset=utf-8"},
		{"GET", "/is-alive", 200, "text/plain; charset=utf-8"},
		{"OPTIONS", "/nodelist", 204, ""},
		{"OPTIONS", "/rtc", 204, ""},
		{"DELETE", "/nodelist", 405, "text/plain; charset=utf-8"},
		{"POST", "/rtc", 405, "text/plain; charset=utf-8"},
		{"GET", "/other", 404, "text/plain; charset=utf-8"},
	} {
		r := httptest.NewRequest(tt.method, tt.target, strings.NewReader("{"))
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		if w.Code != tt.status || w.Header().Get("Content-Type") != tt.contentType {
			t.Errorf("%s %s = %d %s, want %d %s", tt.method, tt.target, w.Code, w.Header().Get("Content-Type"), tt.status, tt.contentType)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s %s allows the origin %q, want *", tt.method, tt.target, got)
		}
		if tt.status == 204 && (!strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.EqualFold(w.Header().Get("Access-Control-Allow-Headers"), "content-type")) {
			t.Errorf("%s %s has the headers %v", tt.method, tt.target, w.Header())
		}
	}
}

func TestEveryPathIsServed(t *testing.T) {
	a := newArchiver(t, nil)
	mux := http.NewServeMux()
	for _, path := range nodelist.Paths() {
		mux.Handle(path, a.Handler())
		r := httptest.NewRequest("GET", path, nil)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d", path, w.Code)
		}
	}
}

func TestBadBodies(t *testing.T) {
	a := newArchiver(t, nil)
	pad := strings.Repeat(" ", 64<<10)
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"not JSON", "hello", 400},
		{"cut short", `{"nodeInfo":`, 400},
		{"more behind it", `{} {}`, 400},
		{"a bigint that is none", `{"nodeInfo":{"dataType":"bi","value":"-5"}}`, 400},
		{"deep nesting", strings.Repeat("[", 60<<10), 400},
		{"as large as may be", pad[:64<<10-2] + "{}", 200},
		{"too large", pad[:64<<10-1] + "{}", 413},
	} {
		status, body := a.ask(http.MethodPost, "/nodelist", tt.body)
		if status != tt.status || !strings.HasPrefix(body, `{"error":"`) || !strings.HasSuffix(body, `,"success":false}`) {
			t.Errorf("%s: POST /nodelist = %d %.200s, want %d", tt.name, status, body, tt.status)
		}
	}
}

func TestMyIPBehindAProxy(t *testing.T) {
	for addr, want := range map[netip.Addr]string{
		netip.MustParseAddr("198.51.100.7"): `{"ip":"198.51.100.7"}`,
		{}:                                  `{"ip":""}`,
	} {
		a := newArchiver(t, func(c *nodelist.Config) { c.ClientAddr = func(*http.Request) netip.Addr { return addr } })
		if _, got := a.ask("GET", "/myip", ""); got != want {
			t.Errorf("GET /myip = %s, want %s", got, want)
		}
	}
}
