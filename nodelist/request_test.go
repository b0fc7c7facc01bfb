package nodelist_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

func TestFirstNodeChecks(t *testing.T) {
	good := readVectors(t).FirstNode[0].Wire
	owner := keyOf(1).Public()
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "input is undefined"},
		{"null", "null", "input is null"},
		{"a number", "1", "input must be object, not number"},
		{"a text", `"x"`, "input must be object, not string"},
		{"a boolean", "true", "input must be object, not boolean"},
		{"an array", "[]", "nodeInfo is required"},
		{"no members", "{}", "nodeInfo is required"},
		{"no sign", `{"nodeInfo":{}}`, "sign is required"},
		{"nodeInfo null", `{"nodeInfo":null,"sign":{}}`, "nodeInfo cannot be null"},
		{"nodeInfo an array", `{"nodeInfo":[],"sign":{}}`, "nodeInfo must be, object"},
		{"sign a text", `{"nodeInfo":{},"sign":"x"}`, "sign must be, object"},
		{"both are checked before what is in them", `{"nodeInfo":{},"sign":1}`, "sign must be, object"},
		{"no externalIp", `{"nodeInfo":{},"sign":{}}`, "externalIp is required"},
		{"externalIp a number", `{"nodeInfo":{"externalIp":1},"sign":{}}`, "externalIp must be, string"},
		{"externalPort a text", `{"nodeInfo":{"externalIp":"a","externalPort":"1"},"sign":{}}`, "externalPort must be, number"},
		{"externalPort a bigint", `{"nodeInfo":{"externalIp":"a","externalPort":{"dataType":"bi","value":"1"}},"sign":{}}`, "externalPort must be, number"},
		{"publicKey null", `{"nodeInfo":{"externalIp":"a","externalPort":1,"publicKey":null},"sign":{}}`, "publicKey cannot be null"},
		{"no owner", `{"nodeInfo":{"externalIp":"a","externalPort":1,"publicKey":"k"},"sign":{}}`, "owner is required"},
		{"sig a number", `{"nodeInfo":{"externalIp":"a","externalPort":1,"publicKey":"k"},"sign":{"owner":"k","sig":1}}`, "sig must be, string"},
		{
			"another owner", strings.Replace(good, `"owner":"4c`, `"owner":"4d`, 1),
			"nodeInfo.publicKey does not match signature owner",
		},
		{"something changed", strings.Replace(good, "9001", "9002", 1), "Invalid signature"},
		{"bytes for a sig", strings.Replace(good, `"sig":"5e`, `"sig":"5f`, 1), "Invalid signature"},
		{
			"a sig that is none",
			`{"nodeInfo":{"externalIp":"a","externalPort":1,"publicKey":"` + owner + `"},"sign":{"owner":"` + owner + `","sig":"00"}}`,
			"Signature verification failed",
		},
		{"a good one", good, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := newArchiver(t, nil).post(tt.body); got != tt.want {
				t.Errorf("refused with %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnmodifiedNodesGetTheListAndAreNotListed(t *testing.T) {
	a := newArchiver(t, nil)
	for _, v := range readVectors(t).FirstNode {
		status, body := a.ask(http.MethodPost, "/nodelist", v.Wire)
		o, err := signing.ParseObject([]byte(body))
		if err != nil || status != http.StatusOK || o["list"] != "sample" {
			t.Errorf("%s: POST /nodelist = %d %s", v.Name, status, body)
		}
		if err := signing.VerifyBy(o, a.key.Public()); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if reason := a.post(strings.Replace(v.Wire, "9001", "9009", 1)); reason != "Invalid signature" {
			t.Errorf("%s, changed: refused with %q", v.Name, reason)
		}
	}
	a.connect("liberdus-node-1", "token")
	if got := a.epoch(); got != 1 {
		t.Errorf("epoch = %d, want 1", got)
	}
}

func TestJoinForm(t *testing.T) {
	const peer = "nodeInfo.peerId"
	for _, tt := range []struct {
		name, member string
		value        any // nil: the member is left out
		want         string
	}{
		{name: "no networkId", member: "networkId", want: "networkId is required"},
		{name: "networkId a number", member: "networkId", value: 1.0, want: "networkId must be, string"},
		{name: "short networkId", member: "networkId", value: "abc", want: "networkId must be 64 lower-case hex digits"},
		{name: "no timestamp", member: "timestamp", want: "timestamp is required"},
		{name: "timestamp a text", member: "timestamp", value: "now", want: "timestamp must be, number"},
		{name: "timestamp with a fraction", member: "timestamp", value: 1.5, want: "timestamp must be in whole milliseconds"},
		{name: "negative timestamp", member: "timestamp", value: -1.0, want: "timestamp must be in whole milliseconds"},
		{name: "huge timestamp", member: "timestamp", value: 1e300, want: "timestamp must be in whole milliseconds"},
		{name: "no purpose", member: "purpose", want: "purpose is required"},
		{name: "another purpose", member: "purpose", value: "liberdus-hello", want: `purpose must be "liberdus-join"`},
		{name: "a member too many", member: "cycleMarker", value: "x", want: `"cycleMarker" is not a member of a join`},
		{name: "tokenHash a number", member: "tokenHash", value: 1.0, want: "tokenHash must be 64 lower-case hex digits"},
		{name: "short tokenHash", member: "tokenHash", value: "ab", want: "tokenHash must be 64 lower-case hex digits"},
		{name: "no peerId", member: peer, want: "peerId is required"},
		{name: "peerId a number", member: peer, value: 1.0, want: "peerId must be, string"},
		{name: "empty peerId", member: peer, value: "", want: "peerId must be letters and digits"},
		{name: "peerId no client takes", member: peer, value: "a--b", want: "peerId must be letters and digits"},
		{name: "peerId with a line break", member: peer, value: "a\n", want: "peerId must be letters and digits"},
		{name: "long peerId", member: peer, value: strings.Repeat("x", 129), want: "peerId must be letters and digits"},
		{name: "port 0", member: "nodeInfo.externalPort", value: 0.0, want: "externalPort must be a whole number"},
		{name: "port 65536", member: "nodeInfo.externalPort", value: 65536.0, want: "externalPort must be a whole number"},
		{name: "half a port", member: "nodeInfo.externalPort", value: 80.5, want: "externalPort must be a whole number"},
		{name: "a URL for an address", member: "nodeInfo.externalIp", value: "http://a/b", want: "externalIp must be"},
		{name: "no address", member: "nodeInfo.externalIp", value: "", want: "externalIp must be"},
		{name: "long address", member: "nodeInfo.externalIp", value: strings.Repeat("a", 254), want: "externalIp must be"},
		{name: "more about the node", member: "nodeInfo.status", value: "active", want: ""},
		{name: "an IPv6 address", member: "nodeInfo.externalIp", value: "2001:db8::1", want: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := joinOf(1)
			target, name := o, tt.member
			if inside, ok := strings.CutPrefix(name, "nodeInfo."); ok {
				target, name = o["nodeInfo"].(signing.Object), inside
			}
			if target[name] = tt.value; tt.value == nil {
				delete(target, name)
			}
			got := newArchiver(t, nil).post(signed(t, 1, o))
			if (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) {
				t.Errorf("refused with %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUpperCaseKeysAreRefused(t *testing.T) {
	o, err := keyOf(1).Sign(joinOf(1))
	if err != nil {
		t.Fatal(err)
	}
	upper := strings.ToUpper(keyOf(1).Public())
	o["sign"].(signing.Object)["owner"] = upper
	o["nodeInfo"].(signing.Object)["publicKey"] = upper
	if reason := newArchiver(t, nil).post(string(signing.MustCanonical(o))); reason == "" {
		t.Error("a join with an upper-case key is accepted")
	}
}

func FuzzJoin(f *testing.F) {
	for _, v := range readVectors(f).FirstNode {
		f.Add(v.Wire)
	}
	f.Add(signed(f, 1, joinOf(1)))
	f.Add(`{"nodeInfo":{"externalIp":"a","externalPort":1,"publicKey":"k"},"sign":{"owner":"k","sig":""},"purpose":{"dataType":"bb","value":"AA=="}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		synctest.Test(t, func(t *testing.T) { // its clock begins in 2000: no join of now is fresh
			a := newArchiver(t, nil)
			if status, text := a.ask(http.MethodPost, "/nodelist", body); status == http.StatusOK {
				if _, err := signing.ParseObject([]byte(text)); err != nil {
					t.Fatalf("POST /nodelist = %s: %v", text, err)
				}
			}
			if got := a.object("/full-nodelist")["nodeList"].([]any); len(got) != 0 {
				t.Fatalf("%q was listed: %v", body, got)
			}
		})
	})
}

var _ nodelist.Presence = (*sockets)(nil)
