package identity_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A verifier takes exactly what a signer makes.
func TestIdentityMembers(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	good := func() signing.Object {
		return signing.Object{
			"peerId": key.Public(), "connectionId": "c", "networkId": "n", "fingerprint": "f", "remoteFingerprint": "r",
			"timestamp": 5, "purpose": "liberdus-identity",
		}
	}
	for _, tt := range []struct {
		name   string
		change func(signing.Object)
		after  func(signing.Object) // once it is signed
		ok     bool
	}{
		{name: "as it is made", ok: true},
		{name: "for another purpose", change: func(o signing.Object) { o["purpose"] = "liberdus-join" }},
		{name: "without a purpose", change: func(o signing.Object) { delete(o, "purpose") }},
		{name: "with another member", change: func(o signing.Object) { o["list"] = "active" }},
		{name: "with a number for a peer id", change: func(o signing.Object) { o["peerId"] = 7 }},
		{name: "with half a millisecond", change: func(o signing.Object) { o["timestamp"] = 5.5 }},
		{name: "with a text for a time", change: func(o signing.Object) { o["timestamp"] = "5" }},
		{name: "changed afterwards", after: func(o signing.Object) { o["networkId"] = "m" }},
		{name: "unsigned", after: func(o signing.Object) { delete(o, "sign") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := good()
			if tt.change != nil {
				tt.change(o)
			}
			signed, err := key.Sign(o)
			if err != nil {
				t.Fatal(err)
			}
			if tt.after != nil {
				tt.after(signed)
			}
			c, owner, err := identity.Verifier{}.VerifyIdentity(signing.MustCanonical(signed))
			if (err == nil) != tt.ok {
				t.Fatalf("VerifyIdentity = %v, want ok %v", err, tt.ok)
			}
			if tt.ok && (owner != key.Public() || c.ConnectionID != "c" || c.Timestamp != 5) {
				t.Errorf("VerifyIdentity = %+v by %s", c, owner)
			}
		})
	}
}
