package roles_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

const (
	aNonce    = "0123456789abcdef0123456789abcdef"
	aNetwork  = "00000000000000000000000000000000000000000000000000000000000000aa"
	aFinger   = "sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"
	aServer   = "" // the archiver for which tokens are made
	aListPath = "/full-nodelist?activeOnly=true"
)

// documents are the objects that one key may sign, each as its verifier wants
// it. The nonce is what a verifier asked for, if it did.
func documents(key, nonce string) map[string]signing.Object {
	now := float64(time.Now().UnixMilli())
	return map[string]signing.Object{
		"list": {"epoch": 1.0, "list": "active", "networkId": aNetwork, "nodeList": []any{}, "time": now},
		"join": {
			"nodeInfo":  signing.Object{"externalIp": "192.0.2.1", "externalPort": 9001.0, "publicKey": key, "peerId": key},
			"networkId": aNetwork, "timestamp": now, "purpose": "liberdus-join",
		},
		"token": {"expiry": float64(time.Now().Add(time.Minute).Unix()), "nonce": aNonce, "peerId": key, "purpose": "liberdus-peer-token", "server": aServer},
		"rtc": {
			"rtc":       signing.Object{"host": "127.0.0.1", "port": 6080.0, "path": "/liberdus-peer", "key": "liberdus", "secure": false, "iceServers": []any{}},
			"networkId": aNetwork, "time": now, "nonce": nonce, "purpose": "liberdus-rtc",
		},
		"hello": {
			"peerId": key, "publicKey": key, "networkId": aNetwork, "caps": []any{}, "time": now, "nonce": nonce,
			"fingerprint": aFinger, "purpose": "liberdus-hello",
		},
		"identity": {
			"peerId": key, "connectionId": "c", "networkId": aNetwork, "fingerprint": aFinger, "remoteFingerprint": aFinger,
			"timestamp": now, "purpose": "liberdus-identity",
		},
	}
}

// A maker makes a signed object for a verifier that asks with this nonce.
type maker func(nonce string) signing.Object

// verifiers say, each in the way of the product, whether an object is what
// they take it for.
func verifiers(t *testing.T, key *signing.NodeKey) map[string]func(*testing.T, maker) error {
	return map[string]func(*testing.T, maker) error{
		"list": func(t *testing.T, m maker) error {
			_, err := archiverThatSays(t, key, func(path, nonce string) signing.Object {
				if strings.HasPrefix(path, "/rtc") {
					return sign(t, key, documents(key.Public(), nonce)["rtc"])
				}
				return m(nonce)
			}).Active(t.Context())
			return err
		},
		"rtc": func(t *testing.T, m maker) error {
			_, _, err := archiverThatSays(t, key, func(_, nonce string) signing.Object { return m(nonce) }).RTC(t.Context())
			return err
		},
		"join": func(t *testing.T, m maker) error { return joins(t, key.Public(), m(aNonce)) },
		"token": func(_ *testing.T, m maker) error {
			o := m(aNonce)
			_, err := nodelist.VerifyToken(key.Public(), tokenOf(o), aServer, time.Now())
			return err
		},
		"hello": func(_ *testing.T, m maker) error { _, err := verifyHello(m(aNonce), aNonce); return err },
		"identity": func(_ *testing.T, m maker) error {
			_, _, err := identity.Verifier{}.VerifyIdentity(signing.MustCanonical(m(aNonce)))
			return err
		},
	}
}

func sign(t *testing.T, key *signing.NodeKey, o signing.Object) signing.Object {
	t.Helper()
	signed, err := key.Sign(o)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// archiverThatSays returns a client of an archiver with this key.
func archiverThatSays(t *testing.T, key *signing.NodeKey, say func(path, nonce string) signing.Object) *nodelist.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(signing.MustCanonical(say(r.URL.RequestURI(), r.URL.Query().Get("nonce"))))
	}))
	t.Cleanup(server.Close)
	a, err := nodelist.ParseArchiver(server.URL + "#" + key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return nodelist.NewClient(a, nodelist.ClientConfig{Log: slog.New(slog.DiscardHandler)})
}

// nobody is a signalling server without sockets, at which a join is listed but
// not active.
type nobody struct{}

func (nobody) Peer(string) (nodelist.Socket, bool) { return nodelist.Socket{}, false }
func (nobody) MarkNode(string) bool                { return false }

// joins reports why o does not list the node of key.
func joins(t *testing.T, key string, o signing.Object) error {
	t.Helper()
	archiver, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	list, err := nodelist.New(nodelist.Config{
		Key: archiver, RTC: nodelist.RTC{Port: 6080, Path: "/liberdus-peer", Key: "liberdus"}, IP: "127.0.0.1", Port: 4000, Version: "0",
	}, nobody{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- list.Run(ctx) }()
	defer func() { stop(); <-done }()
	w := httptest.NewRecorder()
	list.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/nodelist", strings.NewReader(string(signing.MustCanonical(o)))))
	var answer struct {
		Error string
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		return fmt.Errorf("%s", answer.Error)
	}
	return nil
}

// tokenOf writes a signed object as a token: its signature, and of its members
// those that a token has.
func tokenOf(o signing.Object) string {
	expiry, ok := o["expiry"].(float64)
	if !ok {
		expiry = float64(time.Now().Add(time.Minute).Unix())
	}
	sig, _ := o["sign"].(signing.Object)["sig"].(string)
	raw, _ := hex.DecodeString(sig)
	return fmt.Sprintf("v1.%.0f.%s.%s", expiry, aNonce, base64.RawURLEncoding.EncodeToString(raw[:64]))
}

// One key signs many kinds of objects; none passes for another, whatever the
// signature is worth.
func TestPurposesAreKeptApart(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	for as, verify := range verifiers(t, key) {
		for kind := range documents("", "") {
			t.Run(kind+" as "+as, func(t *testing.T) {
				err := verify(t, func(nonce string) signing.Object {
					return sign(t, key, documents(key.Public(), nonce)[kind])
				})
				if (err == nil) != (kind == as) {
					t.Errorf("a signed %s is taken for a %s: %v", kind, as, err)
				}
			})
		}
	}
}

// A verifier demands every member, of its type, and no other.
func TestMembersOfSignedObjects(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	for as, verify := range verifiers(t, key) {
		if as == "token" {
			continue // its members are not sent; its own tests vary what is
		}
		refused := func(name string, change func(signing.Object)) {
			t.Run(as+" "+name, func(t *testing.T) {
				err := verify(t, func(nonce string) signing.Object {
					o := documents(key.Public(), nonce)[as]
					change(o)
					return sign(t, key, o)
				})
				if err == nil {
					t.Error("it was taken, want it refused")
				}
			})
		}
		refused("with another member", func(o signing.Object) { o["also"] = "this" })
		for member := range documents("", "")[as] {
			refused("without "+member, func(o signing.Object) { delete(o, member) })
			refused("with null for "+member, func(o signing.Object) { o[member] = nil })
			refused("with a boolean for "+member, func(o signing.Object) { o[member] = true })
			refused("with a list for "+member, func(o signing.Object) {
				if _, list := o[member].([]any); list {
					o[member] = "text"
				} else {
					o[member] = []any{o[member]}
				}
			})
		}
	}
}
