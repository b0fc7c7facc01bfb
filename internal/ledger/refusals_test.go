package ledger_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// A refusal is one change to a good transaction, signed anew, and the answer to it.
type refusal struct {
	name   string
	change signing.Object
	want   string
}

const late = "Transaction timestamp out of range"

var tooLarge = refusal{"large", signing.Object{"x": strings.Repeat("x", ledger.MaxTransfer)}, "tx is larger than 16384 bytes."}

// everywhere are the refusals that all types share. Members of each case are
// changed one at a time.
func everywhere() []refusal {
	const badTime = `Tx "timestamp" field must be a valid number.`
	const badNet = "Invalid network id for tx %type with id undefined"
	ms := float64(now.UnixMilli())
	return []refusal{
		{"type missing", signing.Object{"type": missing{}}, `Tx "type" field must be a string.`},
		{"type null", signing.Object{"type": nil}, `Tx "type" field must be a string.`},
		{"type object", signing.Object{"type": signing.Object{"type": "create"}}, `Tx "type" field must be a string.`},
		{"type unknown", signing.Object{"type": "nosuch"}, "The tx type nosuch does not exist in the network."},
		{"type __proto__", signing.Object{"type": "__proto__"}, "The tx type __proto__ does not exist in the network."},
		{"type surrogate", signing.Object{"type": "a\xed\xa0\x80"}, "The tx type a\uFFFD does not exist in the network."},
		{"network missing", signing.Object{"networkId": missing{}}, badNet},
		{"network null", signing.Object{"networkId": nil}, badNet},
		{"network other", signing.Object{"networkId": strings.Repeat("0", 64), "timestamp": 1.0}, badNet},
		{"network upper case", signing.Object{"networkId": strings.ToUpper(networkID)}, badNet},
		{"network list", signing.Object{"networkId": []any{networkID}}, badNet},
		{"network other, id", signing.Object{"networkId": "x", "id": "7"}, "Invalid network id for tx %type with id 7"},
		{"network other, id null", signing.Object{"networkId": "x", "id": nil}, "Invalid network id for tx %type with id null"},
		{"timestamp missing", signing.Object{"timestamp": missing{}}, "Invalid transaction timestamp"},
		{"timestamp null", signing.Object{"timestamp": nil}, "Invalid transaction timestamp"},
		{"timestamp zero", signing.Object{"timestamp": 0.0}, "Invalid transaction timestamp"},
		{"timestamp text", signing.Object{"timestamp": "1700000000500"}, badTime},
		{"timestamp bigint", signing.Object{"timestamp": big.NewInt(now.UnixMilli())}, badTime},
		{"timestamp negative", signing.Object{"timestamp": -ms}, badTime},
		{"timestamp infinite", signing.Object{"timestamp": math.Inf(1)}, badTime},
		{"timestamp not a number", signing.Object{"timestamp": math.NaN()}, badTime},
		{"timestamp huge", signing.Object{"timestamp": 1e300}, late},
		{"timestamp 5001 ms ago", signing.Object{"timestamp": ms - 5001}, late},
		{"timestamp in 5001 ms", signing.Object{"timestamp": ms + 5001}, late},
		{"timestamp in 6 s", signing.Object{"timestamp": ms + 6000}, late},
		{"from missing", signing.Object{"from": missing{}}, `tx "from" is not a valid address.`},
		{"from null", signing.Object{"from": nil}, `tx "from" is not a valid address.`},
		{"from number", signing.Object{"from": 7.0}, `tx "from" is not a valid address.`},
		{"from short", signing.Object{"from": "7e5f"}, `tx "from" is not a valid address.`},
		{"from upper case", signing.Object{"from": strings.Repeat("A", 64)}, `tx "from" is not a valid address.`},
	}
}

