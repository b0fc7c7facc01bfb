package ledger_test

import (
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestStrangersInSign: what somebody on the way adds inside sign, which no
// signature covers, changes neither the id nor the answer, is not applied twice
// and is not kept.
func TestStrangersInSign(t *testing.T) {
	for _, tt := range []struct {
		name  string
		added signing.Object
	}{
		{"a word", signing.Object{"note": "not mine"}},
		{"an object", signing.Object{"proof": signing.Object{"message": "not mine"}}},
		{"an empty name", signing.Object{"": nil}},
		{"more than a chat takes", signing.Object{"x": strings.Repeat("x", 2*ledger.MaxTransfer)}},
		{"deeper than a chat takes", signing.Object{"x": nested(40)}},
		{"what has no canonical text", signing.Object{"x": signing.Object{"type": "Buffer", "data": []any{"x"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			plain := sign(p.alice, with(transferTx(p.alice, p.bob.Address(), one), signing.Object{"timestamp": float64(p.clock.UnixMilli())}))
			padded := with(plain, signing.Object{"sign": with(plain["sign"].(signing.Object), tt.added)})
			first := put(t, p.l, padded)
			if !first.Success {
				t.Fatalf("Put = %+v, want success", first)
			}
			left := balance(t, p.l, p.alice.Address())
			for name, tx := range map[string]signing.Object{"as it was signed": plain, "with it": padded} {
				if again := put(t, p.l, tx); again != first {
					t.Errorf("Put again, %s = %+v, want %+v", name, again, first)
				}
			}
			if got := balance(t, p.l, p.alice.Address()); got.Cmp(left) != 0 {
				t.Errorf("alice has %d afterwards, want %d", got, left)
			}
			want := string(signing.MustCanonical([]any{plain}))
			if got := string(signing.MustCanonical(p.chat(t)["messages"])); got != want {
				t.Errorf("the chat keeps %.400s, want %s", got, want)
			}
			if added := padded["sign"].(signing.Object); len(added) != 3 {
				t.Errorf("Put took members out of its caller's object: %v", added)
			}
		})
	}
}
