package ledger_test

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A town is a few users who do whatever they like to each other.
type town struct {
	l     *ledger.Ledger
	keys  []*signing.UserKey
	clock time.Time
	n     float64 // makes each transaction another
}

var (
	anyone = rapid.IntRange(0, 3)
	wealth = rapid.OneOf(
		rapid.Map(rapid.Int64Range(0, 60), lib),
		rapid.Map(rapid.Int64Range(0, 1<<62), big.NewInt),
		rapid.Just(toll), rapid.Just(fee), rapid.Just(lib(770)), rapid.Just(lib(20_000)), rapid.Just(maxBalance), rapid.Just(big.NewInt(-1)),
	)
	places = rapid.SampledFrom([]string{
		strings.Repeat("ab", 32), strings.Repeat("cd", 32), ledger.NetworkAccountID,
		signing.Hash([]byte("name1")), ledger.ChatID(userKey(0).Address(), userKey(1).Address()), // which others may come to have
	})
)

// deed draws a transaction, most of the time one that might be good.
func (w *town) deed(t *rapid.T) signing.Object {
	i, j := anyone.Draw(t, "who"), anyone.Draw(t, "whom")
	k, to := w.keys[i], w.keys[j].Address()
	amount := wealth.Draw(t, "amount")
	if rapid.IntRange(0, 4).Draw(t, "all") == 0 { // what one has, so that nothing is left for the fee
		amount = w.account(t, k.Address())["data"].(signing.Object)["balance"].(*big.Int)
	}
	place := places.Draw(t, "place")
	var tx signing.Object
	switch rapid.SampledFrom([]string{
		"register", "create", "create", "transfer", "message", "message", "message", "toll", "read", "require", "reclaim", "withdraw", "deposit", "deposit", "withdraw",
	}).Draw(t, "deed") {
	case "register":
		tx = registerTx(k, "name"+strconv.Itoa(j))
	case "create":
		tx = createTx(k, amount)
	case "transfer":
		tx = with(transferTx(k, to, amount), signing.Object{"deductTxFeeFromAmount": rapid.Bool().Draw(t, "deduct")})
	case "message":
		tx = messageTx(k, to, amount)
	case "toll":
		tx = tollTx(k, amount, rapid.SampledFrom([]string{"LIB", "USD"}).Draw(t, "unit"))
	case "read":
		tx = talkTx(k, "read", to)
	case "require":
		tx = requireTx(k, to, float64(rapid.IntRange(0, 3).Draw(t, "required")))
	case "reclaim":
		tx = talkTx(k, "reclaim_toll", to)
	case "deposit":
		tx = depositTx(k, place, amount)
	case "withdraw":
		if p, ok := w.account(t, k.Address())["operatorAccountInfo"].(signing.Object); ok && p["nominee"] != "" {
			place = p["nominee"].(string)
		}
		tx = withdrawTx(k, place)
	}
	w.n++
	return sign(k, with(tx, signing.Object{"timestamp": float64(w.clock.UnixMilli()), "n": w.n}))
}

// settle has everybody there, with money, a toll held for everybody and a stake:
// so most have something to do with each other.
func (w *town) settle(t *rapid.T) {
	put := func(k *signing.UserKey, tx signing.Object) {
		tx = with(tx, signing.Object{"timestamp": float64(w.clock.UnixMilli())})
		if r, err := w.l.Put(t.Context(), sign(k, tx)); err != nil || !r.Success {
			t.Fatal(r, err)
		}
	}
	for i, k := range w.keys {
		put(k, registerTx(k, "user"+strconv.Itoa(i)))
		put(k, createTx(k, lib(3000)))
	}
	for i, k := range w.keys {
		put(k, messageTx(k, w.keys[(i+1)%len(w.keys)].Address(), toll))
	}
	put(w.keys[0], depositTx(w.keys[0], strings.Repeat("ab", 32), lib(770)))
	w.clock = w.clock.Add(time.Millisecond)
}

func (w *town) account(t *rapid.T, id string) signing.Object {
	text, err := w.l.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// everything is all that the ledger holds.
func (w *town) everything(t *rapid.T) (accounts, receipts map[string]signing.Object) {
	accounts, err := w.l.All(false)
	if err != nil {
		t.Fatal(err)
	}
	if receipts, err = w.l.All(true); err != nil {
		t.Fatal(err)
	}
	return accounts, receipts
}

// changed are the ids whose account is another now.
func changed(before, after map[string]signing.Object) (ids []string) {
	for id, a := range after {
		if b := before[id]; b == nil || string(signing.MustCanonical(a)) != string(signing.MustCanonical(b)) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestBooks: whatever the users do, what there is stays what was made less what
// was burnt, nothing is negative, what is refused changes nothing, and what
// failed changes no more than the balance of who sent it.
func TestBooks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &town{clock: now}
		for i := range 4 {
			w.keys = append(w.keys, userKey(i))
		}
		d := newDisk()
		cfg := d.config()
		cfg.Now = func() time.Time { return w.clock }
		var err error
		if w.l, err = ledger.Open(cfg, discard()); err != nil {
			t.Fatal(err)
		}
		defer func() { w.l.Close() }()
		w.settle(t)
		accounts, receipts := w.everything(t)
		t.Repeat(map[string]func(*rapid.T){
			"deed": func(t *rapid.T) {
				tx := w.deed(t)
				r, err := w.l.Put(t.Context(), tx)
				if err != nil {
					t.Fatal(err)
				}
				accountsNow, receiptsNow := w.everything(t)
				ids := changed(accounts, accountsNow)
				sender, _ := tx["from"].(string)
				if sender == "" {
					sender = tx["nominator"].(string)
				}
				switch receipt := receiptsNow[r.TxID]; {
				case !r.Success && (len(ids) > 0 || len(receiptsNow) != len(receipts)):
					t.Fatalf("refused (%s), but changed %v", r.Reason, ids)
				case r.Success && receipt["success"] == false && len(slices.DeleteFunc(ids, func(id string) bool { return id == sender })) > 0:
					t.Fatalf("failed (%s), but changed %v", receipt["reason"], ids)
				case r.Success && len(receiptsNow) != len(receipts)+1:
					t.Fatal("no receipt")
				}
				accounts, receipts = accountsNow, receiptsNow
				checkBooks(t, accounts, receipts)
			},
			"wait": func(t *rapid.T) {
				w.clock = w.clock.Add(time.Duration(rapid.SampledFrom([]int{1, 1000, 1_800_000, 604_800_000}).Draw(t, "ms")) * time.Millisecond)
			},
			"restart": func(t *rapid.T) {
				if err := w.l.Close(); err != nil {
					t.Fatal(err)
				}
				if w.l, err = ledger.Open(cfg, discard()); err != nil {
					t.Fatal(err)
				}
				again, _ := w.everything(t)
				if ids := changed(accounts, again); len(ids) > 0 || !maps.EqualFunc(accounts, again, func(a, b signing.Object) bool { return a["hash"] == b["hash"] }) {
					t.Fatalf("a restart changed %v", ids)
				}
			},
		})
	})
}
