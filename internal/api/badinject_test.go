package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// mistakes are values, as they are on the wire, that no member of money may have.
// Only who names one in a field's own reasons expects another answer to it.
var mistakes = map[string]string{
	"null": `null`, "number": `-7`, "huge number": `1e300`, "text": `"x"`, "empty": `""`, "list": `[]`, "true": `true`,
	"object": `{"__proto__":{"dataType":"bi","value":"1"}}`, "surrogate": `"\ud800"`, "bigint": `{"dataType":"bi","value":"f` + strings.Repeat("0", 100) + `"}`,
}

// A field is a member of a transaction and what is said of a mistake in it.
type field struct {
	name, reason string
	others       map[string]string // by mistake; "missing" is one; "-" is none: it is not a mistake
}

const (
	badSign  = "incorrect signing" // the member may be so, but it is not what was signed
	badPlace = `tx "%s" is not a valid address.`
)

func addressField(name string) field { return field{name: name, reason: fmt.Sprintf(badPlace, name)} }

// amountField must not be zero; of a bigint it is said that it is too large.
func amountField(name, reason string) field {
	return field{name, reason, map[string]string{"bigint": `tx "` + name + `" field must be less than 2^256.`}}
}

var (
	feeField = field{"fee", `tx "fee" field must be a bigint.`, map[string]string{"bigint": badSign}}
	ifAny    = field{"fee", `tx "fee" field must be a bigint.`, map[string]string{"bigint": badSign, "missing": badSign}}
	chatID   = addressField("chatId")
	required = field{"required", `tx "required" field must be a number.`, map[string]string{
		"number": `tx "required" field must be 0, 1, or 2.`, "huge number": `tx "required" field must be 0, 1, or 2.`,
	}}
)

func object(name string) field {
	return field{name, `tx "` + name + `" field must be an object.`, map[string]string{"null": badSign, "missing": badSign, "object": badSign}}
}

// fieldsOf are the members of each type beside those that all have.
var fieldsOf = map[string][]field{
	"register": {
		addressField("from"), addressField("aliasHash"),
		{"alias", `tx "alias" field must be a string.`, map[string]string{
			"text": "alias hash does not match alias", "empty": "alias hash does not match alias",
			"surrogate": `tx "alias" field may only contain alphanumeric characters`,
		}},
		{"publicKey", "Invalid public key", nil},
		{"private", `tx "private" field must be a boolean or undefined.`, map[string]string{"true": "tx signature is incorrect", "missing": "tx signature is incorrect"}},
	},
	"create":   {addressField("from"), amountField("amount", `tx "amount" field must be a bigint and greater than 0.`)},
	"transfer": {addressField("from"), addressField("to"), amountField("amount", `tx "amount" field must be a bigint and greater than 0.`), chatID, feeField, object("xmemo")},
	"message": {
		addressField("from"), addressField("to"), amountField("amount", `tx "amount" field must be a bigint and not be negative.`), chatID, feeField, object("xmessage"),
		{"message", `tx "message" field must be a string.`, map[string]string{"text": badSign, "empty": badSign, "surrogate": badSign}},
	},
	"toll": {
		addressField("from"), amountField("toll", `tx "toll" field must be a bigint.`), ifAny,
		{"tollUnit", `tx "tollUnit" field must be a valid TollUnit enum value.`, map[string]string{"missing": badSign}},
	},
	"read":                 {addressField("from"), addressField("to"), chatID},
	"reclaim_toll":         {addressField("from"), addressField("to"), chatID},
	"update_toll_required": {addressField("from"), addressField("to"), chatID, ifAny, required},
	"deposit_stake": {
		{"nominator", `tx "nominator" field must be a string or valid address.`, nil},
		{"nominee", `tx "nominee" field must be a string or valid address.`, nil},
		amountField("stake", `tx "stake" field must be a bigint and stake must be greater than 0.`),
	},
	"withdraw_stake": {
		{"nominator", `tx "nominator" field must be a string and valid address.`, nil},
		{"nominee", `tx "nominee" field must be a string and valid address.`, nil},
		{"force", `tx "force" field must be a boolean.`, map[string]string{"true": badSign}},
	},
}

// ofAll are the members that all types have.
func ofAll(kind string) []field {
	const ms = `Tx "timestamp" field must be a valid number.`
	return []field{
		{"type", `Tx "type" field must be a string.`, map[string]string{
			"text": "The tx type x does not exist in the network.", "empty": "The tx type  does not exist in the network.", "surrogate": "The tx type \ufffd does not exist in the network.",
		}},
		{"networkId", "Invalid network id for tx " + kind + " with id undefined", nil},
		{"timestamp", ms, map[string]string{"null": "Invalid transaction timestamp", "missing": "Invalid transaction timestamp", "huge number": "-"}},
		{"sign", "not signed by %s account", nil},
	}
}

