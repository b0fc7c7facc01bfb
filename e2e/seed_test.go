package e2e

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// caller returns the arguments by which a script of js/ finds the signalling server and a peer there.
func caller(t *testing.T, archiver *role, peerID string, more ...string) []string {
	t.Helper()
	host, port := hostPort(t, archiver.addr)
	return append([]string{"--host", host, "--port", port, "--peer", peerID}, more...)
}

// A Node program written from the first plan of Liberdus over WebRTC injects and asks,
// with the library's default heartbeat (hundreds a second) as well.
func TestSeedClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	d := openDoor(t, consensor)

	for _, test := range []struct{ name, alias, ping string }{
		{"heartbeat every 5 s", "seedclient1", "5000"},
		{"default heartbeat", "seedclient2", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWallet(t, d.network(t))
			tx, txID, err := w.register(test.alias)
			if err != nil {
				t.Fatal(err)
			}
			args := caller(t, archiver, consensor.peerID, "--tx", tx, "--account", w.id())
			if test.ping != "" {
				args = append(args, "--pingInterval", test.ping)
			}
			script := (&site{t: t, home: s.home, env: s.env}).node("seed-client.js", args...)
			if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
				t.Fatalf("seed-client.js: exit %d (ended: %v), want 0", code, ok)
			}
			checkSeedReplies(t, messages(script), w.id(), txID, consensor.peerID)
			applied(t, d, txID)
		})
	}
}

func messages(script *child) []record {
	var found []record
	for _, event := range script.events("message") {
		message, _ := event["message"].(map[string]any)
		found = append(found, message)
	}
	return found
}

// checkSeedReplies demands the answers to an inject and an account request sent at once without
// ids: in that order, without ids, and with the account that the first of them has made.
func checkSeedReplies(t *testing.T, got []record, account, txID, peerID string) {
	t.Helper()
	var types []string
	for _, message := range got {
		types = append(types, message.text("type"))
		if id, ok := message["id"]; ok {
			t.Errorf("reply of type %s has id %v, want none: the request had none", message.text("type"), id)
		}
		if message.text("sender") != peerID {
			t.Errorf("reply of type %s: sender = %q, want %q", message.text("type"), message.text("sender"), peerID)
		}
	}
	if want := []string{"inject", "account"}; !reflect.DeepEqual(types, want) {
		t.Fatalf("replies = %q, want %q\n%v", types, want, got)
	}
	injected, _ := got[0]["body"].(map[string]any)
	outcome, _ := injected["result"].(map[string]any)
	if outcome["success"] != true || outcome["txId"] != txID {
		t.Errorf("inject = %v, want success and txId %s", got[0], txID)
	}
	body, _ := got[1]["body"].(map[string]any)
	found, _ := body["account"].(map[string]any)
	if body["id"] != account || found["id"] != account {
		t.Errorf("account = %v, want id %s and its account", got[1], account)
	}
}

// A consensor written from the same plan, registered on our signalling server, answers our client,
// though it knows no request ids and no status, and never answers an inject.
func TestSeedConsensor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	host, port := hostPort(t, archiver.addr)
	consensor := s.node("seed-consensor.js", "--host", host, "--port", port)
	peerID := consensor.event(t, "open").text("peerId")

	t.Run("account", func(t *testing.T) {
		r := (&site{t: t, home: s.home, env: s.env}).run("client", "account", "--archiver", archiver.url(), "--peer", peerID, "abc123").exits(0)
		doc := r.json()
		if got := r.object(doc, "account"); got.text("id") != "abc123" {
			r.fatalf("account = %v, want {id: abc123}", got)
		}
		if doc.text("id") != "abc123" || doc.text("peer") != peerID {
			r.fatalf("id, peer = %q, %q, want abc123, %q", doc.text("id"), doc.text("peer"), peerID)
		}
		if asked := consensor.event(t, "asked"); !reflect.DeepEqual(asked["body"], map[string]any{"id": "abc123"}) {
			t.Errorf("the consensor was asked %v, want the body {id: abc123}", asked)
		}
	})
	t.Run("it proves nothing", func(t *testing.T) {
		r := (&site{t: t, home: s.home, env: s.env}).run("client", "account", "--archiver", archiver.url(), "--peer", peerID, "abc123").exits(0)
		if !strings.Contains(r.stderr, peerID) {
			r.fatalf("stderr does not warn that %s is unproven", peerID)
		}
	})
	t.Run("inject", func(t *testing.T) {
		text, _, err := newWallet(t, strings.Repeat("0", 64)).register("nobody")
		if err != nil {
			t.Fatal(err)
		}
		r := (&site{t: t, home: s.home, env: s.env}).pipe(text, "client", "inject", "--archiver", archiver.url(), "--peer", peerID, "-").exits(1)
		if doc := r.json(); !strings.Contains(doc.text("error"), "sent, not acknowledged") || doc.text("hop") != "node" {
			r.fatalf("want error \"sent, not acknowledged\" at hop node")
		}
		var sent any
		if err := json.Unmarshal([]byte(text), &sent); err != nil {
			t.Fatal(err)
		}
		if got := consensor.event(t, "injected"); !reflect.DeepEqual(got["body"], sent) {
			t.Errorf("the consensor was given %v, want the transaction %s", got["body"], text)
		}
	})
}

// What no client should send neither ends the session nor the process.
func TestRudeClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "patient")

	script := s.node("rude-client.js", caller(t, archiver, consensor.peerID, "--account", w.id())...)
	if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
		t.Fatalf("rude-client.js: exit %d (ended: %v), want 0: the session did not survive", code, ok)
	}
	for _, message := range messages(script) {
		if status, _ := message["status"].(float64); status < 100 {
			t.Errorf("reply without a status: %v", message)
		}
	}
	if account, err := d.account(w.id()); err != nil || account == nil {
		t.Errorf("after the rude client the door says %v, %v, want the account", account, err)
	}
}
