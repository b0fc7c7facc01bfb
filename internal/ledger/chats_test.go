package ledger_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A pair of users writes to each other; each step is a second after the last.
type pair struct {
	l          *ledger.Ledger
	clock      time.Time
	alice, bob *signing.UserKey // alice's address is the greater one
	sent       int              // by at
}

func newPair(t testing.TB) *pair {
	p := &pair{clock: now, alice: userKey(0), bob: userKey(2)}
	cfg := config()
	cfg.Now = func() time.Time { return p.clock }
	p.l = open(t, cfg)
	apply(t, p.l, p.alice, registerTx(p.alice, "alice1"))
	apply(t, p.l, p.bob, registerTx(p.bob, "bob2"))
	return p
}

func (p *pair) other(k *signing.UserKey) string {
	if k == p.alice {
		return p.bob.Address()
	}
	return p.alice.Address()
}

// put sends tx a second after the last one, and returns it as it was sent.
func (p *pair) put(t testing.TB, k *signing.UserKey, tx signing.Object) (signing.Object, ledger.Result) {
	t.Helper()
	p.clock = p.clock.Add(time.Second)
	signed := sign(k, with(tx, signing.Object{"timestamp": float64(p.clock.UnixMilli())}))
	return signed, put(t, p.l, signed)
}

func (p *pair) chat(t testing.TB) signing.Object {
	t.Helper()
	c := account(t, p.l, ledger.ChatID(p.alice.Address(), p.bob.Address()))
	checkHash(t, c)
	return c
}

// held is what the chat holds for bob, in halves of the toll.
func (p *pair) held(t testing.TB) (read, reply *big.Int) {
	t.Helper()
	tolls := p.chat(t)["toll"].(signing.Object)
	return tolls["payOnRead"].([]any)[0].(*big.Int), tolls["payOnReply"].([]any)[0].(*big.Int)
}

// TestRealChat: a transfer and a message leave behind what they left behind in a
// real network.
func TestRealChat(t *testing.T) {
	p := newPair(t)
	transfer, _ := p.put(t, p.alice, transferTx(p.alice, p.bob.Address(), one))
	deep := signing.Object{"xmessage": signing.Object{"x": nested(30)}} // as deep as may be
	message, r := p.put(t, p.alice, with(messageTx(p.alice, p.bob.Address(), toll), deep))
	if !r.Success {
		t.Fatal(r)
	}
	ms := p.clock.UnixMilli()
	c := p.chat(t)
	for member, want := range map[string]string{
		"read":    fmt.Sprintf("[0,%d]", ms),
		"replied": fmt.Sprintf("[0,%d]", ms),
		"toll": `{"payOnRead":[{"dataType":"bi","value":"6ac091172f013b13"},{"dataType":"bi","value":"0"}],` +
			`"payOnReply":[{"dataType":"bi","value":"6ac091172f013b13"},{"dataType":"bi","value":"0"}],"required":[1,0]}`,
		"messages": string(signing.MustCanonical([]any{transfer, message})),
		"hasChats": "true",
	} {
		if got := signing.MustCanonical(c[member]); string(got) != want {
			t.Errorf("%s = %s, want %s", member, got, want)
		}
	}
	if got, want := balance(t, p.l, p.alice.Address()), hexInt("1bd281f966f87b13d"); got.Cmp(want) != 0 {
		t.Errorf("alice has %d, want %d", got, want)
	}
	for _, k := range []*signing.UserKey{p.alice, p.bob} {
		data := account(t, p.l, k.Address())["data"].(signing.Object)
		want := fmt.Sprintf(`{"%s":{"chatId":"%s","receivedTimestamp":%d}}`, p.other(k), c["id"], ms)
		if got := signing.MustCanonical(data["chats"]); string(got) != want || data["chatTimestamp"] != float64(ms) {
			t.Errorf("chats = %s at %v, want %s", got, data["chatTimestamp"], want)
		}
	}
}

