package signing_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// vectors is testdata/crypto-vectors.json, recorded from the published
// JavaScript libraries that its member _about names.
type vectors struct {
	HashKey  string
	Keypairs []struct{ Name, Seed, PublicKey, SecretKey string }
	Hash     []struct{ InputType, Input, InputHex, HashKey, Hash string }

	FromJS   []struct{ Name, Canonical, Hash string } `json:"canonical_from_js"`
	FromWire []struct{ Wire, Canonical, Hash string } `json:"canonical_from_wire"`
	Rejected []struct{ Wire string }                  `json:"wire_rejected"`
	SignRaw  []struct{ Key, MessageHex, Sig string }  `json:"sign_raw"`
	Negative []struct {
		Name, Wire string
		VerifyObj  any
	} `json:"verify_negative"`
	Trap    struct{ HashedText, Sig string } `json:"trap_presigned"`
	SignObj []struct {
		Name, Key, CanonicalUnsigned, Hash, HashObjRemoveSign, Sig, SignedWire string
	}
	Tag     struct{ CanonicalUntagged, TaggedWire string }
	Derived struct {
		NodeID       struct{ PublicKey, CycleMarker, Canonical, ID string }
		SelectionNum struct {
			CycleNumber         int
			SelectionKey, Value string
		}
		AliasHash       []struct{ Alias, Hash string }
		ChatID          struct{ From, To, HashedText, ChatID string }
		ProofOfWork     struct{ Seed, Nonce, Hash, Canonical string }
		EmptyObjectHash string
		EmptyArrayHash  string
	}
	UserKeys []struct{ Name, PrivateKey, PublicKeyUncompressed, Address40, ShardusAddress64 string }
	UserTx   []struct {
		Name, Signer, CanonicalUnsigned, TxID, Eip191Digest, Sig, SignedTx string
		InjectBody                                                         string
	}
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/crypto-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vectors) nodeKey(t *testing.T, name string) *signing.NodeKey {
	t.Helper()
	for _, p := range v.Keypairs {
		if p.Name == name {
			k, err := signing.NodeKeyFromSecret(p.SecretKey)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
	}
	t.Fatalf("no key %s", name)
	return nil
}