func amounts(name string) []refusal {
	positive := `tx "` + name + `" field must be a bigint and greater than 0.`
	return []refusal{
		{name + " missing", signing.Object{name: missing{}}, positive},
		{name + " null", signing.Object{name: nil}, positive},
		{name + " nil bigint", signing.Object{name: (*big.Int)(nil)}, positive},
		{name + " number", signing.Object{name: 1.0}, positive},
		{name + " text", signing.Object{name: "1"}, positive},
		{name + " zero", signing.Object{name: new(big.Int)}, positive},
		{name + " negative", signing.Object{name: big.NewInt(-1)}, positive},
		{name + " 2^256", signing.Object{name: new(big.Int).Lsh(one, 256)}, `tx "` + name + `" field must be less than 2^256.`},
		{name + " huge", signing.Object{name: new(big.Int).Lsh(one, 100_000)}, `tx "` + name + `" field must be less than 2^256.`},
	}
}

func registerRefusals(k signing.Key) []refusal {
	const (
		hash = `tx "aliasHash" is not a valid address.`
		text = `tx "alias" field must be a string.`
		only = `tx "alias" field may only contain alphanumeric characters`
		key  = "Invalid public key"
		pq   = "Invalid post-quantum public key"
		priv = `tx "private" field must be a boolean or undefined.`
	)
	return []refusal{
		{"aliasHash missing", signing.Object{"aliasHash": missing{}}, hash},
		{"aliasHash object", signing.Object{"aliasHash": signing.Object{}}, hash},
		{"aliasHash before from", signing.Object{"aliasHash": nil, "from": nil}, hash},
		{"aliasHash of another", signing.Object{"aliasHash": strings.Repeat("0", 64)}, "alias hash does not match alias"},
		{"alias missing", signing.Object{"alias": missing{}}, text},
		{"alias null", signing.Object{"alias": nil}, text},
		{"alias list", signing.Object{"alias": []any{"a"}}, text},
		{"alias long", signing.Object{"alias": strings.Repeat("a", 21)}, `tx "alias" field must be less than 21 characters (20 max)`},
		{"alias with a space", signing.Object{"alias": "a b"}, only},
		{"alias of accents", signing.Object{"alias": strings.Repeat("é", 20)}, only},
		{"alias a lone surrogate", signing.Object{"alias": "\xed\xa0\x80"}, only},
		{"publicKey missing", signing.Object{"publicKey": missing{}}, key},
		{"publicKey null", signing.Object{"publicKey": nil}, key},
		{"publicKey number", signing.Object{"publicKey": 4.0}, key},
		{"publicKey compressed", signing.Object{"publicKey": "02" + strings.Repeat("a", 64)}, key},
		{"publicKey not hex", signing.Object{"publicKey": "04" + strings.Repeat("g", 128)}, key},
		{"publicKey the address", signing.Object{"publicKey": k.Address()}, key},
		{"pqPublicKey number", signing.Object{"pqPublicKey": 1.0}, pq},
		{"pqPublicKey long", signing.Object{"pqPublicKey": strings.Repeat("A", 106_672)}, pq},
		{"pqPublicKey not base64", signing.Object{"pqPublicKey": "AA A"}, pq},
		{"private null", signing.Object{"private": nil}, priv},
		{"private text", signing.Object{"private": "true"}, priv},
	}
}

func transferRefusals() []refusal {
	const (
		to     = `tx "to" is not a valid address.`
		id     = `tx "chatId" is not a valid address.`
		memo   = `tx "memo" field must be a string.`
		deduct = `tx "deductTxFeeFromAmount" field must be a boolean.`
		fees   = `tx "fee" field must be a bigint.`
		large  = `tx is larger than 16384 bytes, "xmemo" included.`
	)
	return []refusal{
		{"to missing", signing.Object{"to": missing{}}, to},
		{"to null", signing.Object{"to": nil}, to},
		{"to a surrogate", signing.Object{"to": strings.Repeat("a", 61) + "\xed\xa0"}, to},
		{"chatId missing", signing.Object{"chatId": missing{}}, id},
		{"chatId bigint", signing.Object{"chatId": one}, id},
		{"chatId of others", signing.Object{"chatId": strings.Repeat("a", 64)}, "chatId is not calculated correctly for from and to addresses"},
		{"memo number", signing.Object{"memo": 1.0}, memo},
		{"memo false", signing.Object{"memo": false}, memo},
		{"memo long", signing.Object{"memo": strings.Repeat("é", 141)}, `tx "memo" size must be less than 140 characters.`},
		{"memo of 71 pairs", signing.Object{"memo": strings.Repeat("😀", 71)}, `tx "memo" size must be less than 140 characters.`},
		{"xmemo text", signing.Object{"xmemo": "x"}, `tx "xmemo" field must be an object.`},
		{"xmemo message number", signing.Object{"xmemo": signing.Object{"message": 1.0}}, `tx "xmemo" field must have a string "message".`},
		{"xmemo large", signing.Object{"xmemo": signing.Object{"x": strings.Repeat("x", ledger.MaxTransfer)}}, large},
		{"deduct null", signing.Object{"deductTxFeeFromAmount": nil}, deduct},
		{"deduct number", signing.Object{"deductTxFeeFromAmount": 1.0}, deduct},
		{"fee missing", signing.Object{"fee": missing{}}, fees},
		{"fee null", signing.Object{"fee": nil}, fees},
		{"fee number", signing.Object{"fee": 1e18}, fees},
		{"fee negative", signing.Object{"fee": big.NewInt(-1)}, fees},
	}
}

