package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

const routes = "POST /inject, GET /account/{id}, GET /transaction/{id}, GET /timestamp, GET /nodeInfo, GET /is-healthy"

func fault(code, text string) string { return `{"code":"` + code + `","error":"` + text + `"}` }

func notFound(what string) string {
	return fault("not-found", "no such path: "+what+"; this node has "+routes)
}

const accountA1 = `{"balance":{"dataType":"bi","value":"1f"},"id":"a1"}`

// Each request gives the same status and the same bytes through both doors.
func TestBothDoors(t *testing.T) {
	const accepted = `{"result":{"reason":"queued","status":200,"success":true,"txId":"{\"from\":\"alice\"}"}}`
	tests := []struct {
		route        string // of the table; empty for what is not in it
		method, path string
		body         string
		status       int
		want         string
	}{
		{"GET account/{id}", "GET", "/account/a1", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/nobody", "", 200, `{"account":null}`},
		{"GET account/{id}", "GET", "/account/a1/", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/a1?x=/y&z", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/a1?", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/acc%6funt/%61%31", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/a%2Fb%20c%3fd", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/%C3%BC", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/ü", "", 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/%00%ff", "", 200, `{"account":null}`},
		{"GET account/{id}", "GET", "/account/{id}", "", 200, `{"account":null}`},
		{"GET account/{id}", "GET", "/account/..", "", 200, `{"account":null}`},
		{"GET account/{id}", "GET", "/account/" + strings.Repeat("a", 1016), "", 200, `{"account":null}`},
		{"GET account/{id}", "GET", "/account/a1", `{"id":"not looked at"}`, 200, `{"account":` + accountA1 + `}`},

		// The literal form of the first clients.
		{"GET account/{id}", "GET", "/account/id", `{"id":"a1"}`, 200, `{"account":` + accountA1 + `,"id":"a1"}`},
		{"GET account/{id}", "GET", "/account/id", `{"id":"abc123","x":1}`, 200, `{"account":null,"id":"abc123"}`},
		{"GET account/{id}", "GET", "/account/id", `{"id":"\ud800\u000a<é"}`, 200, `{"account":null,"id":"\ud800\n<é"}`},
		{"GET account/{id}", "GET", "/account/id", `{"id":""}`, 200, `{"account":null,"id":""}`},
		{"GET account/{id}", "GET", "/account/id", ``, 200, `{"account":` + accountA1 + `}`},
		{"GET account/{id}", "GET", "/account/id", `{"id":7}`, 400, fault("bad-request", `account/id wants a body {\"id\":\"\u003caccount id\u003e\"}`)},
		{"GET account/{id}", "GET", "/account/id", `{}`, 400, fault("bad-request", `account/id wants a body {\"id\":\"\u003caccount id\u003e\"}`)},
		{"GET account/{id}", "GET", "/account/id", `"a1"`, 400, fault("bad-request", `account/id wants a body {\"id\":\"\u003caccount id\u003e\"}`)},
		{"GET account/{id}", "GET", "/account/id", `null`, 400, fault("bad-request", `account/id wants a body {\"id\":\"\u003caccount id\u003e\"}`)},

		{"GET transaction/{id}", "GET", "/transaction/t1", "", 200, `{"transaction":{"success":true,"txId":"t1"}}`},
		{"GET transaction/{id}", "GET", "/transaction/t2", "", 200, `{"transaction":null}`},
		{"GET timestamp", "GET", "/timestamp", "", 200, `{"timestamp":946684800000}`}, // where a bubble's clock begins
		{"GET nodeInfo", "GET", "/nodeInfo", "", 200, `{"nodeInfo":{"externalPort":9001,"publicKey":"pk"}}`},
		{"POST inject", "POST", "/inject", `{"from":"alice"}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"tx":"{\"from\":\"alice\"}"}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"app":"1.0","tx":" { \"from\" : \"alice\" } "}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"from":"alice","from":"bob"}`, 200, `{"result":{"reason":"not alice but bob","status":400,"success":false}}`},
		{"POST inject", "POST", "/inject", `{}`, 200, `{"result":{"reason":"not alice but <nil>","status":400,"success":false}}`},
		{"POST inject", "POST", "/inject", `{"tx":{"from":"alice"}}`, 200, `{"result":{"reason":"not alice but <nil>","status":400,"success":false}}`},
		{"POST inject", "POST", "/inject", ``, 400, fault("bad-request", "the body is not a transaction: signing: at byte 0: the text ends, want a value")},
		{"POST inject", "POST", "/inject", `null`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `"{}"`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `[{"from":"alice"}]`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `{"tx":""}`, 400, fault("bad-request", "tx is not a transaction: signing: at byte 0: the text ends, want a value")},
		{"POST inject", "POST", "/inject", `{"tx":"hello"}`, 400, fault("bad-request", `tx is not a transaction: signing: at byte 0: found \"h\", want a value`)},
		{"POST inject", "POST", "/inject", `{"tx":"[]"}`, 400, fault("bad-request", "tx is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, 400, fault("bad-request", "the body is not a transaction: signing: at byte 68: nested deeper than 64 levels")},

		{"", "GET", "/inject", "", 404, notFound("GET /inject")},
		{"", "POST", "/account/a1", "{}", 404, notFound("POST /account/a1")},
		{"", "DELETE", "/nodeInfo", "", 404, notFound("DELETE /nodeInfo")},
		{"", "GET", "/", "", 404, notFound("GET /")},
		{"", "GET", "//", "", 404, notFound("GET /")},
		{"", "GET", "///", "", 404, notFound("GET //")},
		{"", "GET", "//account/a1", "", 404, notFound("GET //account/a1")},
		{"", "GET", "/account", "", 404, notFound("GET /account")},
		{"", "GET", "/account/", "", 404, notFound("GET /account")},
		{"", "GET", "/account//", "", 404, notFound("GET /account/")},
		{"", "GET", "/account/a1/balance", "", 404, notFound("GET /account/a1/balance")},
		{"", "GET", "/Account/a1", "", 404, notFound("GET /Account/a1")},
		{"", "GET", "/nodeInfo/..", "", 404, notFound("GET /nodeInfo/..")},
		{"", "GET", "/debug/dump?secret=1", "", 404, notFound("GET /debug/dump")},
		{"", "GET", "/a%22%3Cb%0a%E2%80%AE%ff", "", 404, notFound("GET /a\\\"\\u003cb\\n\u202e\ufffd")},
		{"", "GET", "/" + strings.Repeat("é", 100), "", 404, notFound("GET /" + strings.Repeat("é", 80) + "…")},
		{"", "GET", "/?", "", 404, notFound("GET /")},
		{"", "GET", "/" + strings.Repeat("a", 1025), "", 400, fault("bad-request", "url of 1025 bytes is over 1024")},
		{"", "GET", "/a?" + strings.Repeat("a", 1023), "", 400, fault("bad-request", "url of 1025 bytes is over 1024")},
	}
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(working())
		missing := slices.DeleteFunc(a.Routes(), func(r string) bool { return r == "GET is-healthy" }) // no JSON: it has its own test
		for _, tt := range tests {
			name := tt.method + " " + tt.path + " " + tt.body
			missing = slices.DeleteFunc(missing, func(r string) bool { return r == tt.route && tt.status == 200 })
			want := answer{tt.status, tt.want}
			if got, ok := overHTTP(t, a, tt.method, tt.path, tt.body); !ok || got != want {
				t.Errorf("HTTP %.200s = %v, want %v", name, got, want)
			}
			if got := overChannel(t, a, tt.method, tt.path, tt.body); got != want {
				t.Errorf("data channel %.200s = %v, want %v", name, got, want)
			}
			bare := strings.TrimPrefix(tt.path, "/")
			if bare == "" || bare[0] == '/' { // another path
				continue
			}
			if got := overChannel(t, a, tt.method, bare, tt.body); got != want {
				t.Errorf("data channel %.200s without its slash = %v, want %v", name, got, want)
			}
		}
		if len(missing) > 0 {
			t.Errorf("routes without a test: %q", missing)
		}
	})
}

// A server refuses a bad escape before any handler sees it, and in other words.
func TestBadEscapes(t *testing.T) {
	a := newAPI(working())
	for path, text := range map[string]string{
		"/account/%zz": `url: invalid URL escape \"%zz\"`,
		"/%":           `url: invalid URL escape \"%\"`,
		"/account/%1":  `url: invalid URL escape \"%1\"`,
		"/%E/account":  `url: invalid URL escape \"%E\"`,
	} {
		if got, want := overChannel(t, a, "GET", path, ""), (answer{400, fault("bad-request", text)}); got != want {
			t.Errorf("data channel %s = %v, want %v", path, got, want)
		}
		if got, ok := overHTTP(t, a, "GET", path, ""); ok {
			t.Errorf("HTTP %s = %v, want the server to refuse it", path, got)
		}
	}
}

// FuzzDoors: what both doors let in, both answer alike.
func FuzzDoors(f *testing.F) {
	f.Add("GET", "account/a1", "")
	f.Add("GET", "account/id", `{"id":"a1"}`)
	f.Add("POST", "inject", `{"tx":"{\"from\":\"alice\"}"}`)
	f.Add("POST", "inject", `{"from":"alice","sign":{"owner":"a","sig":"0x"}}`)
	f.Add("GET", "transaction/t1?x#y", "[]")
	f.Add("PUT", "//account/%2f;%C3%BC/../*", "null")
	f.Add("GET", "nodeInfo/", " 1")
	a := newAPI(working())
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if method == "OPTIONS" || method == "HEAD" || method != strings.ToUpper(method) || len(method) > 16 || method == "" {
			return // these mean something else to one of the doors
		}
		if strings.ContainsAny(path, "\r\n") || !utf8.ValidString(path) || body != "" && !json.Valid([]byte(body)) || !utf8.ValidString(body) {
			return
		}
		http, ok := overHTTP(t, a, method, "/"+path, body)
		if !ok {
			return
		}
		channel := overChannel(t, a, method, "/"+path, body)
		if strings.HasPrefix(http.Body, `{"timestamp":`) { // by now it may be another
			channel.Body = http.Body
		}
		if channel != http {
			t.Errorf("%s /%s %s: data channel = %v, HTTP = %v", method, path, body, channel, http)
		}
	})
}
