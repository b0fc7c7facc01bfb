package ledger_test

import (
	"bytes"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// lines reads a file of JSON texts, one a line, that a real network answered.
func lines(t testing.TB, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte{'\n'})
}

// TestRealAccounts: accounts of a real network survive decoding byte for byte,
// their hash made anew.
func TestRealAccounts(t *testing.T) {
	for _, want := range lines(t, "accounts.jsonl") {
		got, err := ledger.Recode(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestNetworkAccount: a new ledger's network account is the one of a real
// network but for its id, its time and the hash.
func TestNetworkAccount(t *testing.T) {
	l := open(t, config())
	got := account(t, l, ledger.NetworkAccountID)
	checkHash(t, got)
	for _, text := range lines(t, "accounts.jsonl") {
		want := parse(t, text)
		if want["type"] != "NetworkAccount" {
			continue
		}
		own := signing.Object{"networkId": networkID, "timestamp": float64(now.UnixMilli()), "hash": got["hash"]}
		if g, w := signing.MustCanonical(got), signing.MustCanonical(with(want, own)); !bytes.Equal(g, w) {
			t.Errorf("got  %s\nwant %s", g, w)
		}
	}
}

// TestRealReceipts: the transactions of a recorded network give its receipts.
func TestRealReceipts(t *testing.T) {
	for i, text := range lines(t, "receipts.jsonl") {
		want := parse(t, text)
		t.Run(strconv.Itoa(i)+" "+want["type"].(string), func(t *testing.T) {
			l := open(t, config())
			keys := []signing.Key{userKey(0), userKey(1)}
			to := keys[1].Address()
			tx := transferTx(keys[0], to, one)
			if want["type"] == "message" {
				tx = messageTx(keys[0], to, toll)
			}
			if want["type"] == "register" {
				tx = registerTx(keys[0], "alice1")
				to = tx["aliasHash"].(string)
				if want["success"] == false {
					apply(t, l, keys[0], registerTx(keys[0], "alice0"))
				}
			} else {
				users(t, l, 2)
			}
			signed := sign(keys[0], tx)
			got := accept(t, l, signed)
			id, _ := signing.TxID(signed)
			own := signing.Object{"from": keys[0].Address(), "to": to, "txId": id, "timestamp": float64(now.UnixMilli())}
			if g, w := signing.MustCanonical(got), signing.MustCanonical(with(want, own)); !bytes.Equal(g, w) {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		})
	}
}

func TestRegisterMakesTwoAccounts(t *testing.T) {
	l := open(t, config())
	k := userKey(0)
	tx := with(registerTx(k, "alice1"), signing.Object{"pqPublicKey": "AAAA", "private": true})
	apply(t, l, k, tx)

	name := account(t, l, tx["aliasHash"].(string))
	checkHash(t, name)
	for member, want := range map[string]any{
		"type": "AliasAccount", "inbox": "alice1", "address": k.Address(), "timestamp": float64(now.UnixMilli()), "id": tx["aliasHash"],
	} {
		if name[member] != want {
			t.Errorf("alias %s = %v, want %v", member, name[member], want)
		}
	}
	if len(name) != 6 {
		t.Errorf("alias account has %d members: %v", len(name), name)
	}
	u := account(t, l, k.Address())
	checkHash(t, u)
	for member, want := range map[string]any{
		"type": "UserAccount", "alias": "alice1", "id": k.Address(), "publicKey": k.PublicKey(), "pqPublicKey": "AAAA",
		"private": true, "timestamp": float64(now.UnixMilli()), "lastMaintenance": float64(now.UnixMilli()),
	} {
		if u[member] != want {
			t.Errorf("user %s = %v, want %v", member, u[member], want)
		}
	}
	if got := balance(t, l, k.Address()); got.Cmp(lib(50)) != 0 {
		t.Errorf("balance = %d, want 50 LIB", got)
	}
}

func TestEd25519User(t *testing.T) {
	l := open(t, config())
	k, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	apply(t, l, k, registerTx(k, "old"))
	apply(t, l, k, createTx(k, lib(1)))
	bob := userKey(0)
	apply(t, l, bob, registerTx(bob, "bob"))
	apply(t, l, k, transferTx(k, bob.Address(), one))
	if got := balance(t, l, bob.Address()); got.Cmp(lib(51)) != 0 {
		t.Errorf("bob has %d, want 51 LIB", got)
	}
	if got := account(t, l, k.Address())["publicKey"]; got != k.Address() {
		t.Errorf("publicKey = %v, want the address", got)
	}
	checkSum(t, l)
}

func TestCreate(t *testing.T) {
	l := open(t, config())
	k := userKey(0)
	for i, wantNew := range []bool{true, false} {
		r := accept(t, l, sign(k, createTx(k, big.NewInt(int64(i)+5))))
		info := r["additionalInfo"].(signing.Object)
		if info["newAccount"] != wantNew || info["amount"].(*big.Int).Int64() != int64(i)+5 || r["to"] != k.Address() {
			t.Errorf("receipt %s", signing.MustCanonical(r))
		}
	}
	want := new(big.Int).Add(lib(50), big.NewInt(11))
	if got := balance(t, l, k.Address()); got.Cmp(want) != 0 {
		t.Errorf("balance = %d, want %d", got, want)
	}
	apply(t, l, k, registerTx(k, "late")) // the account is there, its name is not
}

func TestWei(t *testing.T) {
	for _, tt := range []struct {
		lib  string
		wei  string // empty: refused
		text string // as written again
	}{
		{"0.013", "13000000000000000", "0.013"},
		{"1", "1000000000000000000", "1.0"},
		{"10.0", "10000000000000000000", "10.0"},
		{"15.384615384615384615", "15384615384615384615", "15.384615384615384615"},
		{"0", "0", "0.0"},
		{"0.0000000000000000001", "", ""},
		{"-1", "", ""},
		{"1e3", "", ""},
		{"1_0", "", ""},
		{"1.-5", "", ""},
		{"", "", ""},
		{".5", "", ""},
	} {
		got, err := ledger.ParseWei(tt.lib)
		switch {
		case err != nil && tt.wei != "":
			t.Errorf("ParseWei(%q) = %v", tt.lib, err)
		case err == nil && got.String() != tt.wei:
			t.Errorf("ParseWei(%q) = %d, want %s", tt.lib, got, tt.wei)
		case err == nil && ledger.FormatWei(got) != tt.text:
			t.Errorf("FormatWei(%d) = %s, want %s", got, ledger.FormatWei(got), tt.text)
		}
	}
}

func TestUnknownIDs(t *testing.T) {
	l := open(t, config())
	for _, id := range []string{"", "zzz", "__proto__", strings.Repeat("a", 64), strings.Repeat("a", 1000), "\xff\x00"} {
		if a := account(t, l, id); a != nil {
			t.Errorf("Account(%.20q) = %v, want none", id, a)
		}
		if text, err := l.Receipt(t.Context(), id); text != nil || err != nil {
			t.Errorf("Receipt(%.20q) = %s, %v, want none", id, text, err)
		}
	}
}
