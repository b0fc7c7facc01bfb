package roles_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
)

// verifyHello does what docs/protocol.md asks of a client: exactly the members,
// of their types, the purpose, its own nonce, and the signature.
func verifyHello(o signing.Object, nonce string) (owner string, err error) {
	want := []string{"caps", "fingerprint", "networkId", "nonce", "peerId", "publicKey", "purpose", "sign", "time"}
	if got := slices.Sorted(maps.Keys(o)); !slices.Equal(got, want) {
		return "", fmt.Errorf("members %q, want %q", got, want)
	}
	for _, name := range []string{"fingerprint", "networkId", "peerId", "publicKey"} {
		if s, ok := o[name].(string); !ok || s == "" {
			return "", fmt.Errorf("%s is %v", name, o[name])
		}
	}
	if _, ok := o["caps"].([]any); !ok {
		return "", errors.New("caps is no list")
	}
	if _, ok := o["time"].(float64); !ok {
		return "", errors.New("time is no number")
	}
	if o["purpose"] != "liberdus-hello" || o["nonce"] != nonce {
		return "", fmt.Errorf("purpose %v, nonce %v", o["purpose"], o["nonce"])
	}
	if owner, err = signing.Verify(o); err == nil && owner != o["publicKey"] {
		err = errors.New("signed by another key")
	}
	return owner, err
}

func TestHello(t *testing.T) {
	d := startDevnet(t, 1)
	node := d.Consensors[0]
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	asked, session, err := converse(ctx, d, node.PeerID())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, url, method, body string
		status                  int
	}{
		{"16 letters", "hello", "GET", `{"nonce":"abcdefghijABCDE_"}`, 200},
		{"64 letters", "hello", "GET", `{"nonce":"` + strings.Repeat("0-", 32) + `"}`, 200},
		{"15 letters", "hello", "GET", `{"nonce":"abcdefghijABCDE"}`, 400},
		{"65 letters", "hello", "GET", `{"nonce":"` + strings.Repeat("0", 65) + `"}`, 400},
		{"another letter", "hello", "GET", `{"nonce":"abcdefghijABCDEé"}`, 400},
		{"a number", "hello", "GET", `{"nonce":1234567890123456}`, 400},
		{"no body", "hello", "GET", ``, 400},
		{"another method", "hello", "POST", `{"nonce":"abcdefghijABCDE_"}`, 404},
		{"another path", "hello/you", "GET", `{"nonce":"abcdefghijABCDE_"}`, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply, err := asked.Do(ctx, rpc.Request{URL: tt.url, Method: tt.method, Body: json.RawMessage(tt.body)})
			if err != nil || reply.Status != tt.status {
				t.Fatalf("= %d, %v, want %d: %s", reply.Status, err, tt.status, reply.Body)
			}
			if tt.status != 200 {
				return
			}
			o, err := signing.ParseObject(reply.Body)
			if err != nil {
				t.Fatal(err)
			}
			owner, err := verifyHello(o, decode(t, json.RawMessage(tt.body))["nonce"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if owner != node.PeerID() || o["peerId"] != node.PeerID() || o["networkId"] != roles.NetworkID(d) {
				t.Errorf("hello of %s on %v, want %s on %s", owner, o["networkId"], node.PeerID(), roles.NetworkID(d))
			}
			if o["fingerprint"] != session.RemoteFingerprint() || session.RemoteFingerprint() == "" {
				t.Errorf("fingerprint = %v, in use is %q", o["fingerprint"], session.RemoteFingerprint())
			}
			if at := time.UnixMilli(int64(o["time"].(float64))); time.Since(at).Abs() > 5*time.Second {
				t.Errorf("time = %v", at)
			}
		})
	}
	t.Run("not over HTTP", func(t *testing.T) {
		resp, err := http.Get("http://" + node.Addr() + "/hello")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("GET /hello = %d, %v, want 404: there is no certificate to prove", resp.StatusCode, err)
		}
	})
}
