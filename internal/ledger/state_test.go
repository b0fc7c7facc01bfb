package ledger_test

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// vectors are transactions that a public wallet's own code signed.
type vectors struct {
	UserKeys []struct{ Name, PrivateKey string }
	UserTx   []struct{ Name, Signer, TxID, SignedTx string }
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/transactions.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// refusedByState are the reasons for which a new ledger refuses some of the
// wallet's transactions, by type.
var refusedByState = map[string]string{
	"toll":                 `Minimum "toll" allowed is 15.384615384615384615 LIB`,
	"update_toll_required": `tx "timestamp" field must be greater than the chat timestamp.`, // all have the same
	"reclaim_toll":         "user is trying to reclaim toll but the toll pool is empty",
	"deposit_stake":        "Nominator account has balance 47692307692307692310 less than the stake amount 1000000000000000000000",
}

func TestWalletTransactions(t *testing.T) {
	v := readVectors(t)
	u2, err := signing.UserKeyFromSecret(v.UserKeys[1].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, config())
	for _, tx := range v.UserTx {
		o := parse(t, []byte(tx.SignedTx))
		if tx.Name == "transfer" {
			// It carries a memo and less than the toll: the receiver must have written first.
			apply(t, l, u2, registerTx(u2, "bob2"))
			apply(t, l, u2, transferTx(u2, o["from"].(string), one))
		}
		got := put(t, l, o)
		want := ledger.Result{Success: true, Reason: "Transaction queued, poll for results.", Status: 200, TxID: tx.TxID}
		if reason := refusedByState[tx.Name]; reason != "" {
			want = ledger.Result{Reason: "PreCrack has failed. " + reason, Status: 500}
		}
		if got != want {
			t.Errorf("%s: Put = %+v, want %+v", tx.Name, got, want)
		}
		if !got.Success {
			continue
		}
		if r := receipt(t, l, tx.TxID); r["success"] != true {
			t.Errorf("%s: receipt %s", tx.Name, signing.MustCanonical(r))
		}
	}
	checkSum(t, l)
}

// TestStateRefusals: what the accounts refuse before a transfer is accepted.
func TestStateRefusals(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 3)
	a, b, secret, nobody := keys[0], keys[1], userKey(50), userKey(51)
	apply(t, l, secret, with(registerTx(secret, "secret"), signing.Object{"private": true}))
	apply(t, l, keys[2], transferTx(keys[2], a.Address(), one)) // opens a chat in which a owes no toll
	alias := signing.Hash([]byte("user0"))
	const poor = "from account doesn't have sufficient balance to cover the transaction"
	short := new(big.Int).Sub(fee, big.NewInt(1))
	memo := signing.Object{"memo": "hello"}
	almost := new(big.Int).Sub(toll, big.NewInt(1))

	for _, tt := range []struct {
		name string
		key  signing.Key
		tx   signing.Object
		want string // empty: accepted
	}{
		{"from a stranger", nobody, transferTx(nobody, a.Address(), one), "from account doesn't exist"},
		{"to a stranger", a, transferTx(a, nobody.Address(), one), "To account doesn't exist"},
		{"to the network", a, transferTx(a, ledger.NetworkAccountID, one), "to account is not a UserAccount"},
		{"to an alias", a, transferTx(a, alias, one), "to account is not a UserAccount"},
		{"to a chat", a, transferTx(a, ledger.ChatID(keys[2].Address(), a.Address()), one), "to account is not a UserAccount"},
		{"public to private", a, transferTx(a, secret.Address(), one), "Both accounts must have the same private value."},
		{"private to public", secret, transferTx(secret, a.Address(), one), "Both accounts must have the same private value."},
		{"too much", a, transferTx(a, b.Address(), lib(1000)), poor},
		{"all, nothing for the fee", a, transferTx(a, b.Address(), lib(51)), poor},
		{"too much, old", a, with(transferTx(a, b.Address(), lib(1000)), signing.Object{"timestamp": 1.0}), poor},
		{
			"too much, fee deducted", a, with(transferTx(a, b.Address(), lib(52)), signing.Object{"deductTxFeeFromAmount": true}),
			"from account doesn't have sufficient balance to cover the transfer amount",
		},
		{
			"less than the fee deducted", a, with(transferTx(a, b.Address(), fee), signing.Object{"deductTxFeeFromAmount": true}),
			"transfer amount must be greater than the transaction fee when deductTxFeeFromAmount is true",
		},
		{"memo under the toll", a, with(transferTx(a, b.Address(), almost), memo), "You must send at least 15.384615384615384615 LIB to this user."},
		{
			"encrypted memo under the toll", a,
			with(transferTx(a, b.Address(), almost), signing.Object{"xmemo": signing.Object{"message": "x"}}),
			"You must send at least 15.384615384615384615 LIB to this user.",
		},
		{
			"fee too low", a, with(transferTx(a, b.Address(), one), signing.Object{"fee": short}),
			"The network transaction fee (769230769230769230) is greater than the transaction fee provided (769230769230769229).",
		},
		{"memo for the toll", a, with(transferTx(a, b.Address(), toll), memo), ""},
		{"memo to who wrote first", a, with(transferTx(a, keys[2].Address(), one), memo), ""},
		{"empty memos", a, with(transferTx(a, b.Address(), one), signing.Object{"memo": "", "xmemo": signing.Object{}}), ""},
		{"memo null", a, with(transferTx(a, b.Address(), one), signing.Object{"memo": nil, "xmemo": nil}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := put(t, l, sign(tt.key, tt.tx))
			want := ledger.Result{Reason: "PreCrack has failed. " + tt.want, Status: 500}
			if tt.want == "" {
				want = ledger.Result{Success: true, Reason: "Transaction queued, poll for results.", Status: 200, TxID: got.TxID}
			}
			if got != want {
				t.Errorf("Put = %+v, want %+v", got, want)
			}
		})
	}
	checkSum(t, l)
}