// talkRefusals are those of all transactions between two users, after from.
func talkRefusals() []refusal {
	const (
		to = `tx "to" is not a valid address.`
		id = `tx "chatId" is not a valid address.`
	)
	return []refusal{
		{"to missing", signing.Object{"to": missing{}}, to},
		{"to null", signing.Object{"to": nil}, to},
		{"to number", signing.Object{"to": -1.0}, to},
		{"to bigint", signing.Object{"to": one}, to},
		{"to huge", signing.Object{"to": strings.Repeat("a", 1<<20)}, to},
		{"to upper case", signing.Object{"to": strings.Repeat("A", 64)}, to},
		{"to a surrogate", signing.Object{"to": strings.Repeat("a", 61) + "\xed\xa0"}, to},
		{"chatId missing", signing.Object{"chatId": missing{}}, id},
		{"chatId null", signing.Object{"chatId": nil}, id},
		{"chatId object", signing.Object{"chatId": signing.Object{"__proto__": "x"}}, id},
		{"chatId of others", signing.Object{"chatId": strings.Repeat("a", 64)}, "chatId is not calculated correctly for from and to addresses"},
		{"chatId before message", signing.Object{"chatId": nil, "message": nil, "required": nil}, id},
	}
}

// feeRefusals are those of a fee that may be missing.
func feeRefusals() []refusal {
	const fees = `tx "fee" field must be a bigint.`
	return []refusal{
		{"fee null", signing.Object{"fee": nil}, fees},
		{"fee nil bigint", signing.Object{"fee": (*big.Int)(nil)}, fees},
		{"fee number", signing.Object{"fee": 1e18}, fees},
		{"fee text", signing.Object{"fee": "aacdb4f1e4cec4e"}, fees},
		{"fee negative", signing.Object{"fee": big.NewInt(-1)}, fees},
	}
}

func messageRefusals() []refusal {
	const (
		amount = `tx "amount" field must be a bigint and not be negative.`
		text   = `tx "message" field must be a string.`
		object = `tx "xmessage" field must be an object.`
	)
	return []refusal{
		{"amount missing", signing.Object{"amount": missing{}}, amount},
		{"amount null", signing.Object{"amount": nil}, amount},
		{"amount number", signing.Object{"amount": 0.0}, amount},
		{"amount text", signing.Object{"amount": "0"}, amount},
		{"amount negative", signing.Object{"amount": big.NewInt(-1)}, amount},
		{"amount huge", signing.Object{"amount": new(big.Int).Lsh(one, 100_000)}, `tx "amount" field must be less than 2^256.`},
		{"message missing", signing.Object{"message": missing{}}, text},
		{"message null", signing.Object{"message": nil}, text},
		{"message object", signing.Object{"message": signing.Object{}}, text},
		{"message long", signing.Object{"message": strings.Repeat("x", 100<<10+1)}, `tx "message" size must be less than 100 kB.`},
		{"message long in bytes", signing.Object{"message": strings.Repeat("é", 50<<10+1)}, `tx "message" size must be less than 100 kB.`},
		{"xmessage text", signing.Object{"xmessage": "x"}, object},
		{"xmessage list", signing.Object{"xmessage": []any{}}, object},
		{"xmessage large", signing.Object{"xmessage": signing.Object{"x": strings.Repeat("x", 256<<10)}}, `tx is larger than 245760 bytes, "xmessage" included.`},
		{"xmessage deep", signing.Object{"xmessage": signing.Object{"x": nested(31)}}, "tx is nested deeper than 32 levels."},
		{"fee missing", signing.Object{"fee": missing{}}, `tx "fee" field must be a bigint.`},
	}
}

