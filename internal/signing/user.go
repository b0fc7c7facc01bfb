package signing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

// addressPadding fills a 20-byte Ethereum address up to the length of a
// Shardus address.
const addressPadding = "000000000000000000000000"

// sigPrefix marks a secp256k1 signature: "0x", then r, s and v in 130 hex digits.
const sigPrefix = "0x"

// The two recovery ids that Ethereum writes.
const (
	recoveryEven = 0x1b
	recoveryOdd  = 0x1c
)

// A UserKey is the secp256k1 key of a user.
type UserKey struct {
	private *secp256k1.PrivateKey
	public  string
	address string
}

// NewUserKey makes a random key.
func NewUserKey() (*UserKey, error) {
	private, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, fmt.Errorf("signing: new user key: %w", err)
	}
	return userKey(private), nil
}

// UserKeyFromSecret takes a private key in 64 hex digits, with or without 0x.
func UserKeyFromSecret(secret string) (*UserKey, error) {
	raw, ok := decodeHex(strings.TrimPrefix(secret, "0x"), 32)
	if !ok {
		return nil, errors.New("signing: a secp256k1 secret key is 64 hex digits")
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(raw); overflow || scalar.IsZero() {
		return nil, errors.New("signing: the secp256k1 secret key is not between 1 and the order of the curve")
	}
	return userKey(secp256k1.NewPrivateKey(&scalar)), nil
}

func userKey(private *secp256k1.PrivateKey) *UserKey {
	public := private.PubKey()
	return &UserKey{
		private: private,
		public:  hex.EncodeToString(public.SerializeUncompressed()),
		address: userAddress(public),
	}
}

// userAddress is the last 20 bytes of the hash of the key's coordinates, padded.
func userAddress(public *secp256k1.PublicKey) string {
	sum := keccak(public.SerializeUncompressed()[1:])
	return hex.EncodeToString(sum[12:]) + addressPadding
}

func keccak(parts ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Address returns the account address in 64 lower-case hex digits, of which
// the first 40 are the Ethereum address and the others zeros.
func (k *UserKey) Address() string { return k.address }

// PublicKey returns the uncompressed public key in 130 hex digits, "04" first.
func (k *UserKey) PublicKey() string { return k.public }

// Scheme is "secp256k1".
func (k *UserKey) Scheme() string { return SchemeSecp256k1 }

// Format shows the public key and nothing else, whatever the verb.
func (k UserKey) Format(f fmt.State, _ rune) { formatKey(f, &k) }

func (k *UserKey) secret() string { return hex.EncodeToString(k.private.Serialize()) }

// Sign returns a copy of tx with the member sign, {"owner","sig"}: the
// address, and the signature of the EIP-191 personal message that is the
// 64-character text of the transaction's id. A sign member that tx has is dropped.
func (k *UserKey) Sign(tx Object) (Object, error) {
	id, err := TxID(tx)
	if err != nil {
		return nil, err
	}
	compact := ecdsa.SignCompact(k.private, personalDigest(id), false) // v, r, s
	v, rs := compact[0], compact[1:]
	if v != recoveryEven && v != recoveryOdd {
		return nil, errors.New("signing: this signature has no Ethereum form") // one in 2^127
	}
	sig := sigPrefix + hex.EncodeToString(rs) + hex.EncodeToString([]byte{v})
	return withSign(tx, k.address, sig), nil
}

func personalDigest(id string) []byte {
	return keccak([]byte("\x19Ethereum Signed Message:\n64"), []byte(id))
}

// VerifyTx is [Tx.Verify] of tx.
func VerifyTx(tx Object) (owner string, err error) {
	if _, _, err := signature(tx); err != nil {
		return "", err
	}
	t, err := NewTx(tx)
	if err != nil {
		return "", bad("%w", err)
	}
	return t.Verify()
}

// verifyUser checks the signature that a [UserKey] made, without its 0x, of the
// transaction with that id.
func verifyUser(id, owner, digits string) (signer string, err error) {
	address, ok := decodeHex(owner, 32)
	if !ok || !bytes.Equal(address[20:], make([]byte, 12)) {
		return "", bad("owner is not an address: 40 hex digits and 24 zeros")
	}
	rsv, ok := decodeHex(digits, 65)
	if !ok {
		return "", bad("sig is not 0x and 130 hex digits")
	}
	if signer, err = recoverAddress(rsv, personalDigest(id)); err != nil {
		return "", bad("%w", err)
	}
	if signer != hex.EncodeToString(address) {
		return "", bad("not made by its owner")
	}
	return signer, nil
}

// recoverAddress returns whose signature rsv is. Each signature has a twin,
// with s and v turned round, that anybody can make; the one with the high s is refused.
func recoverAddress(rsv, digest []byte) (string, error) {
	v := rsv[64]
	if v != recoveryEven && v != recoveryOdd {
		return "", fmt.Errorf("v is %02x, want 1b or 1c", v)
	}
	var s secp256k1.ModNScalar
	if overflow := s.SetByteSlice(rsv[32:64]); overflow || s.IsOverHalfOrder() {
		return "", errors.New("s is not in the lower half")
	}
	compact := append([]byte{v}, rsv[:64]...)
	public, _, err := ecdsa.RecoverCompact(compact, digest)
	if err != nil {
		return "", err
	}
	return userAddress(public), nil
}
