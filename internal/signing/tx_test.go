package signing_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/signing"
)

// TestTxText: what a Tx gives is what Canonical and HashUnsigned give, wherever
// its sign stands among the other members.
func TestTxText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := signing.Object{}
		name := rapid.SampledFrom([]string{"", "a", "sig", "sigm", "sigo", "signa", "sign\x00", "t", "type", "data", "é", "\xed\xa0\x80"})
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			o[name.Draw(t, "name")] = value(2).Draw(t, "value")
		}
		if rapid.Bool().Draw(t, "buffer") {
			o["type"], o["data"] = "Buffer", []any{1.0}
		}
		if rapid.Bool().Draw(t, "signed") {
			o["sign"] = value(2).Draw(t, "sign")
		}
		id, idErr := signing.HashUnsigned(o)
		tx, err := signing.NewTx(o)
		if (err != nil) != (idErr != nil) {
			t.Fatalf("NewTx = %v, HashUnsigned = %v", err, idErr)
		}
		if err != nil {
			return
		}
		if tx.ID() != id {
			t.Fatalf("ID = %s, want %s", tx.ID(), id)
		}
		want, wantErr := signing.Canonical(o)
		got, err := tx.Text()
		if string(got) != string(want) || (err != nil) != (wantErr != nil) {
			t.Fatalf("Text = %s, %v, want %s, %v", got, err, want, wantErr)
		}
	})
}

// A sign that has no text spoils Text alone: it is not a part of what is signed.
func TestTxWithAWrongSign(t *testing.T) {
	deep := nest(signing.MaxDepth-1, 1.0) // within sign it is too deep
	for name, sign := range map[string]any{"another type": struct{}{}, "too deep": signing.Object{"x": deep}} {
		tx, err := signing.NewTx(signing.Object{"a": 1, "sign": sign})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if text, err := tx.Text(); err == nil {
			t.Errorf("%s: Text = %s, want an error", name, text)
		}
		if _, err := tx.Verify(); !errors.Is(err, signing.ErrNoSignature) {
			t.Errorf("%s: Verify = %v", name, err)
		}
	}
	if _, err := signing.NewTx(signing.Object{"a": struct{}{}}); err == nil {
		t.Error("NewTx of a struct = nil error")
	}
}

func TestMembers(t *testing.T) {
	good := signing.Members{"a", 1, "b", signing.Members{}, "c", []any{signing.Members{"", nil}}, "😀", "x", "\ue000", true}
	if got, want := canonical(t, good), `{"a":1,"b":{},"c":[{"":null}],"😀":"x","`+"\ue000"+`":true}`; got != want {
		t.Errorf("Canonical = %s, want %s", got, want)
	}
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"out of order", signing.Members{"b", 1, "a", 1}, `member "a": out of order after "b"`},
		{"twice", signing.Members{"a", 1, "a", 1}, "out of order"},
		{"code points", signing.Members{"\ue000", 1, "😀", 1}, "out of order"},
		{"no text", signing.Members{"a", struct{}{}}, `member "a"`},
		{"no value", signing.Members{"a"}, "has no value"},
		{"no name", signing.Members{1, 2}, "a int is no name"},
		{"too deep", nest(signing.MaxDepth, signing.Members{}), "nested deeper"},
	} {
		if text, err := signing.Canonical(tt.v); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Canonical = %s, %v, want %q", tt.name, text, err, tt.want)
		}
	}
}
