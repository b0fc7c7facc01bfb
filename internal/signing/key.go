package signing

import (
	"errors"
	"fmt"
)

// The names of the signature schemes, in [Key] and in key files.
const (
	SchemeEd25519   = "ed25519"
	SchemeSecp256k1 = "secp256k1"
)

// A Key signs transactions. [NodeKey] and [UserKey] are Keys.
type Key interface {
	Address() string   // of the account, 64 lower-case hex digits
	PublicKey() string // lower-case hex
	Scheme() string    // SchemeEd25519 or SchemeSecp256k1
	Sign(Object) (Object, error)
}

var (
	_ Key = (*NodeKey)(nil)
	_ Key = (*UserKey)(nil)
)

// keyFromSecret returns the key of a scheme whose secret is given in hex.
func keyFromSecret(scheme, secret string) (Key, error) {
	switch scheme {
	case SchemeEd25519:
		k, err := NodeKeyFromSecret(secret)
		if err != nil {
			return nil, err
		}
		return k, nil
	case SchemeSecp256k1:
		k, err := UserKeyFromSecret(secret)
		if err != nil {
			return nil, err
		}
		return k, nil
	}
	return nil, fmt.Errorf("unknown type %.40q, want %q or %q", scheme, SchemeEd25519, SchemeSecp256k1)
}

// secretOf returns the secret of a key of this package in hex.
func secretOf(k Key) (string, error) {
	s, ok := k.(interface{ secret() string })
	if !ok {
		return "", errors.New("the key keeps its secret to itself")
	}
	return s.secret(), nil
}

// formatKey keeps secrets out of logs.
func formatKey(f fmt.State, k Key) { fmt.Fprintf(f, "%s:%s", k.Scheme(), k.PublicKey()) }
