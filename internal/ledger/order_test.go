package ledger_test

import (
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// TestLateNews: what comes later is told of under a later time, whatever time its
// sender has given it, so that nobody misses it who asks for what is newer.
func TestLateNews(t *testing.T) {
	p, carol := newPair(t), userKey(7)
	apply(t, p.l, carol, registerTx(carol, "carol"))
	for _, k := range []signing.Key{p.alice, carol} {
		apply(t, p.l, k, createTx(k, lib(1000)))
	}
	at := func(k signing.Key, tx signing.Object, after time.Duration) signing.Object {
		t.Helper()
		ts := float64(p.clock.Add(after).UnixMilli())
		if r := accept(t, p.l, sign(k, with(tx, signing.Object{"timestamp": ts}))); r["success"] != true {
			t.Fatal(r)
		}
		data := account(t, p.l, p.bob.Address())["data"].(signing.Object)
		return signing.Object{"sent": ts, "told": data["chatTimestamp"], "chats": data["chats"]}
	}
	bob := p.bob.Address()
	first := at(p.alice, messageTx(p.alice, bob, lib(100)), 4*time.Second)
	if first["told"] != first["sent"] {
		t.Errorf("first told under %v, want its own time %v", first["told"], first["sent"])
	}
	last := first["told"].(float64)
	for name, s := range map[string]signing.Object{
		"a message of another":  at(carol, messageTx(carol, bob, lib(100)), -2*time.Second),
		"a transfer of another": at(carol, transferTx(carol, bob, one), -3*time.Second),
	} {
		if s["told"].(float64) <= last {
			t.Errorf("%s: told under %v, want a later time than %v", name, s["told"], last)
		}
	}
	now := account(t, p.l, bob)["data"].(signing.Object)
	ref := now["chats"].(signing.Object)[carol.Address()].(signing.Object)
	if ref["receivedTimestamp"] != now["chatTimestamp"] {
		t.Errorf("the chat is told of under %v, want %v", ref["receivedTimestamp"], now["chatTimestamp"])
	}
}
