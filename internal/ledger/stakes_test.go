package ledger_test

import (
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestStakeKeepsNobodyOut: a stake on the id of a name, a user or a chat to come
// takes it from nobody, wherever the ledger has kept it, and can be withdrawn
// afterwards.
func TestStakeKeepsNobodyOut(t *testing.T) {
	victim := userKey(9)
	for _, tt := range []struct {
		name    string
		place   func(p *pair) string
		take    func(p *pair) (*signing.UserKey, signing.Object)
		because string // the id is another account's afterwards
	}{
		{"a name", func(*pair) string { return signing.Hash([]byte("satoshi")) }, func(*pair) (*signing.UserKey, signing.Object) {
			return victim, registerTx(victim, "satoshi")
		}, "AliasAccount"},
		{"a user who registers", func(*pair) string { return victim.Address() }, func(*pair) (*signing.UserKey, signing.Object) {
			return victim, registerTx(victim, "victim")
		}, "UserAccount"},
		{"a user who makes funds", func(*pair) string { return victim.Address() }, func(*pair) (*signing.UserKey, signing.Object) {
			return victim, createTx(victim, one)
		}, "UserAccount"},
		{"a chat", func(p *pair) string { return ledger.ChatID(p.alice.Address(), p.bob.Address()) }, func(p *pair) (*signing.UserKey, signing.Object) {
			return p.alice, transferTx(p.alice, p.bob.Address(), one)
		}, "ChatAccount"},
	} {
		for _, old := range []bool{false, true} {
			name := tt.name
			if old {
				name += ", in an old ledger"
			}
			t.Run(name, func(t *testing.T) {
				p, mallory := newPair(t), userKey(5)
				place := tt.place(p)
				do := func(k *signing.UserKey, tx signing.Object) {
					t.Helper()
					if _, r := p.put(t, k, tx); !r.Success {
						t.Fatal(r)
					}
					checkSum(t, p.l)
				}
				do(mallory, registerTx(mallory, "mallory"))
				do(mallory, createTx(mallory, lib(20_000)))
				do(mallory, depositTx(mallory, place, lib(10_000)))
				if old {
					if err := p.l.Misplace(place); err != nil {
						t.Fatal(err)
					}
				}
				if a := account(t, p.l, place); a["type"] != "NodeAccount" {
					t.Errorf("account after the stake = %v, want the node's", a)
				}
				k, tx := tt.take(p)
				p.clock = p.clock.Add(1)
				r := accept(t, p.l, sign(k, with(tx, signing.Object{"timestamp": float64(p.clock.UnixMilli())})))
				if r["success"] != true {
					t.Fatalf("receipt = %s, want success", signing.MustCanonical(r))
				}
				checkSum(t, p.l)
				if a := account(t, p.l, place); a["type"] != tt.because {
					t.Errorf("account = %v, want a %s", a, tt.because)
				}
				if _, r := p.put(t, mallory, depositTx(mallory, place, one)); r.Reason != "PreCrack has failed. nominee account is not a NodeAccount" {
					t.Errorf("more stake: %+v, want a refusal", r)
				}
				do(mallory, withdrawTx(mallory, place))
				left, want := balance(t, p.l, mallory.Address()), lib(20_050)
				if want.Sub(want, fee).Sub(want, fee); left.Cmp(want) != 0 {
					t.Errorf("balance after the withdrawal = %d, want %d", left, want)
				}
			})
		}
	}
}

// TestWithdrawnStakeLeavesNothing: also where an old ledger had it.
func TestWithdrawnStakeLeavesNothing(t *testing.T) {
	for _, old := range []bool{false, true} {
		p := newPair(t)
		place := signing.Hash([]byte("satoshi"))
		for _, tx := range []signing.Object{createTx(p.alice, lib(20_000)), depositTx(p.alice, place, lib(10_000)), withdrawTx(p.alice, place)} {
			if _, r := p.put(t, p.alice, tx); !r.Success {
				t.Fatal(r)
			}
			if old && tx["type"] == "deposit_stake" {
				if err := p.l.Misplace(place); err != nil {
					t.Fatal(err)
				}
			}
		}
		if a := account(t, p.l, place); a != nil {
			t.Errorf("old %v: account = %v, want none", old, a)
		}
		checkSum(t, p.l)
	}
}
