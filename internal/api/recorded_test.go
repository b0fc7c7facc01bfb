package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
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
