package signing

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
)

// Curve returns the X25519 public key that belongs to an Ed25519 one, both in 64
// hex digits: u = (1+y)/(1-y) modulo 2^255-19 (RFC 7748 section 4.1), which is
// libsodium's crypto_sign_ed25519_pk_to_curve25519. Shardus nodes tell both.
func Curve(public string) (string, error) {
	raw, err := hex.DecodeString(public)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return "", errors.New("signing: an Ed25519 public key is 64 hex digits")
	}
	slices.Reverse(raw)
	raw[0] &= 0x7f // the sign of x
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	y, one := new(big.Int).SetBytes(raw), big.NewInt(1)
	inverse := new(big.Int).ModInverse(new(big.Int).Sub(one, y), p)
	if inverse == nil {
		return "", errors.New("signing: the Ed25519 public key has no X25519 form")
	}
	u := y.Add(y, one)
	u.Mod(u.Mul(u, inverse), p)
	slices.Reverse(u.FillBytes(raw))
	return hex.EncodeToString(raw), nil
}