// nested is an array in an array, n in all.
func nested(n int) any {
	v := []any{}
	for range n - 1 {
		v = []any{v}
	}
	return v
}

func requireRefusals() []refusal {
	const (
		number = `tx "required" field must be a number.`
		among  = `tx "required" field must be 0, 1, or 2.`
	)
	return []refusal{
		{"required missing", signing.Object{"required": missing{}}, number},
		{"required null", signing.Object{"required": nil}, number},
		{"required text", signing.Object{"required": "1"}, number},
		{"required bigint", signing.Object{"required": one}, number},
		{"required 3", signing.Object{"required": 3.0}, among},
		{"required negative", signing.Object{"required": -1.0}, among},
		{"required a half", signing.Object{"required": 0.5}, among},
		{"required huge", signing.Object{"required": 1e300}, among},
	}
}

func tollRefusals() []refusal {
	const (
		bigint = `tx "toll" field must be a bigint.`
		unit   = `tx "tollUnit" field must be a valid TollUnit enum value.`
	)
	return []refusal{
		{"toll missing", signing.Object{"toll": missing{}}, bigint},
		{"toll null", signing.Object{"toll": nil}, bigint},
		{"toll nil bigint", signing.Object{"toll": (*big.Int)(nil)}, bigint},
		{"toll number", signing.Object{"toll": 1e20}, bigint},
		{"toll text", signing.Object{"toll": "20"}, bigint},
		{"toll negative", signing.Object{"toll": big.NewInt(-1)}, "Toll cannot be negative"},
		{"toll huge", signing.Object{"toll": new(big.Int).Lsh(one, 100_000)}, `tx "toll" field must be less than 2^256.`},
		{"tollUnit null", signing.Object{"tollUnit": nil}, unit},
		{"tollUnit lower case", signing.Object{"tollUnit": "lib"}, unit},
		{"tollUnit number", signing.Object{"tollUnit": 0.0}, unit},
		{"tollUnit __proto__", signing.Object{"tollUnit": "__proto__"}, unit},
	}
}

// stakeRefusals are those of who stakes and where; must says what both have to be.
func stakeRefusals(must string) []refusal {
	var all []refusal
	for _, name := range []string{"nominator", "nominee"} {
		want := `tx "` + name + `" field must be a ` + must + "."
		for what, v := range map[string]any{
			"missing": missing{}, "null": nil, "number": 1.0, "empty": "", "short": "7e5f", "upper case": strings.Repeat("A", 64),
			"a surrogate": strings.Repeat("a", 61) + "\xed\xa0\x80", "huge": strings.Repeat("a", 1<<20), "list": []any{strings.Repeat("a", 64)},
		} {
			all = append(all, refusal{name + " " + what, signing.Object{name: v}, want})
		}
	}
	return all
}

func depositRefusals() []refusal {
	const positive = `tx "stake" field must be a bigint and stake must be greater than 0.`
	return append(stakeRefusals("string or valid address"), []refusal{
		{"stake missing", signing.Object{"stake": missing{}}, positive},
		{"stake null", signing.Object{"stake": nil}, positive},
		{"stake number", signing.Object{"stake": 1e21}, positive},
		{"stake text", signing.Object{"stake": "1"}, positive},
		{"stake zero", signing.Object{"stake": new(big.Int)}, positive},
		{"stake negative", signing.Object{"stake": big.NewInt(-1)}, positive},
		{"nominee not hex", signing.Object{"nominee": strings.Repeat("xy", 32)}, "Invalid Shardus Addresses"},
		{"nominee almost hex", signing.Object{"nominee": strings.Repeat("a", 63) + "g"}, "Invalid Shardus Addresses"},
		{"stake huge", signing.Object{"stake": new(big.Int).Lsh(one, 100_000)}, `tx "stake" field must be less than 2^256.`},
	}...)
}

