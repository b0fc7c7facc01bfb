package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A recording is an answer that a Liberdus 2.4.9 network gave.
type recording struct {
	Ask    string // method and path
	Status int
	Answer json.RawMessage
}

func recordings(t *testing.T, file string) []recording {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []recording
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if lines.Err() != nil || len(list) == 0 {
		t.Fatalf("%d recordings, %v", len(list), lines.Err())
	}
	return list
}

// A replay is a ledger on which the transactions of a recorded network are put
// again, each at its own time.
type replay struct {
	t   *testing.T
	api *api.API
	at  int64 // what the clock of the ledger shows, ms
}

func newReplay(t *testing.T, networkID string, at int64) *replay {
	t.Helper()
	r := &replay{t: t, at: at}
	log := slog.New(slog.DiscardHandler)
	l, err := ledger.Open(ledger.Config{Dir: t.TempDir(), NetworkID: networkID, Now: func() time.Time { return time.UnixMilli(r.at) }}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r.api = api.New(l, func() signing.Object { return nil }, log)
	return r
}

// put injects a transaction at its own time, and demands the txId.
func (r *replay) put(tx signing.Object, wantID string) {
	r.t.Helper()
	r.at = int64(tx["timestamp"].(float64))
	body, err := json.Marshal(map[string]string{"tx": string(signing.MustCanonical(tx))})
	if err != nil {
		r.t.Fatal(err)
	}
	want := answer{200, `{"result":{"reason":"Transaction queued, poll for results.","status":200,"success":true,"txId":"` + wantID + `"}}`}
	if got, _ := overHTTP(r.t, r.api, "POST", "/inject", string(body)); got != want {
		r.t.Errorf("inject %s = %v, want %v", tx["type"], got, want)
	}
}

// register makes the registration of a recorded user, with the key that was used.
func register(t *testing.T, secret, alias, networkID string, timestamp float64) signing.Object {
	t.Helper()
	k, err := signing.UserKeyFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := k.Sign(signing.Object{
		"type": "register", "from": k.Address(), "alias": alias, "aliasHash": signing.Hash([]byte(alias)),
		"publicKey": k.PublicKey(), "private": false, "networkId": networkID, "timestamp": timestamp,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func txID(t *testing.T, tx signing.Object) string {
	t.Helper()
	id, err := signing.TxID(tx)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// answers asks by both doors and demands the very bytes that were recorded.
func (r *replay) answers(list []recording) {
	r.t.Helper()
	for _, rec := range list {
		method, path, _ := strings.Cut(rec.Ask, " ")
		want := answer{rec.Status, string(rec.Answer)}
		got, ok := overHTTP(r.t, r.api, method, path, "")
		if channel := overChannel(r.t, r.api, method, path, ""); !ok || channel != got {
			r.t.Errorf("%s: data channel = %v, HTTP = %v", rec.Ask, channel, got)
		}
		if got != want {
			r.t.Errorf("%s = %v\n%s", rec.Ask, got, differences(rec.Answer, []byte(got.Body)))
		}
	}
}

// differences lists the members that differ.
func differences(want, got []byte) string {
	var w, g any
	if json.Unmarshal(want, &w) != nil || json.Unmarshal(got, &g) != nil {
		return "no JSON"
	}
	var out bytes.Buffer
	compare(&out, "", w, g)
	return out.String()
}

func compare(out io.Writer, path string, want, got any) {
	w, isObject := want.(map[string]any)
	g, both := got.(map[string]any)
	if !isObject || !both {
		wt, gt := signing.MustCanonical(plain(want)), signing.MustCanonical(plain(got))
		if !bytes.Equal(wt, gt) {
			io.WriteString(out, path+": "+string(gt)+", want "+string(wt)+"\n")
		}
		return
	}
	for name := range w {
		compare(out, path+"."+name, w[name], g[name])
	}
	for name := range g {
		if _, found := w[name]; !found {
			io.WriteString(out, path+"."+name+": not wanted\n")
		}
	}
}

// plain makes of decoded JSON what has a canonical text.
func plain(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const (
	aliceSecret = "0000000000000000000000000000000000000000000000000000000000000001"
	bobSecret   = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
)

// TestRecordedTalk replays a recorded transfer and message, with the signatures
// they had, and demands the recorded answers to all that can be asked of them.
func TestRecordedTalk(t *testing.T) {
	const network = "353846565603b90c4d2a68c003229bd9d4857f5d9ef9458293d5894ec2942dac"
	list := recordings(t, "testdata/talk.jsonl")
	r := newReplay(t, network, 1795374610123)
	for _, tx := range []signing.Object{
		register(t, aliceSecret, "alice2", network, 1795374767000),
		register(t, bobSecret, "bob2", network, 1795374774139),
	} {
		r.put(tx, txID(t, tx))
	}
	for _, tx := range recordedMessages(t, list) {
		r.put(tx, txID(t, tx))
	}
	r.answers(list)
}

// recordedMessages are the transactions in the answer to /messages/….
func recordedMessages(t *testing.T, list []recording) []signing.Object {
	t.Helper()
	var txs []signing.Object
	for _, rec := range list {
		if !strings.HasPrefix(rec.Ask, "GET /messages/") {
			continue
		}
		o, err := signing.ParseObject(rec.Answer)
		if err != nil {
			t.Fatal(err)
		}
		messages, _ := o["messages"].([]any)
		for _, m := range messages {
			txs = append(txs, m.(signing.Object))
		}
	}
	if len(txs) != 2 {
		t.Fatalf("%d recorded messages, want 2", len(txs))
	}
	return txs
}

// TestRecordedRegister replays a recorded registration and the second one of the
// same user, which is accepted and fails, and asks for what had been asked then.
func TestRecordedRegister(t *testing.T) {
	const network = "6a789dddc3ebd6f23ebe77d03e284f3775522e49d73d7461a160115420f92b2c"
	r := newReplay(t, network, 1795375347937)
	r.put(register(t, aliceSecret, "alice1", network, 1795375347937), "650c02bc0f36d788c6afea2240f58a8127a14405c356271ae4577a9f2d361dc3")
	list := recordings(t, "testdata/register.jsonl")
	r.put(register(t, aliceSecret, "alice1", network, 1795375362227), "5432c36545ccf13491be70ac57be6dfb88248b47a08b390a520baed984e5264f")
	r.answers(list)
}

// TestRecordedRefusals: what a node said to transactions and bodies it would not take.
func TestRecordedRefusals(t *testing.T) {
	const network = "6a789dddc3ebd6f23ebe77d03e284f3775522e49d73d7461a160115420f92b2c"
	const at = 1795375347937
	r := newReplay(t, network, at)
	good := register(t, aliceSecret, "alice1", network, at)
	wrapped := func(tx signing.Object) string {
		return string(signing.MustCanonical(signing.Object{"tx": string(signing.MustCanonical(tx))}))
	}
	changed := func(name string, v any) signing.Object {
		tx := maps.Clone(good)
		tx[name] = v
		return tx
	}
	refusal := func(reason string) string {
		return `{"result":{"reason":"` + reason + `","status":400,"success":false}}`
	}
	for _, tt := range []struct{ name, body, want string }{
		{"of another network", wrapped(changed("networkId", strings.Repeat("5", 64))), refusal("Invalid network id for tx register with id undefined")},
		{"wrong aliasHash", wrapped(changed("aliasHash", strings.Repeat("5", 64))), refusal("alias hash does not match alias")},
		{"an hour old", wrapped(register(t, aliceSecret, "alice1", network, at-3_600_000)), refusal("Transaction timestamp out of range")},
		{"an hour ahead", wrapped(register(t, aliceSecret, "alice1", network, at+3_600_000)), refusal("Transaction timestamp out of range")},
		{"signed by another", wrapped(changed("sign", register(t, bobSecret, "alice1", network, at)["sign"])), refusal("not signed by from account")},
		{"tx as an object", string(signing.MustCanonical(signing.Object{"tx": good})), `{"error":{}}`},
		{"no body", "", `{"error":{}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := answer{200, tt.want}
			if got, _ := overHTTP(t, r.api, "POST", "/inject", tt.body); got != want {
				t.Errorf("HTTP = %v, want %v", got, want)
			}
			if got := overChannel(t, r.api, "POST", "inject", tt.body); got != want {
				t.Errorf("data channel = %v, want %v", got, want)
			}
		})
	}
}

// TestFriendsEnd: from network version 2.5.0 nodes answer no more for friends.
func TestFriendsEnd(t *testing.T) {
	const gone = `{"deprecated":true,"deprecatedVersion":"2.5.0","error":"This endpoint is deprecated and no longer available"}`
	for _, tt := range []struct {
		version string
		gone    bool
	}{
		{"2.4.9", false},
		{"2.5.0", true},
		{"2.5", false}, // no version
		{"2.10.0", true},
		{"10.0.0", true},
		{"1.9.9", false},
		{"2.5.x", false},
		{"", false},
	} {
		t.Run(tt.version, func(t *testing.T) {
			l := working()
			l.account = func(_ context.Context, id string) (json.RawMessage, error) {
				text := others[id]
				if id == ledger.NetworkAccountID {
					text = `{"current":{"activeVersion":"` + tt.version + `"}}`
				}
				return json.RawMessage(text), nil
			}
			for path, want := range map[string]string{
				"/account/u1/friends": `{"friends":{}}`, "/account/u1/u2/toll": `{"toll":{"dataType":"bi","value":"7"}}`,
			} {
				want := answer{200, want}
				if tt.gone {
					want = answer{410, gone}
				}
				if got, _ := overHTTP(t, newAPI(l), "GET", path, ""); got != want {
					t.Errorf("HTTP %s = %v, want %v", path, got, want)
				}
				if got := overChannel(t, newAPI(l), "GET", path, ""); got != want {
					t.Errorf("data channel %s = %v, want %v", path, got, want)
				}
			}
		})
	}
}
