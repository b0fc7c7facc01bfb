package ledger_test

import (
	"context"
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
	for _, text := range []string{
		`{}`,
		`{"type":"register","alias":"\ud800","private":null}`,
		`{"type":"create","amount":{"dataType":"bi","value":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}}`,
		`{"type":"create","amount":{"dataType":"bi","value":"5"},"timestamp":1.7e12}`,
		`{"type":"transfer","__proto__":{"amount":1},"amount":-1,"fee":null,"memo":{},"xmemo":[]}`,
		`{"type":"transfer","to":"7e5f4552091a69125d5dfcb7b8c2659029395bdf000000000000000000000000","amount":{"dataType":"bi","value":"1"},` +
			`"fee":{"dataType":"bi","value":"aacdb4f1e4cec4e"},"xmemo":{"message":"x","hash":"","messages":[]}}`,
		`{"type":"message","sign":{"owner":"x","sig":"0x"}}`,
		`{"type":{"dataType":"bb","value":"AAAA"},"networkId":{"dataType":"u8ab","value":"AAAA"},"timestamp":1e400}`,
	} {
		f.Add(text)
	}
	l := open(f, config())
	keys := users(f, l, 2)
	f.Fuzz(func(t *testing.T, text string) {
		tx, err := signing.ParseObject([]byte(text))
		if err != nil {
			return
		}
		fuzzPut(t, l, tx)
		fixed := with(tx, signing.Object{
			"networkId": networkID, "timestamp": float64(now.UnixMilli()), "from": keys[0].Address(), "publicKey": keys[0].PublicKey(),
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
	checkHash(t, account(t, l, tx["from"].(string)))
	if balance(t, l, tx["from"].(string)).Sign() < 0 {
		t.Fatal("negative balance")
	}
	if chat, ok := tx["chatId"].(string); ok && tx["type"] == "transfer" && receipt(t, l, r.TxID)["success"] == true {
		checkHash(t, account(t, l, chat))
	}
}
