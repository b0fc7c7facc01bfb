package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	for _, tt := range []struct {
		name, doc string
		want      []string
	}{
		{"members in order", `{"peer":"p","id":"x"}`, []string{"id    x", "peer  p"}},
		{"an object below its name", `{"account":{"alias":"a"}}`, []string{"account", "  alias  a"}},
		{"an amount", `{"balance":{"dataType":"bi","value":"2b5e3af16b1880000"}}`, []string{"balance  50 LIB"}},
		{"a fee of the network", `{"devProposalFee":{"dataType":"bi","value":"2b5e3af16b1880000"}}`, []string{"devProposalFee  50 LIB"}},
		{"an amount of dollars", `{"nodeRewardAmountUsd":{"dataType":"bi","value":"de0b6b3a7640000"}}`, []string{"nodeRewardAmountUsd  1 USD"}},
		{
			"a toll in dollars", `{"toll":{"dataType":"bi","value":"de0b6b3a7640000"},"tollUnit":"USD"}`,
			[]string{"toll      1 USD", "tollUnit  USD"},
		},
		{
			"a toll in LIB", `{"toll":{"dataType":"bi","value":"de0b6b3a7640000"},"tollUnit":"LIB"}`,
			[]string{"toll      1 LIB", "tollUnit  LIB"},
		},
		{"a number that is called after an amount", `{"feeCount":{"dataType":"bi","value":"ff"}}`, []string{"feeCount  255"}},
		{"another big number", `{"n":{"dataType":"bi","value":"ff"}}`, []string{"n  255"}},
		{"no big number", `{"n":{"dataType":"bi","value":"xyz"}}`, []string{"n", "  dataType  bi", "  value     xyz"}},
		{"a list", `{"nodes":[{"port":9001},{"port":9002}]}`, []string{"nodes  (2)", "  port  9001", "", "  port  9002", ""}},
		{"texts in a list", `{"peers":["a","b"]}`, []string{"peers  (2)", "  a", "  b"}},
		{"nothing, yes and no", `{"a":null,"b":true,"c":false}`, []string{"a  none", "b  yes", "c  no"}},
		{"a stranger's control characters", `{"a":"x\u001b[31my\n"}`, []string{"a  x [31my"}},
		{"a stranger's order of letters", `{"a":"x\u202ey\u200bz\u2028","b\u2066":1}`, []string{"a   x y z", "b   1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := newPage(&b).write(json.RawMessage(tt.doc)); err != nil {
				t.Fatal(err)
			}
			if got, want := b.String(), strings.Join(tt.want, "\n")+"\n"; got != want {
				t.Errorf("written is\n%swant\n%s", got, want)
			}
		})
	}
}

// Every amount of the network's own account has a unit.
func TestAmountsOfTheNetwork(t *testing.T) {
	text, err := os.ReadFile("internal/ledger/parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := newPage(&b).write(json.RawMessage(text)); err != nil {
		t.Fatal(err)
	}
	amounts := strings.Count(string(text), `"dataType":"bi"`)
	if got := strings.Count(b.String(), " LIB\n") + strings.Count(b.String(), " USD\n"); got != amounts || amounts < 10 {
		t.Errorf("%d of %d amounts have a unit:\n%s", got, amounts, &b)
	}
}

// There are no colours in a file or a pipe, whatever the environment says.
func TestColoursOnlyOnATerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, no := range []string{"", "1"} {
		t.Setenv("NO_COLOR", no)
		if p := newPage(f); p.bold != "" || p.plain != "" {
			t.Errorf("NO_COLOR=%q: a file is written to with colours", no)
		}
	}
}
