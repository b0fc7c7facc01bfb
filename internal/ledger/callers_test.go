package ledger_test

import (
	"context"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestSameTransactionLater: also long after, and after a restart, with another
// signature or none, a transaction that was accepted gets its first answer.
func TestSameTransactionLater(t *testing.T) {
	d, clock := newDisk(), now
	cfg := d.config()
	cfg.Now = func() time.Time { return clock }
	l := open(t, cfg)
	a, b := userKey(0), userKey(1)
	apply(t, l, a, registerTx(a, "alice"))
	good := sign(a, createTx(a, one))
	failing := sign(b, registerTx(b, "alice"))
	poor := sign(a, transferTx(a, a.Address(), lib(52)))
	want := map[string]ledger.Result{"good": put(t, l, good), "failing": put(t, l, failing), "poor": put(t, l, poor)}
	check := func(when string) {
		t.Helper()
		for name, tx := range map[string]signing.Object{"good": good, "failing": failing, "poor": poor} {
			if got := put(t, l, tx); got != want[name] {
				t.Errorf("%s, %s: %+v, want %+v", when, name, got, want[name])
			}
		}
		if got := put(t, l, with(good, signing.Object{"sign": missing{}})); got != want["good"] {
			t.Errorf("%s, unsigned: %+v, want %+v", when, got, want["good"])
		}
		if got := balance(t, l, a.Address()); got.Cmp(lib(51)) != 0 {
			t.Errorf("%s: balance = %d, want 51 LIB", when, got)
		}
	}
	check("at once")
	clock = now.Add(time.Hour)
	check("an hour later")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	check("after a restart")
	// What was refused was not decided for good: it is looked at anew.
	clock = now
	apply(t, l, a, createTx(a, lib(2)))
	if got := put(t, l, poor); !got.Success {
		t.Errorf("after the balance suffices: %+v", got)
	}
}

// TestManyCallers: goroutines of one process send the same and different
// transactions at once; each txId is applied once.
func TestManyCallers(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 4)
	var txs []signing.Object
	for n := range 25 {
		for i, k := range keys {
			tx := with(transferTx(k, keys[(i+1)%len(keys)].Address(), one), signing.Object{"n": float64(n)})
			txs = append(txs, sign(k, tx))
		}
	}
	var wg sync.WaitGroup
	answers := make([][]ledger.Result, 6)
	for i := range answers {
		answers[i] = make([]ledger.Result, len(txs))
		wg.Go(func() {
			for j := range txs {
				n := (j + i*7) % len(txs)
				r, err := l.Put(context.Background(), txs[n])
				if err != nil || !r.Success {
					t.Errorf("Put = %+v, %v", r, err)
				}
				answers[i][n] = r
				if _, err := l.Receipt(context.Background(), r.TxID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range answers {
		for n := range txs {
			if answers[i][n] != answers[0][n] {
				t.Errorf("caller %d, tx %d: %+v, want %+v", i, n, answers[i][n], answers[0][n])
			}
		}
	}
	each := new(big.Int).Mul(fee, big.NewInt(25)) // 25 out, 25 in
	for i, k := range keys {
		if got, want := balance(t, l, k.Address()), new(big.Int).Sub(lib(50), each); got.Cmp(want) != 0 {
			t.Errorf("user %d has %d, want %d", i, got, want)
		}
	}
	if l.InHand() != 0 {
		t.Errorf("%d slots held by nobody", l.InHand())
	}
	checkSum(t, l)
}

// TestRaceForAnAlias: many ask for the same name at once, one gets it.
func TestRaceForAnAlias(t *testing.T) {
	l := open(t, config())
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			k := userKey(i)
			r, err := l.Put(context.Background(), sign(k, registerTx(k, "same")))
			if err != nil || !r.Success {
				t.Errorf("Put = %+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	receipts, err := l.All(true)
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for _, r := range receipts {
		if r["success"] == true {
			winners++
		} else if r["reason"] != "This alias is already taken" {
			t.Errorf("reason %v", r["reason"])
		}
	}
	if winners != 1 || len(receipts) != 32 {
		t.Errorf("%d of %d got the name, want 1 of 32", winners, len(receipts))
	}
}
