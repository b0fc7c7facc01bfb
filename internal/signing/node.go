package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
)

// Errors that Verify, VerifyBy and VerifyTx wrap with the detail.
var (
	ErrNoSignature  = errors.New("object is not signed")
	ErrBadSignature = errors.New("signature is not valid")
)

// A NodeKey is the Ed25519 key of a node, an archiver or a user of the old
// scheme. Its public key is its address.
type NodeKey struct {
	private ed25519.PrivateKey
	public  string
}

// NewNodeKey makes a random key.
func NewNodeKey() (*NodeKey, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("signing: new node key: %w", err)
	}
	return nodeKey(private), nil
}

// NodeKeyFromSecret takes the secret key of libsodium in 128 hex digits (seed
// and public key, which must belong together), or the seed alone in 64.
func NodeKeyFromSecret(secret string) (*NodeKey, error) {
	raw, err := hex.DecodeString(secret)
	if err != nil || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, errors.New("signing: an Ed25519 secret key is 128 hex digits, or 64 of a seed")
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, private) {
		return nil, errors.New("signing: the two halves of the Ed25519 secret key do not belong together")
	}
	return nodeKey(private), nil
}

func nodeKey(private ed25519.PrivateKey) *NodeKey {
	return &NodeKey{private: private, public: hex.EncodeToString(private[ed25519.SeedSize:])}
}

// Public returns the public key in 64 lower-case hex digits.
func (k *NodeKey) Public() string { return k.public }

// Address is the public key.
func (k *NodeKey) Address() string { return k.public }

// PublicKey is the public key.
func (k *NodeKey) PublicKey() string { return k.public }

// Scheme is "ed25519".
func (k *NodeKey) Scheme() string { return SchemeEd25519 }

// Format shows the public key and nothing else, whatever the verb.
func (k NodeKey) Format(f fmt.State, _ rune) { formatKey(f, &k) }

func (k *NodeKey) secret() string { return hex.EncodeToString(k.private) }

// SignBytes returns the bare 64-byte signature of msg.
func (k *NodeKey) SignBytes(msg []byte) []byte { return ed25519.Sign(k.private, msg) }

// Sign returns a copy of o with the member sign, {"owner","sig"}: the public
// key, and in 192 hex digits the signature of the 32 bytes of o's hash,
// followed by them. A sign member that o has is dropped first.
func (k *NodeKey) Sign(o Object) (Object, error) {
	sum, err := unsignedDigest(o)
	if err != nil {
		return nil, err
	}
	sig := append(k.SignBytes(sum[:]), sum[:]...)
	return withSign(o, k.public, hex.EncodeToString(sig)), nil
}

func withSign(o Object, owner, sig string) Object {
	signed := maps.Clone(o)
	if signed == nil {
		signed = Object{}
	}
	signed[signMember] = Object{ownerMember: owner, sigMember: sig}
	return signed
}

// signature returns the two members of o's sign.
func signature(o Object) (owner, sig string, err error) {
	sign, _ := o[signMember].(Object)
	owner, hasOwner := sign[ownerMember].(string)
	sig, hasSig := sign[sigMember].(string)
	if !hasOwner || !hasSig {
		return "", "", fmt.Errorf("signing: %w: it has no sign with the strings owner and sig", ErrNoSignature)
	}
	return owner, sig, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("signing: %w: %w", ErrBadSignature, fmt.Errorf(format, args...))
}

// Verify checks the Ed25519 signature of o and returns who made it, in lower
// case. Any hex digits are taken, as libsodium does; to demand a certain signer use
// [VerifyBy]. Members of sign other than owner and sig are not covered.
func Verify(o Object) (owner string, err error) {
	owner, sig, err := signature(o)
	if err != nil {
		return "", err
	}
	sum, err := unsignedDigest(o)
	if err != nil {
		return "", bad("%w", err)
	}
	return verifyNode(sum, owner, sig)
}

// verifyNode checks the signature that a [NodeKey] made of an object's hash.
func verifyNode(sum [32]byte, owner, sig string) (signer string, err error) {
	public, ok := decodeHex(owner, ed25519.PublicKeySize)
	if !ok {
		return "", bad("owner is not 64 hex digits")
	}
	combined, ok := decodeHex(sig, ed25519.SignatureSize+32)
	if !ok {
		return "", bad("sig is not 192 hex digits")
	}
	if !bytes.Equal(combined[ed25519.SignatureSize:], sum[:]) {
		return "", bad("it is of another object")
	}
	if !verifyEd25519(public, sum[:], combined[:ed25519.SignatureSize]) {
		return "", bad("not made by its owner")
	}
	return hex.EncodeToString(public), nil
}

// VerifyBy checks that o is signed by owner, to the letter: another spelling
// of the same key is refused.
func VerifyBy(o Object, owner string) error {
	got, _, err := signature(o)
	if err != nil {
		return err
	}
	if got != owner {
		return bad("owner is %.64q, want %q", got, owner)
	}
	_, err = Verify(o)
	return err
}

// VerifyBytes reports whether sig is the bare 64-byte signature of msg by the
// key that public is the hex of.
func VerifyBytes(public string, msg, sig []byte) bool {
	key, ok := decodeHex(public, ed25519.PublicKeySize)
	return ok && verifyEd25519(key, msg, sig)
}

// decodeHex decodes exactly n bytes.
func decodeHex(s string, n int) ([]byte, bool) {
	if len(s) != 2*n {
		return nil, false
	}
	b, err := hex.DecodeString(s)
	return b, err == nil
}