// TestFailedReceipts: what is accepted and then found wrong.
func TestFailedReceipts(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	a, b, c := keys[0], keys[1], userKey(7)
	most := new(big.Int).Lsh(big.NewInt(1), 256)
	most.Sub(most, big.NewInt(1))
	full := new(big.Int).Sub(most, lib(50))
	apply(t, l, a, createTx(a, full))
	overflow := func(have, more *big.Int) string {
		return "Overflow: " + have.String() + " + " + more.String() + " > " + most.String()
	}
	for _, tt := range []struct {
		name string
		key  signing.Key
		tx   signing.Object
		want string
		fee  *big.Int
	}{
		{"second alias", b, registerTx(b, "another"), "User has already registered an alias", new(big.Int)},
		{"alias of another", c, registerTx(c, "user0"), "This alias is already taken", new(big.Int)},
		{"empty alias", c, registerTx(c, ""), "This alias is already taken", new(big.Int)},
		{"created over the limit", a, createTx(a, one), overflow(most, one), new(big.Int)},
		{"sent over the limit", b, transferTx(b, a.Address(), one), overflow(most, one), fee},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := accept(t, l, sign(tt.key, tt.tx))
			if r["success"] != false || r["reason"] != tt.want || r["transactionFee"].(*big.Int).Cmp(tt.fee) != 0 {
				t.Errorf("receipt %s, want %q and fee %d", signing.MustCanonical(r), tt.want, tt.fee)
			}
		})
	}
	if account(t, l, c.Address()) != nil || account(t, l, signing.Hash([]byte("another"))) != nil {
		t.Error("a failed register left an account behind")
	}
	if got, want := balance(t, l, b.Address()), new(big.Int).Sub(lib(50), fee); got.Cmp(want) != 0 {
		t.Errorf("failed sender has %d, want %d", got, want)
	}
	checkSum(t, l)
}

// TestWindow: the edges of the window are inside, and a fraction of a
// millisecond is cut.
func TestWindow(t *testing.T) {
	l := open(t, config())
	k := userKey(0)
	for _, ms := range []float64{-5000, 5000, 5000.9, -0.5} {
		r := accept(t, l, sign(k, with(createTx(k, one), signing.Object{"timestamp": float64(now.UnixMilli()) + ms})))
		if want := math.Floor(float64(now.UnixMilli()) + ms); r["timestamp"] != want {
			t.Errorf("timestamp %v, want %v", r["timestamp"], want)
		}
	}
	cfg := config()
	cfg.TxWindow = time.Second
	late := with(createTx(k, one), signing.Object{"timestamp": float64(now.UnixMilli() - 1001)})
	if r := put(t, open(t, cfg), sign(k, late)); r.Reason != "Transaction timestamp out of range" {
		t.Errorf("Put = %+v, want out of range", r)
	}
}
