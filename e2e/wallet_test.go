package e2e

import (
	"math/big"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// lib returns n LIB in the smallest unit.
func lib(n int64) *big.Int {
	return new(big.Int).Mul(big.NewInt(n), new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))
}

// A wallet signs transactions of one user for one network.
type wallet struct {
	key     *signing.UserKey
	network string
}

func newWallet(t *testing.T, network string) wallet {
	t.Helper()
	key, err := signing.NewUserKey()
	if err != nil {
		t.Fatal(err)
	}
	return wallet{key, network}
}

func (w wallet) id() string { return w.key.Address() }

// sign completes a transaction with what all of them have and returns its text and id.
func (w wallet) sign(tx signing.Object) (text, txID string, err error) {
	tx["from"] = w.id()
	tx["networkId"] = w.network
	tx["timestamp"] = time.Now().UnixMilli()
	signed, err := w.key.Sign(tx)
	if err != nil {
		return "", "", err
	}
	raw, err := signing.Canonical(signed)
	if err != nil {
		return "", "", err
	}
	txID, err = signing.TxID(signed)
	return string(raw), txID, err
}

// register makes the transaction that creates the account of the user and of the alias.
func (w wallet) register(alias string) (text, txID string, err error) {
	return w.sign(signing.Object{
		"type": "register", "alias": alias, "aliasHash": signing.Hash([]byte(alias)),
		"publicKey": w.key.PublicKey(), "private": false,
	})
}

// create makes a transaction that gives the user test funds.
func (w wallet) create(amount *big.Int) (text, txID string, err error) {
	return w.sign(signing.Object{"type": "create", "amount": amount})
}

// settle injects a registration through the door and demands that it was accepted and applied.
func (w wallet) settle(t *testing.T, d door, alias string) {
	t.Helper()
	text, txID, err := w.register(alias)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.inject(text)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Success || got.TxID != txID {
		t.Fatalf("inject register = %+v, want success and txId %s", got, txID)
	}
	applied(t, d, txID)
}

// applied demands a receipt that says success.
func applied(t *testing.T, d door, txID string) {
	t.Helper()
	receipt, err := d.receipt(txID)
	if err != nil {
		t.Fatal(err)
	}
	if receipt["success"] != true {
		t.Fatalf("receipt of %s = %v, want success", txID, receipt)
	}
}

func balance(account signing.Object) *big.Int {
	data, _ := account["data"].(signing.Object)
	amount, _ := data["balance"].(*big.Int)
	return amount
}