// TestTolls follows the money of a chat step by step.
func TestTolls(t *testing.T) {
	p := newPair(t)
	alice, bob := p.alice, p.bob
	half := new(big.Int).Rsh(toll, 1)
	zero := new(big.Int)
	times := func(n int64) *big.Int { return new(big.Int).Mul(half, big.NewInt(n)) }
	minus := func(n *big.Int) *big.Int { return new(big.Int).Neg(n) }
	untaxed := func(n *big.Int) *big.Int { // less 1 %
		return new(big.Int).Sub(n, new(big.Int).Quo(n, big.NewInt(100)))
	}
	toBob := messageTx(alice, bob.Address(), toll)
	free := messageTx(alice, bob.Address(), zero)
	answer := messageTx(bob, alice.Address(), zero)
	reads := talkTx(bob, "read", alice.Address())
	reclaim := talkTx(alice, "reclaim_toll", bob.Address())
	require := func(n float64) signing.Object { return requireTx(bob, alice.Address(), n) }
	const blocked = "Chat is blocked by the receiver."
	const empty = "user is trying to reclaim toll but the toll pool is empty"

	for _, step := range []struct {
		name        string
		key         *signing.UserKey
		tx          signing.Object
		want        string   // reason of a refusal
		alice, bob  *big.Int // what they get, the fee not counted
		read, reply *big.Int // held for bob then
	}{
		{"the first message pays", alice, toBob, "", minus(toll), zero, half, half},
		{"the second, too", alice, with(toBob, signing.Object{"amount": lib(40)}), "", minus(toll), zero, times(2), times(2)},
		{"too little", alice, with(toBob, signing.Object{"amount": half}), "Message amount (7692307692307692307) is less than required toll (15384615384615384615).", zero, zero, times(2), times(2)},
		{"reading earns half", bob, reads, "", zero, untaxed(times(2)), zero, times(2)},
		{"reading again earns nothing", bob, reads, "", zero, zero, zero, times(2)},
		{"an answer earns the rest", bob, answer, "", zero, untaxed(times(2)), zero, zero},
		{"a second answer earns nothing", bob, answer, "", zero, zero, zero, zero},
		{"nothing to reclaim", alice, reclaim, empty, zero, zero, zero, zero},
		{"alice gets more", alice, createTx(alice, lib(100)), "", new(big.Int).Add(lib(100), fee), zero, zero, zero},
		{"alice writes again", alice, toBob, "", minus(toll), zero, half, half},
		{"an answer unread earns all", bob, answer, "", zero, untaxed(times(2)), zero, zero},
		{"bob blocks", bob, require(2), "", zero, zero, zero, zero},
		{"no message", alice, toBob, blocked, zero, zero, zero, zero},
		{"no transfer", alice, transferTx(alice, bob.Address(), one), "Receiver has blocked the sender from sending messages or coins.", zero, zero, zero, zero},
		{"bob asks for nothing", bob, require(0), "", zero, zero, zero, zero},
		{"alice writes free", alice, free, "", zero, zero, zero, zero},
		{"bob asks for a toll", bob, require(1), "", zero, zero, zero, zero},
		{"free no more", alice, free, "Message amount (0) is less than required toll (15384615384615384615).", zero, zero, zero, zero},
		{"alice pays", alice, toBob, "", minus(toll), zero, half, half},
		{"bob gives it back", bob, require(0), "", times(2), zero, zero, zero},
		{"bob wants it again", bob, require(1), "", zero, zero, zero, zero},
		{"alice pays again", alice, toBob, "", minus(toll), zero, half, half},
		{"too soon to reclaim", alice, reclaim, "user is trying to reclaim toll too soon after sending a message", zero, zero, half, half},
		{"a week later", nil, nil, "", zero, zero, half, half},
		{"a late answer earns nothing", bob, answer, "", zero, zero, half, half},
		{"alice reclaims", alice, reclaim, "", times(2), zero, zero, zero},
	} {
		if step.tx == nil {
			p.clock = p.clock.Add(7 * 24 * time.Hour)
			continue
		}
		before := map[*signing.UserKey]*big.Int{alice: balance(t, p.l, alice.Address()), bob: balance(t, p.l, bob.Address())}
		_, r := p.put(t, step.key, step.tx)
		if want := "PreCrack has failed. " + step.want; r.Success != (step.want == "") || !r.Success && r.Reason != want {
			t.Fatalf("%s: Put = %+v, want %q", step.name, r, step.want)
		}
		for k, got := range map[*signing.UserKey]*big.Int{alice: step.alice, bob: step.bob} {
			want := new(big.Int).Add(before[k], got)
			if k == step.key && r.Success {
				want.Sub(want, fee)
			}
			if have := balance(t, p.l, k.Address()); have.Cmp(want) != 0 {
				t.Errorf("%s: alice %t has %d, want %d", step.name, k == alice, have, want)
			}
		}
		if account(t, p.l, ledger.ChatID(alice.Address(), bob.Address())) == nil {
			continue
		}
		if read, reply := p.held(t); read.Cmp(step.read) != 0 || reply.Cmp(step.reply) != 0 {
			t.Errorf("%s: %d and %d are held, want %d and %d", step.name, read, reply, step.read, step.reply)
		}
		checkSum(t, p.l)
	}
}

