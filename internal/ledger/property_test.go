package ledger_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A model is what the ledger must be like, in the fewest words: who has how
// much, and which names are given away.
type model struct {
	keys    []*signing.UserKey
	balance map[int]*big.Int // by user; absent: no account
	alias   map[int]string
	taken   map[string]bool
	noToll  map[[2]int]bool // {from, to}: a memo costs nothing
	chatted map[[2]int]bool
	n       float64 // makes each transaction another
}

var maxBalance = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

func (m *model) join(i int) {
	if m.balance[i] == nil {
		m.balance[i] = lib(50)
	}
}

// register gives name to i, and says whether the receipt says success.
func (m *model) register(i int, name string) bool {
	if m.alias[i] != "" || m.taken[name] {
		return false
	}
	m.join(i)
	m.alias[i], m.taken[name] = name, true
	return true
}

func (m *model) create(i int, amount *big.Int) bool {
	have := m.balance[i]
	if have == nil {
		have = lib(50)
	}
	sum := new(big.Int).Add(have, amount)
	if sum.Cmp(maxBalance) > 0 {
		return false
	}
	m.balance[i] = sum
	return true
}

// transfer says whether it is accepted, and then whether the receipt says success.
func (m *model) transfer(i, j int, amount, offered *big.Int, memo, deduct bool) (accepted, success bool) {
	paid, received := new(big.Int).Add(amount, fee), amount
	if deduct {
		paid, received = amount, new(big.Int).Sub(amount, fee)
	}
	switch {
	case m.balance[i] == nil || m.balance[j] == nil,
		m.balance[i].Cmp(paid) < 0,
		received.Sign() <= 0,
		memo && amount.Cmp(toll) < 0 && !m.noToll[[2]int{i, j}],
		offered.Cmp(fee) < 0:
		return false, false
	}
	if i != j && new(big.Int).Add(m.balance[j], received).Cmp(maxBalance) > 0 {
		m.balance[i] = new(big.Int).Sub(m.balance[i], fee)
		return true, false
	}
	m.balance[i] = new(big.Int).Sub(m.balance[i], paid)
	m.balance[j] = new(big.Int).Add(m.balance[j], received)
	if !m.chatted[[2]int{i, j}] { // who is written to first need not pay to answer
		m.chatted[[2]int{i, j}], m.chatted[[2]int{j, i}] = true, true
		m.noToll[[2]int{j, i}] = true
	}
	return true, true
}

// TestRandomTransactions: whatever comes in whatever order, the ledger does
// what the model does, and no money appears or is lost.
func TestRandomTransactions(t *testing.T) {
	t.Parallel()
	const people = 5
	keys := make([]*signing.UserKey, people)
	for i := range keys {
		keys[i] = userKey(i)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := newDisk()
		l, err := ledger.Open(d.config(), discard())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { l.Close() }()
		m := &model{
			keys: keys, balance: map[int]*big.Int{}, alias: map[int]string{}, taken: map[string]bool{},
			noToll: map[[2]int]bool{}, chatted: map[[2]int]bool{},
		}
		for i := range people { // to oneself, nobody owes a toll
			m.noToll[[2]int{i, i}] = true
		}
		who := rapid.IntRange(0, people-1)
		amounts := rapid.OneOf(
			rapid.Map(rapid.Int64Range(1, 60), lib),
			rapid.Map(rapid.Int64Range(1, 1<<62), big.NewInt),
			rapid.Just(maxBalance), rapid.Just(fee), rapid.Just(toll), rapid.Just(lib(50)),
		)
		send := func(i int, tx signing.Object, accepted, success bool) {
			m.n++
			signed := sign(keys[i], with(tx, signing.Object{"n": m.n}))
			for range 2 { // the second time changes nothing
				r, err := l.Put(t.Context(), signed)
				if err != nil || r.Success != accepted {
					t.Fatalf("Put = %+v, %v, want success %t", r, err, accepted)
				}
				text, err := l.Receipt(t.Context(), r.TxID)
				if err != nil || (text != nil) != accepted {
					t.Fatalf("Receipt = %s, %v", text, err)
				}
				if o, _ := signing.ParseObject(text); accepted && o["success"] != success {
					t.Fatalf("receipt %s, want success %t", text, success)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				i, name := who.Draw(t, "who"), rapid.StringMatching("[a-d]").Draw(t, "name")
				send(i, registerTx(keys[i], name), true, m.register(i, name))
			},
			"create": func(t *rapid.T) {
				i, amount := who.Draw(t, "who"), amounts.Draw(t, "amount")
				send(i, createTx(keys[i], amount), true, m.create(i, amount))
			},
			"transfer": func(t *rapid.T) {
				i, j, amount := who.Draw(t, "from"), who.Draw(t, "to"), amounts.Draw(t, "amount")
				offered := rapid.SampledFrom([]*big.Int{fee, lib(1), new(big.Int)}).Draw(t, "fee")
				memo, deduct := rapid.Bool().Draw(t, "memo"), rapid.Bool().Draw(t, "deduct")
				tx := with(transferTx(keys[i], keys[j].Address(), amount), signing.Object{"fee": offered, "deductTxFeeFromAmount": deduct})
				if memo {
					tx["memo"] = "hello"
				}
				accepted, success := m.transfer(i, j, amount, offered, memo, deduct)
				send(i, tx, accepted, success)
			},
			"restart": func(t *rapid.T) {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if l, err = ledger.Open(d.config(), discard()); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) { m.check(t, l) },
		})
	})
}

// check compares every balance, and the sum.
func (m *model) check(t *rapid.T, l *ledger.Ledger) {
	accounts, err := l.All(false)
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := l.All(true)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range m.keys {
		a := accounts[k.Address()]
		if (a != nil) != (m.balance[i] != nil) {
			t.Fatalf("user %d: account %v, want one: %t", i, a, m.balance[i] != nil)
		}
		if a == nil {
			continue
		}
		if b := a["data"].(signing.Object)["balance"].(*big.Int); b.Cmp(m.balance[i]) != 0 {
			t.Fatalf("user %d has %d, want %d", i, b, m.balance[i])
		}
	}
	checkBooks(t, accounts, receipts)
}