// TestEveryMemberThroughTheDoors: whatever is wrong with a member is named, by
// both doors and however it is put: in place of the good value, after it under the
// same name, or with the good value where only a prototype would have it. Nothing
// of it is ever done, and what is good is not spoilt by what stands before it.
func TestEveryMemberThroughTheDoors(t *testing.T) {
	const network = "52d545708708f41ed7162ff641626de0568b2bd098e5640233ce4a387d9c5aa8"
	const at = 1_700_000_000_500
	r := newReplay(t, network, at)
	k, err := signing.UserKeyFromSecret(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	to := "2c7536e3605d9c16a7a3d7b1898e529396a65c23000000000000000000000000"
	raw := map[string]string{ // beside type, networkId, timestamp and from
		"register":             `"alias":"alice","aliasHash":"` + signing.Hash([]byte("alice")) + `","publicKey":"` + k.PublicKey() + `","private":false`,
		"create":               `"amount":{"dataType":"bi","value":"5"}`,
		"transfer":             `"to":"TO","chatId":"CHAT","amount":{"dataType":"bi","value":"5"},"fee":{"dataType":"bi","value":"de0b6b3a7640000"},"xmemo":{"message":"x"}`,
		"message":              `"to":"TO","chatId":"CHAT","amount":{"dataType":"bi","value":"5"},"fee":{"dataType":"bi","value":"de0b6b3a7640000"},"message":"hello","xmessage":{"a":1}`,
		"toll":                 `"toll":{"dataType":"bi","value":"1bc16d674ec80000"},"tollUnit":"LIB","fee":{"dataType":"bi","value":"de0b6b3a7640000"}`,
		"read":                 `"to":"TO","chatId":"CHAT"`,
		"reclaim_toll":         `"to":"TO","chatId":"CHAT"`,
		"update_toll_required": `"to":"TO","chatId":"CHAT","required":1,"fee":{"dataType":"bi","value":"de0b6b3a7640000"}`,
		"deposit_stake":        `"nominator":"FROM","nominee":"NODE","stake":{"dataType":"bi","value":"5"}`,
		"withdraw_stake":       `"nominator":"FROM","nominee":"NODE","force":false`,
	}
	chat := signing.Hash([]byte(min(k.Address(), to) + max(k.Address(), to)))
	fill := strings.NewReplacer("TO", to, "CHAT", chat, "FROM", k.Address(), "NODE", strings.Repeat("ab", 32))
	for kind, rest := range raw {
		owner := "from"
		text := fill.Replace(fmt.Sprintf(`{"type":%q,"networkId":%q,"timestamp":%d,`, kind, network, at) + rest + `}`)
		if strings.Contains(text, `"nominator"`) {
			owner = "nominator"
		} else {
			text = strings.TrimSuffix(text, "}") + `,"from":"` + k.Address() + `"}`
		}
		unsigned, err := signing.ParseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		tx, err := k.Sign(unsigned)
		if err != nil {
			t.Fatal(err)
		}
		// What the state says of the good one; that of register is accepted.
		good := r.ask(string(signing.MustCanonical(tx)))
		for _, f := range append(fieldsOf[kind], ofAll(kind)...) {
			for what, bad := range withMissing() {
				want := f.reason
				if other := f.others[what]; other != "" {
					want = other
				}
				if strings.Contains(want, "%s") {
					want = fmt.Sprintf(want, owner)
				}
				refusal := fmt.Sprintf(`{"result":{"reason":%s,"status":400,"success":false}}`, signing.MustCanonical(want))
				t.Run(kind+" "+f.name+" "+what, func(t *testing.T) {
					own := member(tx, f.name)
					others := strings.TrimPrefix(string(signing.MustCanonical(without(tx, f.name))), "{")
					texts := map[string]string{
						"in place of it":    `{"` + f.name + `":` + bad + `,` + others,
						"after it":          `{"` + f.name + `":` + own + `,"` + f.name + `":` + bad + `,` + others,
						"beside prototypes": `{"__proto__":{"` + f.name + `":` + own + `},"constructor":1,"` + f.name + `":` + bad + `,` + others,
					}
					if what == "missing" {
						texts = map[string]string{"in place of it": `{` + others, "beside prototypes": `{"__proto__":{"` + f.name + `":` + own + `},` + others}
					}
					for how, text := range texts {
						if got := r.ask(text); want != "-" && got.Body != refusal && !firstAnswer(f.name, got, good) {
							t.Errorf("%s: %d %s, want %s", how, got.Status, got.Body, refusal)
						}
					}
					if what == "missing" {
						return
					}
					if got := r.ask(`{"` + f.name + `":` + bad + `,"` + f.name + `":` + own + `,` + others); got != good {
						t.Errorf("before it: %v, want %v", got, good)
					}
				})
			}
		}
	}
}

// firstAnswer reports whether it is the answer to a transaction that was accepted,
// which one with another sign is, too: the sign is no part of its id.
func firstAnswer(name string, got, good answer) bool {
	return name == "sign" && got == good && strings.Contains(good.Body, `"success":true`)
}

func withMissing() map[string]string {
	all := map[string]string{"missing": ""}
	for what, bad := range mistakes {
		all[what] = bad
	}
	return all
}

func without(tx signing.Object, name string) signing.Object {
	rest := signing.Object{}
	for n, v := range tx {
		if n != name {
			rest[n] = v
		}
	}
	return rest
}

func member(tx signing.Object, name string) string { return string(signing.MustCanonical(tx[name])) }

// ask injects a text as it is, by both doors, which must say the same.
func (r *replay) ask(text string) answer {
	r.t.Helper()
	body, err := json.Marshal(map[string]string{"tx": text})
	if err != nil {
		r.t.Fatal(err)
	}
	got := overChannel(r.t, r.api, "POST", "inject", string(body))
	if same, ok := overHTTP(r.t, r.api, "POST", "/inject", string(body)); !ok || same != got {
		r.t.Errorf("HTTP = %v, data channel = %v", same, got)
	}
	if bare := overChannel(r.t, r.api, "POST", "inject", text); bare != got {
		r.t.Errorf("bare = %v, within tx = %v", bare, got)
	}
	return got
}