// TestTollOfAUser: what toll sets is what writing costs, in either unit.
func TestTollOfAUser(t *testing.T) {
	usd := func(cents int64) *big.Int { return new(big.Int).Mul(big.NewInt(cents), big.NewInt(1e16)) }
	for _, tt := range []struct {
		name  string
		tx    func(k signing.Key) signing.Object
		costs string // in LIB, as a refused transfer with a memo says; empty: nothing
	}{
		{"in LIB", func(k signing.Key) signing.Object { return tollTx(k, lib(20), "LIB") }, "20.0"},
		{"in USD", func(k signing.Key) signing.Object { return tollTx(k, usd(130), "USD") }, "100.0"},
		{"no unit, no fee", func(k signing.Key) signing.Object {
			return with(tollTx(k, lib(30), ""), signing.Object{"tollUnit": missing{}, "fee": missing{}})
		}, "30.0"},
		{"none", func(k signing.Key) signing.Object { return tollTx(k, new(big.Int), "USD") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			signed, r := p.put(t, p.bob, tt.tx(p.bob))
			if !r.Success {
				t.Fatal(r)
			}
			u := account(t, p.l, p.bob.Address())
			data := u["data"].(signing.Object)
			if data["toll"].(*big.Int).Cmp(signed["toll"].(*big.Int)) != 0 || u["timestamp"] != signed["timestamp"] {
				t.Errorf("bob is %s", signing.MustCanonical(u))
			}
			memo := with(transferTx(p.alice, p.bob.Address(), one), signing.Object{"memo": "hello"})
			_, r = p.put(t, p.alice, memo)
			if want := "PreCrack has failed. You must send at least " + tt.costs + " LIB to this user."; r.Success != (tt.costs == "") || !r.Success && r.Reason != want {
				t.Errorf("Put = %+v, want %q", r, want)
			}
			checkSum(t, p.l)
		})
	}
}