func withdrawRefusals() []refusal {
	const force = `tx "force" field must be a boolean.`
	return append(stakeRefusals("string and valid address"), []refusal{
		{"force missing", signing.Object{"force": missing{}}, force},
		{"force null", signing.Object{"force": nil}, force},
		{"force number", signing.Object{"force": 1.0}, force},
		{"force text", signing.Object{"force": "true"}, force},
	}...)
}

// TestRefusals: each mistake is named, with status 400, and changes nothing.
func TestRefusals(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	k, stranger := keys[0], userKey(99)
	good := map[string]signing.Object{
		"register": registerTx(stranger, "stranger"),
		"create":   createTx(k, one),
		"transfer": transferTx(k, keys[1].Address(), one),

		"message":              messageTx(k, keys[1].Address(), toll),
		"toll":                 tollTx(k, lib(20), "LIB"),
		"read":                 talkTx(k, "read", keys[1].Address()),
		"reclaim_toll":         talkTx(k, "reclaim_toll", keys[1].Address()),
		"update_toll_required": requireTx(k, keys[1].Address(), 1),
		"deposit_stake":        depositTx(k, strings.Repeat("ab", 32), one),
		"withdraw_stake":       withdrawTx(k, strings.Repeat("ab", 32)),
	}
	cases := map[string][]refusal{
		"register": registerRefusals(stranger),
		"create":   amounts("amount"),
		"transfer": append(amounts("amount"), transferRefusals()...),

		"message":              slices.Concat(talkRefusals(), messageRefusals(), feeRefusals()),
		"toll":                 append(tollRefusals(), feeRefusals()...),
		"read":                 slices.Concat(talkRefusals(), feeRefusals(), []refusal{tooLarge}),
		"reclaim_toll":         talkRefusals(),
		"update_toll_required": slices.Concat(talkRefusals(), requireRefusals(), feeRefusals()),
		"deposit_stake":        depositRefusals(),
		"withdraw_stake":       withdrawRefusals(),
	}
	stateful := map[string]string{ // what the state says of a good one, before the clock is looked at
		"read":           "chat account does not exist.",
		"reclaim_toll":   "chat account does not exist.",
		"deposit_stake":  "Stake amount sent: 1000000000000000000 is less than the minimum required stake amount: 769230769230769230769",
		"withdraw_stake": "nominee account does not exist",
	}
	for kind, tx := range good {
		for _, tt := range append(everywhere(), cases[kind]...) {
			if _, stakes := tx["nominator"]; stakes && strings.HasPrefix(tt.name, "from ") {
				continue // it has no such member
			}
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				signer := signing.Key(k)
				if kind == "register" {
					signer = stranger
				}
				want := ledger.Result{Reason: strings.ReplaceAll(tt.want, "%type", kind), Status: 400}
				if reason := stateful[kind]; reason != "" && tt.want == late {
					want = ledger.Result{Reason: "PreCrack has failed. " + reason, Status: 500}
				}
				if got := put(t, l, sign(signer, with(tx, tt.change))); got != want {
					t.Errorf("Put = %+v, want %+v", got, want)
				}
			})
		}
	}
	if receipts, err := l.All(true); err != nil || len(receipts) != len(keys) {
		t.Errorf("%d receipts, want %d (%v)", len(receipts), len(keys), err)
	}
}

