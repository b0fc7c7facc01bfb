package shardus_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/liberdus/liberdus/internal/api"
)

// handedOn is all that a node may ever be asked by strangers.
var handedOn = []*regexp.Regexp{
	regexp.MustCompile(`^POST /inject$`),
	regexp.MustCompile(`^GET /account/` + param + `(/balance|/alias|/toll|/friends|/recentMessages|/chats/` + param + `|/` + param + `/toll)?$`),
	regexp.MustCompile(`^GET /messages/` + param + `/` + param + `$`),
	regexp.MustCompile(`^GET /(address|transaction)/` + param + `$`),
	regexp.MustCompile(`^GET /(timestamp|nodeInfo|netconfig|stake|node/rotation)$`),
	regexp.MustCompile(`^GET /canStake/` + param + `$`),
	regexp.MustCompile(`^GET /canUnstake/` + param + `/` + param + `$`),
	regexp.MustCompile(`^GET /network/(parameters(/next)?|windows(/all|/dev)?)$`),
	regexp.MustCompile(`^GET /(issues|proposals)(/dev)?(/latest|/count)?$`),
}

const param = `[A-Za-z0-9_.-]{1,128}`

// allowed reports whether a request line may reach a node.
func allowed(line string) bool {
	for _, segment := range strings.Split(line, "/") {
		if segment != "" && strings.Trim(segment, ".") == "" {
			return false
		}
	}
	for _, re := range handedOn {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

// A recorder is a node that notes what it is asked.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.mu.Lock()
	rec.lines = append(rec.lines, r.Method+" "+r.RequestURI)
	rec.mu.Unlock()
	says(200, jsonType, `{"account":{}}`)(w, r)
}

func (rec *recorder) take() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	lines := rec.lines
	rec.lines = nil
	return lines
}

// FuzzTable: nothing outside the table reaches the node, whatever is asked,
// by either door.
func FuzzTable(f *testing.F) {
	for _, target := range []string{
		"account/a1", "account/a1/balance", "account/a1/chats/0", "account/id", "messages/c/toll", "messages/c/17", "address/x",
		"transaction/t", "timestamp", "nodeInfo", "netconfig", "stake", "node/rotation", "is-healthy", "inject",
		"debug/dump", "account/..", "account/%2e%2e", "account/../debug/dump", "account/..%2fdebug%2fdump", "//debug", "/debug/exit",
		"account/a%0d%0aX:y", "account/a b", "account/a?b#c", "http://other/account/a", "account/\u202e", "./stake", "stake/../debug",
		"messages/./toll", "account/a;b", "account/%61", "query-certificate", "account/...", "stake?x=/debug", "account/a1/", "node//rotation",
		"account/a/b/toll", "canUnstake/a/b", "network/windows/all", "issues/dev/latest", "accounts", "collector/api/poll?account=a",
		"collector/api/transaction?appReceiptId=00112233445566778899aabbccddeeff00112233445566778899aabbccddeef.",
	} {
		f.Add("GET", target, "")
		f.Add("POST", target, `{"id":"../debug/dump"}`)
		f.Add("GET", target, `{"id":"..%2f"}`)
	}
	f.Add("PUT", "query-certificate", "{}")
	f.Add("GET", "account/id", `{"id":"a1"}`)
	rec := new(recorder)
	a := api.NewFront(newNode(f, serve(f, rec.ServeHTTP), nil), quiet)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		overHTTP(t, a, method, "/"+target, body)
		overHTTP(t, a, method, target, body)
		if utf8.ValidString(method) && utf8.ValidString(target) && (body == "" || json.Valid([]byte(body))) {
			overChannel(t, a, method, target, body)
		}
		for _, line := range rec.take() {
			if !allowed(line) {
				t.Errorf("%q %q %q reached the node as %q", method, target, body, line)
			}
		}
	})
}

// Every route that only a node can answer is handed on, by both doors.
func TestTableIsHandedOn(t *testing.T) {
	rec := new(recorder)
	a := api.NewFront(newNode(t, serve(t, rec.ServeHTTP), nil), quiet)
	for _, path := range []string{
		"/account/a1", "/account/a1/balance", "/account/a1/chats/0", "/messages/c-1/toll", "/messages/c_1/17", "/address/x.y",
		"/transaction/t", "/timestamp", "/nodeInfo", "/netconfig", "/stake", "/node/rotation",
		"/account/a1/alias", "/account/a1/toll", "/account/a1/friends", "/account/a1/recentMessages", "/account/a1/a2/toll",
		"/canStake/n", "/canUnstake/n/u", "/network/parameters", "/network/parameters/next", "/network/windows", "/network/windows/all",
		"/network/windows/dev", "/issues", "/issues/dev/count", "/proposals", "/proposals/dev/latest",
	} {
		overHTTP(t, a, "GET", path, "")
		overChannel(t, a, "GET", path, "")
		if got := rec.take(); len(got) != 2 || got[0] != "GET "+path || got[1] != "GET "+path {
			t.Errorf("GET %s arrived as %q", path, got)
		}
	}
	id := strings.Repeat("0123456789abcdef", 4)
	overHTTP(t, a, "GET", "/collector/api/transaction?appReceiptId="+strings.ToUpper(id)+"&x=/debug", "")
	if got := rec.take(); len(got) != 1 || got[0] != "GET /transaction/"+id {
		t.Errorf("a collector's transaction arrived as %q", got)
	}
	for _, path := range []string{"/debug/dump", "/accounts", "/collector/api/transaction?appReceiptId=" + strings.Repeat(".", 64), "/account/" + strings.Repeat("a", 129), "/account/..", "/account/.", "/join", "/is-healthy", "/query-certificate"} {
		got, _ := overHTTP(t, a, "GET", path, "")
		if lines := rec.take(); len(lines) != 0 || got.Status != 404 && got.Status != 503 && !strings.Contains(got.Body, "Invalid app receipt id") {
			t.Errorf("GET %s = %v, and arrived as %q", path, got, lines)
		}
	}
}