// TestStakes: a stake leaves the balance, stays on the node and comes back.
func TestStakes(t *testing.T) {
	p := newPair(t)
	node, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	stake := new(big.Int).Mul(lib(10_000), big.NewInt(1))
	minStake := hexInt("29b338ad0e5c7b13b1") // 10 dollars, as a real network says
	for _, k := range []*signing.UserKey{p.alice, p.bob} {
		if _, r := p.put(t, k, createTx(k, lib(20_000))); !r.Success {
			t.Fatal(r)
		}
	}
	under := new(big.Int).Sub(minStake, big.NewInt(1))
	const cooldown = "This node was staked within the last 30 minutes. You can't stake more to this node yet!"
	for _, step := range []struct {
		name  string
		key   *signing.UserKey
		tx    signing.Object
		after time.Duration
		want  string
	}{
		{"withdraw from nobody", p.alice, withdrawTx(p.alice, node), 0, "nominee account does not exist"},
		{"too little", p.alice, depositTx(p.alice, node, under), 0, fmt.Sprintf("Stake amount sent: %d is less than the minimum required stake amount: %d", under, minStake)},
		{"too much", p.alice, depositTx(p.alice, node, lib(30_000)), 0, "Nominator account has balance 20050000000000000000000 less than the stake amount 30000000000000000000000"},
		{"on a user", p.alice, depositTx(p.alice, p.bob.Address(), stake), 0, "nominee account is not a NodeAccount"},
		{"a stake", p.alice, depositTx(p.alice, node, stake), 0, ""},
		{"of a stranger", userKey(9), depositTx(userKey(9), node, stake), 0, "nominator account does not exist"},
		{"by a node", p.alice, with(depositTx(p.alice, node, stake), signing.Object{"nominator": node}), 0, "not signed by nominator account"},
		{"on two nodes", p.alice, depositTx(p.alice, other, stake), 0, "nominator account has already staked to a different nominee"},
		{"by another", p.bob, depositTx(p.bob, node, stake), 0, "nominee account has already been staked by another nominator"},
		{"withdraw by another", p.bob, withdrawTx(p.bob, node), 0, "nominator account does not have operator account info"},
		{"more too soon", p.alice, depositTx(p.alice, node, one), 29 * time.Minute, cooldown},
		{"more", p.alice, depositTx(p.alice, node, one), time.Minute, ""},
		{"bob stakes", p.bob, depositTx(p.bob, other, stake), 0, ""},
		{"withdraw from another", p.alice, withdrawTx(p.alice, other), 0, "nominator account has already staked to a different node"},
		{"withdraw", p.alice, withdrawTx(p.alice, node), 0, ""},
		{"withdraw twice", p.alice, withdrawTx(p.alice, node), 0, "nominator account has not staked to any node yet"},
		{"again too soon", p.alice, depositTx(p.alice, node, stake), 0, cooldown},
	} {
		p.clock = p.clock.Add(step.after)
		_, r := p.put(t, step.key, step.tx)
		want := "PreCrack has failed. " + step.want
		if strings.HasPrefix(step.want, "not signed") {
			want = step.want
		}
		if r.Success != (step.want == "") || !r.Success && r.Reason != want {
			t.Errorf("%s: Put = %+v, want %q", step.name, r, want)
		}
		checkSum(t, p.l)
	}
	spent := new(big.Int).Mul(fee, big.NewInt(3))
	if got, want := balance(t, p.l, p.alice.Address()), new(big.Int).Sub(lib(20_050), spent); got.Cmp(want) != 0 {
		t.Errorf("alice has %d, want %d", got, want)
	}
	n, u := account(t, p.l, node), account(t, p.l, p.alice.Address())["operatorAccountInfo"].(signing.Object)
	if n != nil || u["nominee"] != "" || u["operatorStats"].(signing.Object)["unstakeCount"] != 1.0 {
		t.Errorf("node %s, operator %s", signing.MustCanonical(n), signing.MustCanonical(u))
	}
	locked := account(t, p.l, other)
	if locked["stakeLock"].(*big.Int).Cmp(stake) != 0 || locked["nominator"] != p.bob.Address() {
		t.Errorf("node %s", signing.MustCanonical(locked))
	}
}

// TestStakeWithoutTheFee: a node sees only while applying that nothing is left
// for the fee, and takes what there is.
func TestStakeWithoutTheFee(t *testing.T) {
	p := newPair(t)
	if _, r := p.put(t, p.alice, createTx(p.alice, lib(950))); !r.Success {
		t.Fatal(r)
	}
	_, r := p.put(t, p.alice, depositTx(p.alice, strings.Repeat("ab", 32), lib(1000)))
	got := receipt(t, p.l, r.TxID)
	if got["success"] != false || got["reason"] != "Nominator account does not have enough balance to stake" || got["transactionFee"].(*big.Int).Cmp(fee) != 0 {
		t.Errorf("receipt %s", signing.MustCanonical(got))
	}
	if account(t, p.l, strings.Repeat("ab", 32)) != nil {
		t.Error("there is a node account")
	}
	checkSum(t, p.l)
}

