package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

const routes = "inject, account, messages, address, transaction, collector, timestamp, nodeInfo, is-healthy, netconfig, node, " +
	"stake, canStake, canUnstake, network, issues, proposals"

func fault(code, text string) string { return `{"code":"` + code + `","error":"` + text + `"}` }

func notFound(what string) string {
	return fault("not-found", "no such path: "+what+"; those of this node begin with "+routes)
}

// receiptID is the id of a transaction that failed.
const receiptID = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

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
		{"GET account/{id}", "GET", "/account/" + strings.Repeat("#", 1016), "", 200, `{"account":null}`}, // as long as that, not as with escapes
		{"GET account/{id}", "GET", "/account/" + strings.Repeat("ü", 508), "", 200, `{"account":null}`},
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

		{"GET account/{id}/balance", "GET", "/account/u1/balance", "", 200, `{"balance":{"dataType":"bi","value":"2a"}}`},
		{"GET account/{id}/balance", "GET", "/account/nobody/balance", "", 200, `{"error":"No account with the given id"}`},
		{"GET account/{id}/balance", "GET", "/account/c1/balance", "", 200, `{"error":{}}`},
		{"GET account/{id}/balance", "GET", "/account/id/balance", `{"id":"u1"}`, 200, `{"error":{}}`}, // no literal form here
		{"GET account/{id}/alias", "GET", "/account/u1/alias", "", 200, `{"handle":"bob"}`},
		{"GET account/{id}/alias", "GET", "/account/u2/alias", "", 200, `{"handle":null}`},
		{"GET account/{id}/alias", "GET", "/account/nobody/alias", "", 200, `{"handle":null}`},
		{"GET account/{id}/alias", "GET", "/account/c1/alias", "", 200, `{}`},
		{"GET account/{id}/toll", "GET", "/account/u1/toll", "", 200, `{"toll":{"dataType":"bi","value":"7"}}`},
		{"GET account/{id}/toll", "GET", "/account/nobody/toll", "", 200, `{"error":"No account with the given id"}`},
		{"GET account/{id}/toll", "GET", "/account/h1/toll", "", 200, `{"error":{}}`},
		{"GET account/{id}/{friendId}/toll", "GET", "/account/u1/u2/toll", "", 200, `{"toll":{"dataType":"bi","value":"7"}}`},
		{"GET account/{id}/{friendId}/toll", "GET", "/account/nobody/u2/toll", "", 200, `{"error":"No account with the given id"}`},
		{"GET account/{id}/friends", "GET", "/account/u1/friends", "", 200, `{"friends":{}}`},
		{"GET account/{id}/friends", "GET", "/account/nobody/friends", "", 200, `{"error":"No account for given id"}`},
		{"GET account/{id}/recentMessages", "GET", "/account/u2/recentMessages", "", 200, `{"messages":[]}`},
		{"GET account/{id}/recentMessages", "GET", "/account/u1/recentMessages", "", 200, `{"error":{}}`},
		{"GET account/{id}/recentMessages", "GET", "/account/nobody/recentMessages", "", 200, `{"error":"No account for given id"}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/0", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1","p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/1000", "", 200, `{"accountTimestamp":3000,"chats":{"p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/999.5", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1","p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/2e3", "", 200, `{"accountTimestamp":3000,"chats":{}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/-1", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1","p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/1e999", "", 200, `{"accountTimestamp":3000,"chats":{}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/NaN", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1","p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u1/chats/toll", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1","p2":"c2"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u3/chats/0", "", 200, `{"accountTimestamp":3000,"chats":{"p1":"c1"}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u3/chats/1", "", 200, `{"accountTimestamp":3000,"chats":{}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/u2/chats/0", "", 200, `{"accountTimestamp":3000,"chats":{}}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/nobody/chats/0", "", 200, `{"error":"No account with the given id"}`},
		{"GET account/{id}/chats/{timestamp}", "GET", "/account/h1/chats/0", "", 200, `{"error":{}}`},
		{"GET messages/{chatId}/toll", "GET", "/messages/c1/toll", "", 200, `{"read":[0,5],"replied":[0,6],"toll":{"required":[1,0]}}`},
		{"GET messages/{chatId}/toll", "GET", "/messages/none/toll", "", 200, `{"error":"No account with the given chatId"}`},
		{"GET messages/{chatId}/toll", "GET", "/messages/h1/toll", "", 200, `{}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/17", "", 200, `{"messages":[{"since":17}]}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/tolls", "", 200, `{"messages":[{"since":0}]}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/17-0", "", 200, `{"messages":[{"from":0,"since":17}],"more":"17-1"}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/17-2", "", 200, `{"messages":[{"from":2,"since":17}]}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/17-", "", 200, `{"messages":[{"since":0}]}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/c1/17-99999999999999999999", "", 200, `{"messages":[{"since":0}]}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/none/0-0", "", 200, `{"error":"Chat doesn't exist"}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/none/0", "", 200, `{"error":"Chat doesn't exist"}`},
		{"GET messages/{chatId}/{timestamp}", "GET", "/messages/u1/0", "", 200, `{"error":"no chat history for this request"}`},
		{"GET address/{aliasHash}", "GET", "/address/h1", "", 200, `{"address":"u1"}`},
		{"GET address/{aliasHash}", "GET", "/address/none", "", 200, `{"error":"No account exists for the given handle"}`},
		{"GET address/{aliasHash}", "GET", "/address/u1", "", 200, `{}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction?appReceiptId=" + receiptID, "", 200, `{"transaction":{"success":false}}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction?x=1&appReceiptId=" + strings.ToUpper(receiptID), "", 200, `{"transaction":{"success":false}}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction?appReceiptId=" + strings.Repeat("0", 64), "", 200, `{"transaction":null}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction?appReceiptId=t1", "", 200, `{"error":"Invalid app receipt id","success":false}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction", "", 200, `{"reason":"Not specified which transaction to query","success":false}`},
		{"GET collector/api/transaction", "GET", "/collector/api/transaction?appReceiptId=%zz", "", 400, fault("bad-request", `query: invalid URL escape \"%zz\"`)},
		{"GET stake", "GET", "/stake", "", 200, `{"stakeRequired":{"dataType":"bi","value":"0000000029b338ad"},"stakeRequiredUsd":{"dataType":"bi","value":"0000000029b338ad"}}`},
		{"GET canStake/{nominee}", "GET", "/canStake/n1", "", 200, `{"stakeAllowed":{"reason":"Restaking is not allowed yet. Please wait 1799 seconds.","remainingTime":1798200,"restakeAllowed":false}}`},
		{"GET canStake/{nominee}", "GET", "/canStake/n2", "", 200, `{"stakeAllowed":{"reason":"","remainingTime":0,"restakeAllowed":true}}`},
		{"GET canStake/{nominee}", "GET", "/canStake/n3", "", 200, `{"stakeAllowed":{"reason":"Nominee account stake timestamp not found.","remainingTime":0,"restakeAllowed":true}}`},
		{"GET canStake/{nominee}", "GET", "/canStake/u1", "", 200, `{"error":"account not found"}`},
		{"GET canStake/{nominee}", "GET", "/canStake/nobody", "", 200, `{"error":"account not found"}`},
		{"GET canUnstake/{nominee}/{nominator}", "GET", "/canUnstake/n1/u1", "", 200, `{"stakeUnlocked":{"reason":"","remainingTime":0,"unlocked":true}}`},
		{"GET canUnstake/{nominee}/{nominator}", "GET", "/canUnstake/n2/u1", "", 200, `{"stakeUnlocked":{"reason":"The nominator has no stake on this node.","remainingTime":-1,"unlocked":false}}`},
		{"GET canUnstake/{nominee}/{nominator}", "GET", "/canUnstake/n1/u2", "", 200, `{"stakeUnlocked":{"reason":"The nominator has no stake on this node.","remainingTime":-1,"unlocked":false}}`},
		{"GET canUnstake/{nominee}/{nominator}", "GET", "/canUnstake/u1/n1", "", 200, `{"error":"account not found"}`},
		{"GET netconfig", "GET", "/netconfig", "", 200, `{"config":{}}`},
		{"GET node/rotation", "GET", "/node/rotation", "", 200, `{"isRotationBound":false,"rotationIndex":{"idx":1,"total":1}}`},
		{"GET network/parameters", "GET", "/network/parameters", "", 200, `{"parameters":{"current":{"activeVersion":"2.4.8","restakeCooldown":1800000},"devIssue":2,"devWindows":null,` +
			`"developerFund":[],"issue":1,"listOfChanges":[],"next":{"title":"x"},"nextDevWindows":{},"nextDeveloperFund":[],"nextWindows":{},"windows":{"start":1}}}`},
		{"GET network/parameters/next", "GET", "/network/parameters/next", "", 200, `{"parameters":{"title":"x"}}`},
		{"GET network/windows", "GET", "/network/windows", "", 200, `{"windows":{"start":1}}`},
		{"GET network/windows/all", "GET", "/network/windows/all", "", 200, `{"devWindows":null,"windows":{"start":1}}`},
		{"GET network/windows/dev", "GET", "/network/windows/dev", "", 200, `{"devWindows":null}`},
		{"GET issues", "GET", "/issues", "", 200, `{"issues":[]}`},
		{"GET issues/latest", "GET", "/issues/latest", "", 200, `{"issue":null}`},
		{"GET issues/count", "GET", "/issues/count", "", 200, `{"count":1}`},
		{"GET issues/dev", "GET", "/issues/dev", "", 200, `{"devIssues":[]}`},
		{"GET issues/dev/latest", "GET", "/issues/dev/latest", "", 200, `{"devIssue":null}`},
		{"GET issues/dev/count", "GET", "/issues/dev/count", "", 200, `{"count":2}`},
		{"GET proposals", "GET", "/proposals", "", 200, `{"proposals":[]}`},
		{"GET proposals/latest", "GET", "/proposals/latest", "", 200, `{"proposals":[]}`},
		{"GET proposals/count", "GET", "/proposals/count", "", 200, `{"count":null}`},
		{"GET proposals/dev", "GET", "/proposals/dev", "", 200, `{"devProposals":[]}`},
		{"GET proposals/dev/latest", "GET", "/proposals/dev/latest", "", 200, `{"devProposals":[]}`},
		{"GET proposals/dev/count", "GET", "/proposals/dev/count", "", 200, `{"count":null}`},

		{"GET transaction/{id}", "GET", "/transaction/t1", "", 200, `{"transaction":{"success":true,"txId":"t1"}}`},
		{"GET transaction/{id}", "GET", "/transaction/t2", "", 200, `{"transaction":null}`},
		{"GET timestamp", "GET", "/timestamp", "", 200, `{"timestamp":946684800000}`}, // where a bubble's clock begins
		{"GET nodeInfo", "GET", "/nodeInfo", "", 200, `{"nodeInfo":{"externalPort":9001,"publicKey":"pk"}}`},
		{"GET collector/api/poll", "GET", "/collector/api/poll", "", 400, fault("bad-request", "account must be 1 to 128 of A-Z a-z 0-9 _ . -")},
		{"GET collector/api/poll", "GET", "/collector/api/poll?account=a&chatTimestamp=soon", "", 400, fault("bad-request", "chatTimestamp must be a time in milliseconds")},
		{"POST inject", "POST", "/inject", `{"from":"alice"}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"tx":"{\"from\":\"alice\"}"}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"app":"1.0","tx":" { \"from\" : \"alice\" } "}`, 200, accepted},
		{"POST inject", "POST", "/inject", `{"from":"alice","from":"bob"}`, 200, `{"result":{"reason":"not alice but bob","status":400,"success":false}}`},
		{"POST inject", "POST", "/inject", `{}`, 200, `{"result":{"reason":"not alice but <nil>","status":400,"success":false}}`},
		{"POST inject", "POST", "/inject", `{"tx":{"from":"alice"}}`, 200, `{"error":{}}`},
		{"POST inject", "POST", "/inject", `{"tx":null}`, 200, `{"error":{}}`},
		{"POST inject", "POST", "/inject", ``, 200, `{"error":{}}`},
		{"POST inject", "POST", "/inject", `null`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `"{}"`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `[{"from":"alice"}]`, 400, fault("bad-request", "the body is not a transaction: signing: the text is not a JSON object")},
		{"POST inject", "POST", "/inject", `{"tx":""}`, 200, `{"error":{}}`},
		{"POST inject", "POST", "/inject", `{"tx":"hello"}`, 200, `{"error":{}}`},
		{"POST inject", "POST", "/inject", `{"tx":"[]"}`, 200, `{"error":{}}`},
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
		{"", "GET", "/account/a1/transactions", "", 404, notFound("GET /account/a1/transactions")},
		{"", "GET", "/accounts", "", 404, notFound("GET /accounts")},
		{"", "PUT", "/query-certificate", "{}", 404, notFound("PUT /query-certificate")},
		{"", "GET", "/collector/api/account", "", 404, notFound("GET /collector/api/account")},
		{"", "GET", "/messages/c1", "", 404, notFound("GET /messages/c1")},
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
		missing := slices.DeleteFunc(a.Routes(), func(r string) bool { return r == "GET is-healthy" || r == "GET collector/api/poll" }) // they have their own tests
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

// FuzzDoors: what both doors let in, both answer alike.
func FuzzDoors(f *testing.F) {
	f.Add("GET", "account/a1", "")
	f.Add("GET", "account/id", `{"id":"a1"}`)
	f.Add("POST", "inject", `{"tx":"{\"from\":\"alice\"}"}`)
	f.Add("POST", "inject", `{"from":"alice","sign":{"owner":"a","sig":"0x"}}`)
	f.Add("GET", "transaction/t1?x#y", "[]")
	f.Add("PUT", "//account/%2f;%C3%BC/../*", "null")
	f.Add("GET", "nodeInfo/", " 1")
	f.Add("POST", "account/%zz", "{}")
	f.Add("GET", "account/u1/chats/1e3", "")
	f.Add("GET", "messages/c1/toll", "")
	f.Add("GET", "canUnstake/n1/u1", "")
	f.Add("GET", "collector/api/transaction?appReceiptId="+receiptID, "")
	f.Add("GET", "network/parameters/next", "")
	a := newAPI(working())
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if method == "OPTIONS" || method == "HEAD" || method != strings.ToUpper(method) || len(method) > 16 || method == "" {
			return // these mean something else to one of the doors
		}
		if strings.ContainsAny(path, "\r\n") || !utf8.ValidString(path) || body != "" && !json.Valid([]byte(body)) || !utf8.ValidString(body) {
			return
		}
		http, ok := overHTTP(t, a, method, "/"+path, body)
		if !ok && token(method) && !strings.ContainsFunc(path, noURL) { // it is the path that no server hands on
			text := fmt.Sprintf("%s /%s HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
			http, ok = refused(t, a, text), true
		}
		if !ok {
			return
		}
		channel := overChannel(t, a, method, "/"+path, body)
		if strings.HasPrefix(http.Body, `{"timestamp":`) || strings.HasPrefix(http.Body, `{"stakeAllowed":`) { // by now it may be another
			channel.Body = http.Body
		}
		if channel != http {
			t.Errorf("%s /%s %s: data channel = %v, HTTP = %v", method, path, body, channel, http)
		}
	})
}
