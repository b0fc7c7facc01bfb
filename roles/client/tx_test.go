package client_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/roles/client"
)

func TestParseLIB(t *testing.T) {
	for _, tt := range []struct {
		text, wei string // wei "" = refused
	}{
		{"1", "1000000000000000000"},
		{"0.5", "500000000000000000"},
		{".5", "500000000000000000"},
		{"12.", "12000000000000000000"},
		{"0.000000000000000001", "1"},
		{"007", "7000000000000000000"},
		{"0", "0"},
		{"0.0000000000000000001", ""},
		{"", ""},
		{".", ""},
		{"-1", ""},
		{"+1", ""},
		{"1e3", ""},
		{"1,5", ""},
		{"1.2.3", ""},
		{strings.Repeat("9", 41), ""},
	} {
		got, err := client.ParseLIB(tt.text)
		switch {
		case tt.wei == "" && err == nil:
			t.Errorf("ParseLIB(%q) = %v, want an error", tt.text, got)
		case tt.wei != "" && (err != nil || got.String() != tt.wei):
			t.Errorf("ParseLIB(%q) = %v, %v, want %s", tt.text, got, err, tt.wei)
		}
	}
}

func TestFormatLIBIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wei := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 15).Draw(t, "wei"))
		got, err := client.ParseLIB(client.FormatLIB(wei))
		if err != nil || got.Cmp(wei) != 0 {
			t.Fatalf("%v is written %q and read %v, %v", wei, client.FormatLIB(wei), got, err)
		}
	})
}

func TestOrderValidate(t *testing.T) {
	to := strings.Repeat("a", 64)
	for _, tt := range []struct {
		name  string
		order client.Order
		says  []string // none: valid
	}{
		{name: "register", order: client.Order{Kind: "register", Alias: "alice1"}},
		{name: "create", order: client.Order{Kind: "create", Amount: "3"}},
		{name: "transfer", order: client.Order{Kind: "transfer", To: to, Amount: "0.1", Fee: "1"}},
		{name: "no name", order: client.Order{Kind: "register"}, says: []string{"--alias"}},
		{name: "an upper-case name", order: client.Order{Kind: "register", Alias: "Alice"}, says: []string{"--alias"}},
		{name: "a long name", order: client.Order{Kind: "register", Alias: strings.Repeat("a", 21)}, says: []string{"--alias"}},
		{name: "no amount", order: client.Order{Kind: "create"}, says: []string{"--amount"}},
		{name: "nothing", order: client.Order{Kind: "create", Amount: "0.00"}, says: []string{"--amount"}},
		{name: "another kind", order: client.Order{Kind: "vote"}, says: []string{"vote"}},
		{name: "message", order: client.Order{Kind: "message", To: to, Message: "hi"}},
		{name: "no message", order: client.Order{Kind: "message", To: to, Amount: "-1"}, says: []string{"--message", "--amount"}},
		{name: "a long memo", order: client.Order{Kind: "transfer", To: to, Amount: "1", Memo: strings.Repeat("é", 141)}, says: []string{"--memo"}},
		{name: "toll", order: client.Order{Kind: "toll", Amount: "0", Unit: "USD"}},
		{name: "a toll of another unit", order: client.Order{Kind: "toll", Unit: "EUR"}, says: []string{"--unit"}},
		{name: "update_toll_required", order: client.Order{Kind: "update_toll_required", To: to, Required: 3}, says: []string{"--required"}},
		{name: "stake", order: client.Order{Kind: "deposit_stake", Node: to, Amount: "5"}},
		{name: "stake on nobody", order: client.Order{Kind: "deposit_stake", Node: "x", Amount: "5"}, says: []string{"--node"}},
		{name: "stake back", order: client.Order{Kind: "withdraw_stake", Node: to, Force: true}},
		{name: "everything wrong", order: client.Order{Kind: "transfer", To: "bob", Amount: "x", Fee: "y"}, says: []string{"--to", "--amount", "--fee"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.order.Validate()
			if (err == nil) != (len(tt.says) == 0) {
				t.Fatalf("Validate = %v, want mistakes %v", err, tt.says)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Validate = %v, want it to name %s", err, part)
				}
			}
		})
	}
}