// TestTalkRefusals: what the accounts refuse before a transaction between two
// users is accepted.
func TestTalkRefusals(t *testing.T) {
	p := newPair(t)
	alice, bob, secret, nobody := p.alice, p.bob, userKey(50), userKey(51)
	if _, r := p.put(t, secret, with(registerTx(secret, "secret"), signing.Object{"private": true})); !r.Success {
		t.Fatal(r)
	}
	if _, r := p.put(t, alice, transferTx(alice, bob.Address(), lib(49))); !r.Success { // alice can pay no fee now
		t.Fatal(r)
	}
	low := signing.Object{"fee": new(big.Int).Sub(fee, big.NewInt(1))}
	const (
		noFrom  = `"from" account does not exist.`
		noTo    = `"target" account does not exist.`
		lowFee  = "The network transaction fee (769230769230769230) is greater than the transaction fee provided (769230769230769229)."
		private = "Both accounts must have the same private value."
		poor    = "insufficient funds for transaction fee: 769230769230769230"
		left    = "230769230769230770"
	)
	for _, tt := range []struct {
		name string
		key  *signing.UserKey
		tx   signing.Object
		want string
	}{
		{"message from a stranger", nobody, messageTx(nobody, bob.Address(), toll), noFrom},
		{"message to a stranger", bob, messageTx(bob, nobody.Address(), toll), noTo},
		{"message to the network", bob, messageTx(bob, ledger.NetworkAccountID, toll), "to account is not a UserAccount"},
		{"message to private", bob, messageTx(bob, secret.Address(), toll), private},
		{"message for a low fee", bob, with(messageTx(bob, alice.Address(), toll), low), lowFee},
		{
			"message of the poor", alice, messageTx(alice, bob.Address(), toll),
			"from account does not have sufficient funds " + left + " to cover the toll (15384615384615384615) + transaction fee (769230769230769230).",
		},
		{"read from a stranger", nobody, talkTx(nobody, "read", bob.Address()), noFrom},
		{"read of a stranger", bob, talkTx(bob, "read", nobody.Address()), noTo},
		{"read of no chat", bob, talkTx(bob, "read", secret.Address()), "chat account does not exist."},
		{"read for a low fee", bob, with(talkTx(bob, "read", alice.Address()), low), lowFee},
		{"read of the poor", alice, talkTx(alice, "read", bob.Address()), poor},
		{"reclaim from a stranger", nobody, talkTx(nobody, "reclaim_toll", bob.Address()), noFrom},
		{"reclaim from no chat", bob, talkTx(bob, "reclaim_toll", secret.Address()), "chat account does not exist."},
		{
			"reclaim of the poor", alice, talkTx(alice, "reclaim_toll", bob.Address()),
			"from account does not have sufficient funds " + left + " to cover transaction fee (769230769230769230).",
		},
		{"require from a stranger", nobody, requireTx(nobody, bob.Address(), 1), noFrom},
		{"require of private", bob, requireTx(bob, secret.Address(), 1), private},
		{"require of the poor", alice, requireTx(alice, bob.Address(), 1), poor},
		{"require for a low fee", bob, with(requireTx(bob, alice.Address(), 1), low), lowFee},
		{"toll of a stranger", nobody, tollTx(nobody, lib(20), "LIB"), "from account does not exist"},
		{"toll of the poor", alice, tollTx(alice, lib(20), "LIB"), "from account does not have sufficient funds to complete toll transaction"},
		{"toll for a low fee", bob, with(tollTx(bob, lib(20), "LIB"), low), lowFee},
		{"toll too low", bob, tollTx(bob, one, "LIB"), `Minimum "toll" allowed is 15.384615384615384615 LIB`},
		{"toll too low in USD", bob, tollTx(bob, big.NewInt(1e17), "USD"), `Minimum "toll" allowed is 15.384615384615384615 LIB`},
		{"toll too high", bob, tollTx(bob, lib(1_000_001), "LIB"), "Maximum toll allowed is 1,000,000 LIB or USD."},
		{"toll too high in USD", bob, tollTx(bob, lib(13_001), "USD"), "Maximum toll allowed is 1,000,000 LIB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, r := p.put(t, tt.key, tt.tx); r != (ledger.Result{Reason: "PreCrack has failed. " + tt.want, Status: 500}) {
				t.Errorf("Put = %+v, want %q", r, tt.want)
			}
		})
	}
	checkSum(t, p.l)
}

