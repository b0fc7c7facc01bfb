package signing_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestHashVectors(t *testing.T) {
	v := loadVectors(t)
	if v.HashKey != signing.DefaultHashKeyHex {
		t.Errorf("DefaultHashKeyHex = %s, want %s", signing.DefaultHashKeyHex, v.HashKey)
	}
	if len(v.Hash) != 8 {
		t.Errorf("%d vectors, want 8", len(v.Hash))
	}
	for _, h := range v.Hash {
		message := unhex(t, h.InputHex)
		if h.InputType == "utf8" && h.Input != string(message) {
			t.Errorf("input %q is not its hex", h.Input)
		}
		got := signing.Hash(message)
		if h.HashKey != "" {
			got = signing.HashWithKey([32]byte(unhex(t, h.HashKey)), message)
		}
		if got != h.Hash {
			t.Errorf("hash of %s = %s, want %s", h.InputHex, got, h.Hash)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkText reads wire and compares its canonical text and hash.
func checkText(t *testing.T, wire, want, wantHash string) {
	t.Helper()
	v, err := signing.Parse([]byte(wire))
	if err != nil {
		t.Fatal(err)
	}
	got := canonical(t, v)
	if got != want {
		t.Errorf("Canonical = %s, want %s", got, want)
	}
	if h := signing.Hash([]byte(got)); h != wantHash {
		t.Errorf("Hash = %s, want %s", h, wantHash)
	}
	if o, ok := v.(signing.Object); ok {
		if h, err := signing.HashObject(o); h != wantHash || err != nil {
			t.Errorf("HashObject = %s, %v, want %s", h, err, wantHash)
		}
	}
}

func TestCanonicalVectors(t *testing.T) {
	v := loadVectors(t)
	for _, c := range v.FromJS {
		t.Run(c.Name, func(t *testing.T) { checkText(t, c.Canonical, c.Canonical, c.Hash) })
	}
	for _, c := range v.FromWire {
		t.Run(c.Wire, func(t *testing.T) { checkText(t, c.Wire, c.Canonical, c.Hash) })
	}
	for _, c := range v.Rejected {
		if got, err := signing.Parse([]byte(c.Wire)); err == nil {
			t.Errorf("Parse(%s) = %v, want an error", c.Wire, got)
		}
	}
	if len(v.FromJS) != 12 || len(v.FromWire) != 11 || len(v.Rejected) != 4 {
		t.Errorf("%d, %d, %d vectors, want 12, 11, 4", len(v.FromJS), len(v.FromWire), len(v.Rejected))
	}
}

func TestNodeKeyVectors(t *testing.T) {
	v := loadVectors(t)
	for _, p := range v.Keypairs {
		for _, secret := range []string{p.Seed, p.SecretKey} {
			k, err := signing.NodeKeyFromSecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			if k.Public() != p.PublicKey || k.Address() != p.PublicKey || k.PublicKey() != p.PublicKey {
				t.Errorf("key %s = %s, want %s", p.Name, k.Public(), p.PublicKey)
			}
		}
	}
	for _, s := range v.SignRaw {
		k, msg := v.nodeKey(t, s.Key), unhex(t, s.MessageHex)
		sig := k.SignBytes(msg)
		if got := hex.EncodeToString(append(sig, msg...)); got != s.Sig {
			t.Errorf("SignBytes(%s) = %s, want %s", s.MessageHex, got, s.Sig)
		}
		if !signing.VerifyBytes(k.Public(), msg, sig[:64]) {
			t.Errorf("VerifyBytes(%s) = false", s.MessageHex)
		}
	}
}

func TestSignObjectVectors(t *testing.T) {
	v := loadVectors(t)
	if len(v.SignObj) != 14 {
		t.Errorf("%d vectors, want 14", len(v.SignObj))
	}
	for _, s := range v.SignObj {
		t.Run(s.Name, func(t *testing.T) {
			checkText(t, s.CanonicalUnsigned, s.CanonicalUnsigned, s.Hash)
			k := v.nodeKey(t, s.Key)
			signed, err := k.Sign(parseObject(t, s.CanonicalUnsigned))
			if err != nil {
				t.Fatal(err)
			}
			if got := canonical(t, signed); got != s.SignedWire {
				t.Errorf("Sign = %s, want %s", got, s.SignedWire)
			}
			received := parseObject(t, s.SignedWire)
			if h, err := signing.HashUnsigned(received); h != s.HashObjRemoveSign || err != nil {
				t.Errorf("HashUnsigned = %s, %v, want %s", h, err, s.HashObjRemoveSign)
			}
			if owner, err := signing.Verify(received); owner != k.Public() || err != nil {
				t.Errorf("Verify = %s, %v, want %s", owner, err, k.Public())
			}
			again, err := k.Sign(received)
			if err != nil || canonical(t, again) != s.SignedWire {
				t.Errorf("signed again = %v, %v, want the same", again, err)
			}
		})
	}
}

func TestVerifyVectors(t *testing.T) {
	v := loadVectors(t)
	if len(v.Negative) != 10 {
		t.Errorf("%d vectors, want 10", len(v.Negative))
	}
	for _, n := range v.Negative {
		t.Run(n.Name, func(t *testing.T) {
			owner, err := signing.Verify(parseObject(t, n.Wire))
			want, _ := n.VerifyObj.(bool) // a text says what the library throws: not valid either
			if (err == nil) != want {
				t.Errorf("Verify = %s, %v, want ok = %v", owner, err, want)
			}
			if want && owner != publicA {
				t.Errorf("owner = %s, want %s", owner, publicA)
			}
		})
	}
	t.Run("signed over an old sign", func(t *testing.T) {
		o := parseObject(t, v.Trap.HashedText)
		if h, err := signing.HashObject(o); err != nil || !strings.HasSuffix(v.Trap.Sig, h) {
			t.Errorf("HashObject = %s, %v, want the end of %s", h, err, v.Trap.Sig)
		}
		o["sign"] = signing.Object{"owner": publicA, "sig": v.Trap.Sig}
		if owner, err := signing.Verify(o); err == nil {
			t.Errorf("Verify = %s, want an error", owner)
		}
	})
}

func TestDerivedVectors(t *testing.T) {
	d := loadVectors(t).Derived
	hashObject := func(o signing.Object) string {
		h, err := signing.HashObject(o)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	type row struct{ name, got, want string }
	rows := []row{
		{"node id", hashObject(signing.Object{"publicKey": d.NodeID.PublicKey, "cycleMarker": d.NodeID.CycleMarker}), d.NodeID.ID},
		{"node id text", canonical(t, signing.Object{"publicKey": d.NodeID.PublicKey, "cycleMarker": d.NodeID.CycleMarker}), d.NodeID.Canonical},
		{"selection number", hashObject(signing.Object{"cycleNumber": d.SelectionNum.CycleNumber, "selectionKey": d.SelectionNum.SelectionKey}), d.SelectionNum.Value},
		{"chat text", min(d.ChatID.From, d.ChatID.To) + max(d.ChatID.From, d.ChatID.To), d.ChatID.HashedText},
		{"chat id", signing.Hash([]byte(d.ChatID.HashedText)), d.ChatID.ChatID},
		{"proof of work text", canonical(t, signing.Object{"seed": d.ProofOfWork.Seed, "nonce": d.ProofOfWork.Nonce}), d.ProofOfWork.Canonical},
		{"proof of work", hashObject(signing.Object{"seed": d.ProofOfWork.Seed, "nonce": d.ProofOfWork.Nonce}), d.ProofOfWork.Hash},
		{"empty object", hashObject(signing.Object{}), d.EmptyObjectHash},
		{"empty array", signing.Hash(signing.MustCanonical([]any{})), d.EmptyArrayHash},
	}
	for _, a := range d.AliasHash {
		rows = append(rows, row{"alias " + a.Alias, signing.Hash([]byte(a.Alias)), a.Hash})
	}
	for _, r := range rows {
		if r.got != r.want || r.want == "" {
			t.Errorf("%s = %s, want %s", r.name, r.got, r.want)
		}
	}
}

func TestTagText(t *testing.T) {
	tag := loadVectors(t).Tag
	o := parseObject(t, tag.TaggedWire)
	delete(o, "tag")
	if got := canonical(t, o); got != tag.CanonicalUntagged || got == "{}" {
		t.Errorf("Canonical = %s, want %s", got, tag.CanonicalUntagged)
	}
}

func TestUserVectors(t *testing.T) {
	v := loadVectors(t)
	keys := map[string]*signing.UserKey{}
	for _, u := range v.UserKeys {
		k, err := signing.UserKeyFromSecret(u.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		if k.Address() != u.ShardusAddress64 || k.Address()[:40] != u.Address40 || k.PublicKey() != u.PublicKeyUncompressed {
			t.Errorf("key %s = %s %s", u.Name, k.Address(), k.PublicKey())
		}
		keys[u.Name] = k
	}
	if len(v.UserTx) != 9 || len(keys) != 2 {
		t.Errorf("%d transactions, %d keys, want 9, 2", len(v.UserTx), len(keys))
	}
	for _, tx := range v.UserTx {
		t.Run(tx.Name, func(t *testing.T) {
			unsigned, k := parseObject(t, tx.CanonicalUnsigned), keys[tx.Signer]
			if id, err := signing.TxID(unsigned); id != tx.TxID || err != nil {
				t.Errorf("TxID = %s, %v, want %s", id, err, tx.TxID)
			}
			if got := hex.EncodeToString(signing.PersonalDigest(tx.TxID)); got != tx.Eip191Digest {
				t.Errorf("digest = %s, want %s", got, tx.Eip191Digest)
			}
			signed, err := k.Sign(unsigned)
			if err != nil {
				t.Fatal(err)
			}
			if _, sig := signOf(t, signed); sig != tx.Sig {
				t.Errorf("sig = %s, want %s", sig, tx.Sig)
			}
			if got := canonical(t, signed); got != canonical(t, parseObject(t, tx.SignedTx)) {
				t.Errorf("Sign = %s, want %s", got, tx.SignedTx)
			}
			inject := parseObject(t, tx.InjectBody)
			received := parseObject(t, inject["tx"].(string))
			if owner, err := signing.VerifyTx(received); owner != k.Address() || err != nil {
				t.Errorf("VerifyTx = %s, %v, want %s", owner, err, k.Address())
			}
			if id, err := signing.TxID(received); id != tx.TxID || err != nil {
				t.Errorf("TxID as received = %s, %v, want %s", id, err, tx.TxID)
			}
		})
	}
}

// The token with which a node proves to an archiver that a peer id is its key.
func TestPeerTokenVector(t *testing.T) {
	k := nodeKeyA(t)
	token := signing.Object{
		"purpose": "liberdus-peer-token",
		"peerId":  k.Public(),
		"server":  "758b1c119412298802cd28dbfa394cdfeecc4074492d60844cc192d632d84de3",
		"expiry":  1795000000,
		"nonce":   "00112233445566778899aabbccddeeff",
	}
	h, err := signing.HashObject(token)
	if want := "039d011141a97f8058d63db8a1fdb6f4065bfbd48f7bc09351f2f8a2cd0c529a"; h != want || err != nil {
		t.Fatalf("HashObject = %s, %v, want %s", h, err, want)
	}
	sig := k.SignBytes(unhex(t, h))
	want := "cygKyXPP_4s8LGpz-o-IutyXzrNsSgm8ohRM7Jhh78WQ4yc5UOzi3cL3-FNe9tbK3WoE9Nj2JV00TEpq9VO0AA"
	if got := base64.RawURLEncoding.EncodeToString(sig); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
	if !signing.VerifyBytes(k.Public(), unhex(t, h), sig) {
		t.Error("VerifyBytes = false")
	}
}