func TestSignatureRefusals(t *testing.T) {
	l := open(t, config())
	alice, bob := userKey(0), userKey(1)
	node, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	for kind, tx := range map[string]signing.Object{
		"register":  registerTx(alice, "alice"),
		"create":    createTx(alice, one),
		"transfer":  transferTx(alice, bob.Address(), one),
		"register ": registerTx(node, "node"),

		"message":              messageTx(alice, bob.Address(), toll),
		"toll":                 tollTx(alice, lib(20), "LIB"),
		"read":                 talkTx(alice, "read", bob.Address()),
		"reclaim_toll":         talkTx(alice, "reclaim_toll", bob.Address()),
		"update_toll_required": requireTx(alice, bob.Address(), 1),
		"deposit_stake":        depositTx(alice, strings.Repeat("ab", 32), one),
		"withdraw_stake":       withdrawTx(alice, strings.Repeat("ab", 32)),
	} {
		notBy := "not signed by from account"
		if _, stakes := tx["nominator"]; stakes {
			notBy = "not signed by nominator account"
		}
		bad := "incorrect signing"
		if strings.HasPrefix(kind, "register") {
			bad = "tx signature is incorrect"
		}
		owner := signing.Key(alice)
		if tx["from"] == node.Address() {
			owner = node
		}
		signed := sign(owner, tx)
		own := signed["sign"].(signing.Object)
		sig := own["sig"].(string)
		set := func(name string, v any) signing.Object {
			return signing.Object{"sign": with(own, signing.Object{name: v})}
		}
		scheme := sign(node, tx)["sign"].(signing.Object)["sig"]
		if owner == signing.Key(node) {
			scheme = sign(alice, tx)["sign"].(signing.Object)["sig"]
		}
		other := "1"
		if strings.HasSuffix(sig, "1") {
			other = "2"
		}
		for _, tt := range []refusal{
			{"no sign", signing.Object{"sign": missing{}}, notBy},
			{"sign null", signing.Object{"sign": nil}, notBy},
			{"sign text", signing.Object{"sign": sig}, notBy},
			{"owner missing", set("owner", missing{}), notBy},
			{"owner another", set("owner", bob.Address()), notBy},
			{"owner upper case", set("owner", strings.ToUpper(own["owner"].(string))), notBy},
			{"owner number", set("owner", 1.0), notBy},
			{"sig missing", set("sig", missing{}), notBy},
			{"sig null", set("sig", nil), notBy},
			{"sig empty", set("sig", ""), notBy},
			{"sig number", set("sig", 1.0), "Signature must be a valid signature represented as a hex string."},
			{"sig list", set("sig", []any{sig}), "Signature must be a valid signature represented as a hex string."},
			{"sig changed", set("sig", sig[:len(sig)-1]+other), bad},
			{"sig short", set("sig", sig[:len(sig)-2]), bad},
			{"sig of another", set("sig", sign(bob, tx)["sign"].(signing.Object)["sig"]), bad},
			{"sig of the other scheme", set("sig", scheme), bad},
			{"sig with high s", set("sig", highS(t, sig)), bad},
			{"other bytes", signing.Object{"extra": 1.0}, bad},
		} {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				if kind == "register " && (tt.name == "sig of another" || tt.name == "sig of the other scheme") {
					tt.want = "Invalid public key" // an address as key goes with an Ed25519 signature alone
				}
				want := ledger.Result{Reason: tt.want, Status: 400}
				if got := put(t, l, with(signed, tt.change)); got != want {
					t.Errorf("Put = %+v, want %+v", got, want)
				}
			})
		}
	}
	if r := put(t, l, nil); r.Status != 400 || r.Success {
		t.Errorf("Put(nil) = %+v", r)
	}
	if r := put(t, l, signing.Object{"x": make(chan int)}); r.Status != 400 || !strings.Contains(r.Reason, `"x"`) {
		t.Errorf("Put of a channel = %+v", r)
	}
}

// highS is the other signature that the same key and message have: secp256k1
// takes both, and wallets make the one with the low s. Of an Ed25519 signature
// it is one with the scalar that is the group's order higher.
func highS(t *testing.T, sig string) string {
	t.Helper()
	if text, ok := strings.CutPrefix(sig, "0x"); ok {
		order := hexInt("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
		other := map[string]string{"1b": "1c", "1c": "1b"}[text[128:]]
		return fmt.Sprintf("0x%s%064x%s", text[:64], new(big.Int).Sub(order, hexInt(text[64:128])), other)
	}
	raw, err := hex.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	order := hexInt("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
	s := slices.Clone(raw[32:64])
	slices.Reverse(s)
	high := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(high)
	return hex.EncodeToString(slices.Concat(raw[:32], high, raw[64:]))
}
