package ledger_test

import (
	"math/big"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestStrangers: many who send a wei push each other out of a user's chats, not
// those whom the user has written to, and do not make the account larger than
// every peer can take.
func TestStrangers(t *testing.T) {
	p := newPair(t)
	apply(t, p.l, p.bob, createTx(p.bob, lib(1000)))
	apply(t, p.l, p.bob, messageTx(p.bob, p.alice.Address(), lib(100))) // the oldest of all
	keys, ids := make([]*signing.UserKey, ledger.MaxChats+10), []string(nil)
	for i := range keys {
		keys[i] = userKey(1000 + i)
		ids = append(ids, keys[i].Address())
	}
	if err := ledger.Seed(p.l, ids, lib(2)); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if _, r := p.put(t, k, transferTx(k, p.bob.Address(), big.NewInt(1))); !r.Success {
			t.Fatal(r)
		}
	}
	text, err := p.l.Account(t.Context(), p.bob.Address())
	if err != nil {
		t.Fatal(err)
	}
	chats := parse(t, text)["data"].(signing.Object)["chats"].(signing.Object)
	if len(chats) != ledger.MaxChats || len(text) > 57<<10 {
		t.Errorf("%d chats and %d bytes, want %d and under 57 KB, so that there is room for a post-quantum key", len(chats), len(text), ledger.MaxChats)
	}
	for name, id := range map[string]string{"whom bob wrote to": p.alice.Address(), "the newest": ids[len(ids)-1]} {
		if chats[id] == nil {
			t.Errorf("%s has been forgotten", name)
		}
	}
	if chats[ids[0]] != nil {
		t.Error("the oldest stranger is still there")
	}
}
