package signing_test

import (
	"bytes"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func seedTexts(f *testing.F) {
	for _, c := range javaScriptCases(f) {
		f.Add([]byte(c.Wire))
	}
	v := loadVectors(f)
	for _, s := range v.SignObj {
		f.Add([]byte(s.SignedWire))
	}
	for _, n := range v.Negative {
		f.Add([]byte(n.Wire))
	}
	for _, tx := range v.UserTx {
		f.Add([]byte(tx.SignedTx))
		f.Add([]byte(tx.InjectBody))
	}
}

// FuzzCanonical: the canonical text is its own canonical text.
func FuzzCanonical(f *testing.F) {
	seedTexts(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := signing.Parse(text)
		if err != nil {
			return
		}
		once, err := signing.Canonical(v)
		if err != nil {
			return // a Buffer of something but numbers
		}
		twice := recanonical(t, once)
		// The value of a member named sig is not revived, so there a Buffer
		// is written, read back as a plain object, and written as that.
		if !bytes.Equal(once, twice) && !bytes.Contains(once, []byte(`"sig":{"value":"`)) {
			t.Errorf("Canonical = %s, then %s", once, twice)
		}
		if thrice := recanonical(t, twice); !bytes.Equal(twice, thrice) {
			t.Errorf("Canonical = %s, at last %s", twice, thrice)
		}
	})
}

func recanonical(t *testing.T, text []byte) []byte {
	t.Helper()
	v, err := signing.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s) = %v", text, err)
	}
	again, err := signing.Canonical(v)
	if err != nil {
		t.Fatalf("Canonical of %s = %v", text, err)
	}
	return again
}

// FuzzVerify: whatever was parsed, verifying it ends, and signing it verifies.
func FuzzVerify(f *testing.F) {
	seedTexts(f)
	node, user := nodeKeyA(f), userKey1(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := signing.ParseObject(text)
		if err != nil {
			return
		}
		owner, err := signing.Verify(o)
		if (err == nil) != (len(owner) == 64) {
			t.Errorf("Verify = %q, %v", owner, err)
		}
		owner, err = signing.VerifyTx(o)
		if (err == nil) != (len(owner) == 64) {
			t.Errorf("VerifyTx = %q, %v", owner, err)
		}
		for _, k := range []signing.Key{node, user} {
			signed, err := k.Sign(o)
			if err != nil {
				continue
			}
			if owner, err := signing.VerifyTx(signed); owner != k.Address() || err != nil {
				t.Errorf("VerifyTx after Sign = %q, %v, want %s", owner, err, k.Address())
			}
		}
	})
}

// FuzzSignature: no spelling of a signature but the right one passes.
func FuzzSignature(f *testing.F) {
	node, user := nodeKeyA(f), userKey1(f)
	o := signing.Object{"a": 1}
	for _, k := range []signing.Key{node, user} {
		signed, err := k.Sign(o)
		if err != nil {
			f.Fatal(err)
		}
		owner, sig := signOf(f, signed)
		f.Add(owner, sig)
	}
	f.Add("", "0x")
	f.Fuzz(func(t *testing.T, owner, sig string) {
		got, err := signing.VerifyTx(signing.Object{"a": 1, "sign": signing.Object{"owner": owner, "sig": sig}})
		if err != nil {
			return
		}
		if got != node.Address() && got != user.Address() {
			t.Errorf("VerifyTx = %s, a forgery", got)
		}
	})
}

// FuzzKeyFile: a key file either has the key it says or is refused.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"publicKey":"` + publicA + `","secretKey":"` + secretA + `"}`))
	f.Add([]byte(`{"type":"secp256k1","publicKey":"` + userKey1(f).PublicKey() + `","secretKey":"` + secretU1 + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := signing.ParseKey(text)
		if (err == nil) != (k != nil) {
			t.Errorf("ParseKey = %v, %v", k, err)
		}
	})
}
