package signing_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// curveOrder is the order of secp256k1.
const curveOrder = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

func TestVerifyTxRefuses(t *testing.T) {
	k := userKey1(t)
	tx := signing.Object{"type": "transfer", "timestamp": 1}
	signed, err := k.Sign(tx)
	if err != nil {
		t.Fatal(err)
	}
	owner, sig := signOf(t, signed)
	r, s, v := sig[2:66], sig[66:130], sig[130:]
	n, _ := new(big.Int).SetString(curveOrder, 16)
	low, _ := new(big.Int).SetString(s, 16)
	high := fmt.Sprintf("%064x", new(big.Int).Sub(n, low))
	other := map[string]string{"1b": "1c", "1c": "1b"}[v]
	half := fmt.Sprintf("%064x", new(big.Int).Add(new(big.Int).Rsh(n, 1), big.NewInt(1)))

	for _, tt := range []struct {
		name, owner, sig string
		want             string // within the error; "" is none
	}{
		{"as signed", owner, sig, ""},
		{"upper case", strings.ToUpper(owner), "0x" + strings.ToUpper(sig[2:]), ""},
		{"0X", owner, "0X" + sig[2:], "192 hex digits"},
		{"no 0x", owner, sig[2:], "192 hex digits"},
		{"the twin", owner, "0x" + r + high + other, "lower half"},
		{"high s", owner, "0x" + r + high + v, "lower half"},
		{"s just over half", owner, "0x" + r + half + v, "lower half"},
		{"s beyond the order", owner, "0x" + r + curveOrder + v, "lower half"},
		{"s zero", owner, "0x" + r + strings.Repeat("0", 64) + v, "S is 0"},
		{"r zero", owner, "0x" + strings.Repeat("0", 64) + s + v, "R is 0"},
		{"r beyond the order", owner, "0x" + strings.Repeat("f", 64) + s + v, "R >= group order"},
		{"other v", owner, "0x" + r + s + other, "not made by its owner"},
		{"v 00", owner, "0x" + r + s + "00", "v is 00"},
		{"v 01", owner, "0x" + r + s + "01", "v is 01"},
		{"v 1d", owner, "0x" + r + s + "1d", "v is 1d"},
		{"v 1f, a compressed key", owner, "0x" + r + s + "1f", "v is 1f"},
		{"too short", owner, sig[:130], "130 hex digits"},
		{"too long", owner, sig + "00", "130 hex digits"},
		{"not hex", owner, sig[:131] + "g", "130 hex digits"},
		{"another owner", strings.Repeat("1", 40) + strings.Repeat("0", 24), sig, "not made by its owner"},
		{"bare Ethereum address", owner[:40], sig, "owner is not an address"},
		{"0x address", "0x" + owner[:40], sig, "owner is not an address"},
		{"other padding", owner[:63] + "1", sig, "owner is not an address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := signing.Object{"type": "transfer", "timestamp": 1, "sign": signing.Object{"owner": tt.owner, "sig": tt.sig}}
			got, err := signing.VerifyTx(o)
			switch {
			case tt.want == "" && (got != k.Address() || err != nil):
				t.Errorf("VerifyTx = %s, %v, want %s", got, err, k.Address())
			case tt.want != "" && (!errors.Is(err, signing.ErrBadSignature) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("VerifyTx = %s, %v, want %v with %q", got, err, signing.ErrBadSignature, tt.want)
			}
		})
	}
	if _, err := signing.Verify(signed); !errors.Is(err, signing.ErrBadSignature) {
		t.Errorf("Verify of a user's signature = %v", err)
	}
}