// TestOldMessagesGo: a message makes what is older than a week go, a few at a
// time, and leaves the newer ones.
func TestOldMessagesGo(t *testing.T) {
	p := newPair(t)
	for range 20 {
		if _, r := p.put(t, p.alice, createTx(p.alice, lib(20))); !r.Success {
			t.Fatal(r)
		}
	}
	for range 20 {
		if _, r := p.put(t, p.alice, messageTx(p.alice, p.bob.Address(), toll)); !r.Success {
			t.Fatal(r)
		}
	}
	p.clock = p.clock.Add(7*24*time.Hour - 2*time.Second)
	for i, want := range []int{20 - 16 + 1, 1 + 2} { // in the end, one of the old ones is just young enough
		message, r := p.put(t, p.bob, messageTx(p.bob, p.alice.Address(), new(big.Int)))
		if !r.Success {
			t.Fatal(r)
		}
		messages := p.chat(t)["messages"].([]any)
		if len(messages) != want {
			t.Fatalf("after message %d: %d messages, want %d", i, len(messages), want)
		}
		if got := signing.MustCanonical(messages[want-1]); !bytes.Equal(got, signing.MustCanonical(message)) {
			t.Errorf("last message %s", got)
		}
	}
}

// TestMessageToOneself holds what was paid until it is reclaimed.
func TestMessageToOneself(t *testing.T) {
	p := newPair(t)
	k := p.alice
	for _, tx := range []signing.Object{
		messageTx(k, k.Address(), toll), talkTx(k, "read", k.Address()), messageTx(k, k.Address(), toll), requireTx(k, k.Address(), 1),
	} {
		if _, r := p.put(t, k, tx); !r.Success || receipt(t, p.l, r.TxID)["success"] != true {
			t.Fatalf("Put of %s = %+v", tx["type"], r)
		}
		checkSum(t, p.l)
	}
	p.clock = p.clock.Add(7 * 24 * time.Hour)
	if _, r := p.put(t, k, talkTx(k, "reclaim_toll", k.Address())); !r.Success {
		t.Fatal(r)
	}
	// Five fees and the two odd wei of the halved tolls are gone.
	want := new(big.Int).Sub(lib(50), new(big.Int).Mul(fee, big.NewInt(5)))
	want.Sub(want, big.NewInt(2))
	if got := balance(t, p.l, k.Address()); got.Cmp(want) != 0 {
		t.Errorf("alice has %d, want %d", got, want)
	}
	checkSum(t, p.l)
}

// TestOlderChat: the header of a chat from before there were messages is read.
func TestOlderChat(t *testing.T) {
	const header = `c{"first":0,"hasChats":false,"hash":"","id":"x","messages":[],"next":3,"read":[0,0],"replied":[0,0],"timestamp":7,` +
		`"toll":{"payOnRead":[{"dataType":"bi","value":"0"},{"dataType":"bi","value":"0"}],` +
		`"payOnReply":[{"dataType":"bi","value":"0"},{"dataType":"bi","value":"0"}],"required":[0,1]},"type":"ChatAccount"}`
	got, err := ledger.Recode([]byte(header))
	if err != nil || !strings.Contains(string(got), `"next":3,"oldest":0,`) || !strings.Contains(string(got), `{"asked":[0,0],"at":7,`) {
		t.Errorf("Recode = %s, %v", got, err)
	}
}
