package ledger_test

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// FuzzPut: no text that parses makes Put panic or fail, every refusal says why,
// and money stays what it is. Each text is put as it is and, with the members
// that everything else depends on set right, signed.
func FuzzPut(f *testing.F) {
	for _, tx := range readVectors(f).UserTx {
		f.Add(tx.SignedTx)
	}
	two := userKey(1).Address()
	for _, text := range []string{
		`{}`,
		`{"type":"register","alias":"\ud800","private":null}`,
		`{"type":"create","amount":{"dataType":"bi","value":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}}`,
		`{"type":"create","amount":{"dataType":"bi","value":"5"},"timestamp":1.7e12}`,
		`{"type":"transfer","__proto__":{"amount":1},"amount":-1,"fee":null,"memo":{},"xmemo":[]}`,
		`{"type":"transfer","to":"7e5f4552091a69125d5dfcb7b8c2659029395bdf000000000000000000000000","amount":{"dataType":"bi","value":"1"},` +
			`"fee":{"dataType":"bi","value":"aacdb4f1e4cec4e"},"xmemo":{"message":"x","hash":"","messages":[]}}`,
		`{"type":"message","sign":{"owner":"x","sig":"0x"}}`,
		`{"type":"message","to":"` + two + `","amount":{"dataType":"bi","value":"d581222e5e027627"},"message":"\ud800","xmessage":{"hash":"","messages":[]},` +
			`"fee":{"dataType":"bi","value":"aacdb4f1e4cec4e"}}`,
		`{"type":"read","to":"` + two + `","hash":""}`,
		`{"type":"reclaim_toll","to":"` + two + `"}`,
		`{"type":"update_toll_required","to":"` + two + `","required":2,"required":1}`,
		`{"type":"toll","toll":{"dataType":"bi","value":"d581222e5e027627"},"tollUnit":"USD"}`,
		`{"type":"deposit_stake","nominee":"` + strings.Repeat("ab", 32) + `","stake":{"dataType":"bi","value":"29b338ad0e5c7b13b1"}}`,
		`{"type":"withdraw_stake","nominee":"` + strings.Repeat("ab", 32) + `","force":true}`,
		`{"type":{"dataType":"bb","value":"AAAA"},"networkId":{"dataType":"u8ab","value":"AAAA"},"timestamp":1e400}`,
	} {
		f.Add(text)
	}
	l := open(f, config())
	keys := users(f, l, 2)
	apply(f, l, keys[0], createTx(keys[0], lib(1_000_000_000)))
	f.Fuzz(func(t *testing.T, text string) {
		tx, err := signing.ParseObject([]byte(text))
		if err != nil {
			return
		}
		fuzzPut(t, l, tx)
		fixed := with(tx, signing.Object{
			"networkId": networkID, "timestamp": float64(now.UnixMilli()), "from": keys[0].Address(), "publicKey": keys[0].PublicKey(),
			"nominator": keys[0].Address(),
		})
		if to, ok := tx["to"].(string); ok {
			fixed["chatId"] = ledger.ChatID(keys[0].Address(), to)
		}
		if alias, ok := tx["alias"].(string); ok {
			fixed["aliasHash"] = signing.Hash([]byte(alias))
		}
		if signed, err := keys[0].Sign(fixed); err == nil {
			fuzzPut(t, l, signed)
		}
	})
}

func fuzzPut(t *testing.T, l *ledger.Ledger, tx signing.Object) {
	t.Helper()
	r, err := l.Put(context.Background(), tx)
	switch {
	case err != nil:
		t.Fatalf("Put = %v", err)
	case r.Reason == "" || !utf8.ValidString(r.Reason) || len(r.Reason) > 1000:
		t.Fatalf("Put = %+v", r)
	case r.Success != (r.Status == 200) || r.Success != (r.TxID != ""):
		t.Fatalf("Put = %+v", r)
	case !r.Success && r.Status != 400 && !(r.Status == 500 && strings.HasPrefix(r.Reason, "PreCrack has failed. ")):
		t.Fatalf("Put = %+v", r)
	}
	if !r.Success {
		return
	}
	for _, name := range []string{"from", "to", "chatId", "nominator", "nominee"} {
		id, _ := tx[name].(string)
		a := account(t, l, id)
		if a == nil {
			continue
		}
		checkHash(t, a)
		if data, ok := a["data"].(signing.Object); ok && data["balance"].(*big.Int).Sign() < 0 {
			t.Fatal("negative balance")
		}
	}
}
