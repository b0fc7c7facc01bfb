package ledger_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"math/big"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
	}
	// Another value on the command line counts, as that of make soak.
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	// Pebble leaves this one behind when it cannot open a database, which a test
	// makes it do; TestCloseEndsEverything watches for it otherwise.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2.(*ConcurrencyLimitScheduler).periodicGranter"))
}

// now is where the clock of the tests stands: the time of the test vectors.
var now = time.UnixMilli(1_700_000_000_500)

const networkID = "52d545708708f41ed7162ff641626de0568b2bd098e5640233ce4a387d9c5aa8"

// fee is the fee of a transfer, toll what a new user wants for a memo.
var (
	fee  = big.NewInt(0xaacdb4f1e4cec4e)
	toll = hexInt("d581222e5e027627")
	one  = big.NewInt(1e18)
)

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return n
}

func lib(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), one) }

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func config() ledger.Config {
	cfg := ledger.Config{Dir: "/ledger", NetworkID: networkID, Now: func() time.Time { return now }}
	return ledger.OnFS(cfg, vfs.NewMem())
}

// open opens a ledger that ends with the test.
func open(t testing.TB, cfg ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// put demands that the ledger decides.
func put(t testing.TB, l *ledger.Ledger, tx signing.Object) ledger.Result {
	t.Helper()
	r, err := l.Put(context.Background(), tx)
	if err != nil {
		t.Fatalf("Put = %v", err)
	}
	return r
}

// accept puts a transaction that is accepted, and returns its receipt.
func accept(t testing.TB, l *ledger.Ledger, tx signing.Object) signing.Object {
	t.Helper()
	r := put(t, l, tx)
	if !r.Success {
		t.Fatalf("Put = %+v, want success", r)
	}
	return receipt(t, l, r.TxID)
}

// apply puts a transaction that must be accepted and applied.
func apply(t testing.TB, l *ledger.Ledger, k signing.Key, tx signing.Object) {
	t.Helper()
	if r := accept(t, l, sign(k, tx)); r["success"] != true {
		t.Fatalf("receipt %s, want success", signing.MustCanonical(r))
	}
}

func receipt(t testing.TB, l *ledger.Ledger, txID string) signing.Object {
	t.Helper()
	text, err := l.Receipt(context.Background(), txID)
	if err != nil || text == nil {
		t.Fatalf("Receipt = %s, %v", text, err)
	}
	return parse(t, text)
}

func account(t testing.TB, l *ledger.Ledger, id string) signing.Object {
	t.Helper()
	text, err := l.Account(context.Background(), id)
	if err != nil {
		t.Fatalf("Account(%s) = %v", id, err)
	}
	if text == nil {
		return nil
	}
	return parse(t, text)
}

func parse(t testing.TB, text []byte) signing.Object {
	t.Helper()
	o, err := signing.ParseObject(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func balance(t testing.TB, l *ledger.Ledger, id string) *big.Int {
	t.Helper()
	a := account(t, l, id)
	if a == nil {
		t.Fatalf("no account %s", id)
	}
	return a["data"].(signing.Object)["balance"].(*big.Int)
}

// checkHash demands that an account's hash is the one of its text with an empty hash.
func checkHash(t testing.TB, a signing.Object) {
	t.Helper()
	want, err := signing.HashObject(with(a, signing.Object{"hash": ""}))
	if err != nil || a["hash"] != want {
		t.Errorf("hash of %v = %v, want %s (%v)", a["id"], a["hash"], want, err)
	}
}

// users registers n users and returns their keys.
func users(t testing.TB, l *ledger.Ledger, n int) []*signing.UserKey {
	t.Helper()
	keys := make([]*signing.UserKey, n)
	var wg sync.WaitGroup
	for i := range keys {
		keys[i] = userKey(i)
		wg.Go(func() {
			r, err := l.Put(context.Background(), sign(keys[i], registerTx(keys[i], "user"+strconv.Itoa(i))))
			if err != nil || !r.Success {
				t.Errorf("Put = %+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	return keys
}

// checkSum demands that what there is is what the receipts say was made, less
// what they say was burnt.
func checkSum(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	accounts, err := l.All(false)
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := l.All(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a["type"] != "ChatAccount" { // whose hash is made when it is read
			checkHash(t, a)
		}
	}
	checkBooks(t, accounts, receipts)
}

// checkBooks is checkSum over what was read before.
func checkBooks(t interface {
	Helper()
	Errorf(format string, args ...any)
}, accounts, receipts map[string]signing.Object,
) {
	t.Helper()
	have, want := new(big.Int), new(big.Int)
	count := func(id string, amount any) {
		n := amount.(*big.Int)
		if n.Sign() < 0 {
			t.Errorf("%s has %d", id, n)
		}
		have.Add(have, n)
	}
	for id, a := range accounts {
		switch a["type"] {
		case "UserAccount":
			count(id, a["data"].(signing.Object)["balance"])
			want.Add(want, lib(50))
			if staked, locked := stakes(a, accounts); staked.Cmp(locked) != 0 {
				t.Errorf("%s has %d staked, and %d are locked", id, staked, locked)
			}
		case "NodeAccount":
			count(id, a["stakeLock"])
		case "ChatAccount":
			for _, name := range []string{"payOnRead", "payOnReply"} {
				for _, n := range a["toll"].(signing.Object)[name].([]any) {
					count(id, n)
				}
			}
		}
	}
	for _, r := range receipts {
		want.Sub(want, burnt(r))
		if info, _ := r["additionalInfo"].(signing.Object); r["type"] == "create" && r["success"] == true {
			want.Add(want, info["amount"].(*big.Int))
		}
	}
	if have.Cmp(want) != 0 {
		t.Errorf("there is %d, want %d (%d accounts, %d receipts)", have, want, len(accounts), len(receipts))
	}
}

// stakes are what a user thinks it has staked, and what its node has locked.
func stakes(user signing.Object, accounts map[string]signing.Object) (staked, locked *big.Int) {
	staked, locked = new(big.Int), new(big.Int)
	if info, found := user["operatorAccountInfo"].(signing.Object); found {
		staked = info["stake"].(*big.Int)
		nominee := info["nominee"].(string)
		// A ledger of before nodes had keys of their own has them among the accounts.
		for _, node := range []signing.Object{accounts["stake on "+nominee], accounts[nominee]} {
			if n, found := node["stakeLock"].(*big.Int); found {
				locked.Add(locked, n)
			}
		}
	}
	return staked, locked
}

// burnt is what nobody has any more after the transaction of a receipt: the fee,
// the tax on a toll, and the odd wei of a toll that was halved.
func burnt(r signing.Object) *big.Int {
	sum := new(big.Int).Set(r["transactionFee"].(*big.Int))
	info, _ := r["additionalInfo"].(signing.Object)
	tax, _ := info["networkTollTaxFee"].(*big.Int)
	if tax == nil {
		return sum
	}
	sum.Add(sum, tax)
	if toll, paid := info["tollFee"].(*big.Int); paid && tax.Sign() == 0 { // not earned
		sum.Add(sum, new(big.Int).And(toll, big.NewInt(1)))
	}
	return sum
}
