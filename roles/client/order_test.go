package client_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/roles/client"
)

// Of every type a node takes the transaction that an order builds; where it refuses, then for the
// accounts' sake, and not for what the transaction looks like.
func TestEveryTransaction(t *testing.T) {
	d := startDevnet(t, 1)
	c, err := client.New(configFor(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	me, you := newKey(t), newKey(t)
	node := d.Consensors[0].PeerID()
	for _, tt := range []struct {
		name   string
		order  client.Order
		by     client.Key
		reason string // of the refusal
	}{
		{"a user", client.Order{Kind: "register", Alias: "me"}, me, ""},
		{"another", client.Order{Kind: "register", Alias: "you"}, you, ""},
		{"funds", client.Order{Kind: "create", Amount: "1000"}, me, ""},
		{"a transfer", client.Order{Kind: "transfer", To: you.Address(), Amount: "20", Memo: "thanks"}, me, ""},
		{"a message", client.Order{Kind: "message", To: you.Address(), Message: "hello", Amount: "16"}, me, ""},
		{"a reading", client.Order{Kind: "read", To: me.Address()}, you, ""},
		{"a toll in LIB", client.Order{Kind: "toll", Amount: "20"}, me, ""},
		{"a toll in USD", client.Order{Kind: "toll", Amount: "0.5", Unit: "USD", Fee: "1"}, me, ""},
		{"no toll", client.Order{Kind: "toll"}, you, ""},
		{"a friend", client.Order{Kind: "update_toll_required", To: me.Address(), Required: 0}, you, ""},
		{"a toll back, too early", client.Order{Kind: "reclaim_toll", To: you.Address()}, me, "PreCrack has failed."},
		{"a stake", client.Order{Kind: "deposit_stake", Node: node, Amount: "900"}, me, ""},
		{"no stake to give back", client.Order{Kind: "withdraw_stake", Node: node}, you, "PreCrack has failed."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tx, err := c.Sign(t.Context(), tt.order, tt.by)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.InjectWait(t.Context(), tx)
			if tt.reason == "" && err != nil || tt.reason != "" && (!errors.Is(err, client.ErrRefused) || !strings.HasPrefix(got.Reason, tt.reason)) {
				t.Errorf("= %+v, %v; want it taken, or refused with %q", got, err, tt.reason)
			}
		})
	}
}

func newKey(t *testing.T) client.Key {
	t.Helper()
	k, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
