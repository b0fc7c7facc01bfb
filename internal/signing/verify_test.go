package signing_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestSignLeavesTheObjectAlone(t *testing.T) {
	for _, k := range []signing.Key{nodeKeyA(t), userKey1(t)} {
		o := signing.Object{"a": 1, "sign": signing.Object{"owner": "old"}}
		signed, err := k.Sign(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := canonical(t, o); got != `{"a":1,"sign":{"owner":"old"}}` {
			t.Errorf("after Sign the object is %s", got)
		}
		if owner, err := signing.VerifyTx(signed); owner != k.Address() || err != nil {
			t.Errorf("%s: VerifyTx = %s, %v, want %s", k.Scheme(), owner, err, k.Address())
		}
		if signed, err := k.Sign(nil); err != nil || len(signed) != 1 {
			t.Errorf("Sign(nil) = %v, %v", signed, err)
		}
		if _, err := k.Sign(signing.Object{"a": struct{}{}}); err == nil {
			t.Error("Sign of a struct = nil error")
		}
	}
}

func TestRandomKeysSign(t *testing.T) {
	node, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	user, err := signing.NewUserKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []signing.Key{node, user} {
		signed, err := k.Sign(signing.Object{"n": big.NewInt(7)})
		if err != nil {
			t.Fatal(err)
		}
		if owner, err := signing.VerifyTx(parseObject(t, canonical(t, signed))); owner != k.Address() || err != nil {
			t.Errorf("%s: VerifyTx = %s, %v, want %s", k.Scheme(), owner, err, k.Address())
		}
		signed["n"] = big.NewInt(8)
		if _, err := signing.VerifyTx(signed); !errors.Is(err, signing.ErrBadSignature) {
			t.Errorf("%s: VerifyTx of a changed object = %v", k.Scheme(), err)
		}
	}
	if _, err := signing.Verify(signing.Object{}); !errors.Is(err, signing.ErrNoSignature) {
		t.Errorf("Verify = %v, want %v", err, signing.ErrNoSignature)
	}
}

func TestVerifyBy(t *testing.T) {
	k := nodeKeyA(t)
	signed, err := k.Sign(signing.Object{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	_, sig := signOf(t, signed)
	upper := signing.Object{"a": 1, "sign": signing.Object{"owner": strings.ToUpper(publicA), "sig": sig}}
	if owner, err := signing.Verify(upper); owner != publicA || err != nil {
		t.Errorf("Verify of upper case = %s, %v, want %s", owner, err, publicA)
	}
	for _, tt := range []struct {
		name  string
		o     signing.Object
		owner string
		want  error
	}{
		{"its owner", signed, publicA, nil},
		{"another owner", signed, strings.Repeat("0", 64), signing.ErrBadSignature},
		{"no owner", signed, "", signing.ErrBadSignature},
		{"upper case", upper, publicA, signing.ErrBadSignature},
		{"changed", signing.Object{"a": 2, "sign": signed["sign"]}, publicA, signing.ErrBadSignature},
		{"unsigned", signing.Object{"a": 1}, publicA, signing.ErrNoSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := signing.VerifyBy(tt.o, tt.owner); !errors.Is(err, tt.want) {
				t.Errorf("VerifyBy = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyMalformedSign(t *testing.T) {
	for _, tt := range []struct {
		name string
		sign any
		want error
	}{
		{"null", nil, signing.ErrNoSignature},
		{"text", "x", signing.ErrNoSignature},
		{"array", []any{}, signing.ErrNoSignature},
		{"empty", signing.Object{}, signing.ErrNoSignature},
		{"owner alone", signing.Object{"owner": publicA}, signing.ErrNoSignature},
		{"sig alone", signing.Object{"sig": "00"}, signing.ErrNoSignature},
		{"numbers", signing.Object{"owner": 1.0, "sig": 2.0}, signing.ErrNoSignature},
		{"empty strings", signing.Object{"owner": "", "sig": ""}, signing.ErrBadSignature},
		{"not hex", signing.Object{"owner": strings.Repeat("g", 64), "sig": strings.Repeat("0", 192)}, signing.ErrBadSignature},
		{"sig not hex", signing.Object{"owner": publicA, "sig": strings.Repeat("g", 192)}, signing.ErrBadSignature},
		{"zeros", signing.Object{"owner": publicA, "sig": strings.Repeat("0", 192)}, signing.ErrBadSignature},
		{"0x alone", signing.Object{"owner": publicA, "sig": "0x"}, signing.ErrBadSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := signing.Object{"a": 1, "sign": tt.sign}
			if _, err := signing.Verify(o); !errors.Is(err, tt.want) {
				t.Errorf("Verify = %v, want %v", err, tt.want)
			}
			if _, err := signing.VerifyTx(o); !errors.Is(err, tt.want) {
				t.Errorf("VerifyTx = %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("no canonical text", func(t *testing.T) {
		buffer := signing.Object{"type": "Buffer", "data": []any{"x"}}
		node := signing.Object{"b": buffer, "sign": signing.Object{"owner": publicA, "sig": strings.Repeat("0", 192)}}
		if _, err := signing.Verify(node); !errors.Is(err, signing.ErrBadSignature) {
			t.Errorf("Verify = %v", err)
		}
		user := signing.Object{"b": buffer, "sign": signing.Object{"owner": strings.Repeat("0", 64), "sig": "0x" + strings.Repeat("0", 130)}}
		if _, err := signing.VerifyTx(user); !errors.Is(err, signing.ErrBadSignature) {
			t.Errorf("VerifyTx = %v", err)
		}
	})
}

// Anybody can make these signatures; crypto/ed25519 alone takes the first of them.
func TestVerifyRefusesWeakKeys(t *testing.T) {
	identity := "01" + strings.Repeat("00", 31)
	for _, public := range []string{
		identity,
		strings.Repeat("00", 32),
		strings.Repeat("00", 31) + "80",
		"ec" + strings.Repeat("ff", 30) + "7f",
		"ed" + strings.Repeat("ff", 30) + "7f", // zero, written as p
		"ee" + strings.Repeat("ff", 30) + "7f", // one, written as p+1
		"ee" + strings.Repeat("ff", 31),
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"f0" + strings.Repeat("ff", 30) + "7f", // y = 3, written as p+3
	} {
		// S = 0 and R = the identity, or R = the key, satisfy the equation for
		// some messages, whatever is signed.
		for _, r := range []string{identity, public} {
			sig := unhex(t, r+strings.Repeat("00", 32))
			for i := range 16 {
				if signing.VerifyBytes(public, fmt.Appendf(nil, "message %d", i), sig) {
					t.Fatalf("VerifyBytes by %s = true", public)
				}
			}
		}
	}
}

func TestVerifyBytesMalformed(t *testing.T) {
	k, msg := nodeKeyA(t), []byte("m")
	sig := k.SignBytes(msg)
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	twin := slices.Clone(sig) // S + L: the same signature, written otherwise
	carry := 0
	for i := range order {
		carry += int(twin[32+i]) + int(order[i])
		twin[32+i], carry = byte(carry), carry>>8
	}
	for _, tt := range []struct {
		name, public string
		sig          []byte
		want         bool
	}{
		{"right", publicA, sig, true},
		{"upper case", strings.ToUpper(publicA), sig, true},
		{"short key", publicA[:62], sig, false},
		{"no key", "", sig, false},
		{"short signature", publicA, sig[:63], false},
		{"long signature", publicA, append(sig[:64:64], 0), false},
		{"no signature", publicA, nil, false},
		{"S beyond the order", publicA, twin, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := signing.VerifyBytes(tt.public, msg, tt.sig); got != tt.want {
				t.Errorf("VerifyBytes = %v, want %v", got, tt.want)
			}
		})
	}
}
