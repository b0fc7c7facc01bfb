package signing

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// DefaultHashKeyHex is the BLAKE2b key of every known Shardus network.
const DefaultHashKeyHex = "69fa4195670576c0160d660c3be36556ff8d504725be8a59b5a96509e0c994bc"

// hashKey is DefaultHashKeyHex; fixed.
var hashKey = [32]byte(mustHex(DefaultHashKeyHex))

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Hash returns the hash of message in 64 lower-case hex digits: BLAKE2b-256
// keyed with [DefaultHashKeyHex].
func Hash(message []byte) string { return HashWithKey(hashKey, message) }

// HashWithKey is [Hash] in a network that has a key of its own.
func HashWithKey(key [32]byte, message []byte) string {
	sum := digest(key, message)
	return hex.EncodeToString(sum[:])
}

func digest(key [32]byte, message []byte) (sum [32]byte) {
	h, err := blake2b.New256(key[:])
	if err != nil {
		panic(fmt.Errorf("signing: blake2b: %w", err)) // only for keys over 64 bytes
	}
	h.Write(message)
	h.Sum(sum[:0])
	return sum
}

// HashObject returns the hash of the canonical text of o, a sign member included.
func HashObject(o Object) (string, error) {
	text, err := Canonical(o)
	if err != nil {
		return "", err
	}
	return Hash(text), nil
}

// HashUnsigned returns the hash of o without its own sign member: what a
// signature of o is over. A sign member of an object within o counts.
func HashUnsigned(o Object) (string, error) {
	sum, err := unsignedDigest(o)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:]), nil
}

func unsignedDigest(o Object) ([32]byte, error) {
	text, _, err := canonicalUnsigned(o)
	if err != nil {
		return [32]byte{}, err
	}
	return digest(hashKey, text), nil
}

// TxID returns the id of a transaction, which is its [HashUnsigned].
func TxID(tx Object) (string, error) { return HashUnsigned(tx) }
