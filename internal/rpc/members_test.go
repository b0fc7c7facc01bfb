package rpc_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/liberdus/liberdus/internal/rpc"
)

// FuzzMembers: an object is taken apart as encoding/json takes it apart.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, `[]`, `{"a":1}`, `{"a":1,"a":2}`, `{ "a" : [ {"b":"]}"} , -1.5e9 ] , "c":null }`,
		`{"\u0061":"\"","b\\":{}}`, `{"":true,"x":"\\"}`, `{"a":1}x`, `{"a":"\ud800","` + "\u00e9" + `":0}`,
		`{"id":"1","url":"x","method":"GET","body":{"a":[{}]},"timeout":5}`, `"x"`, `null`, `{"a":[[[1,2],[]],{"b":{}}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) || !utf8.Valid(text) {
			return
		}
		var want map[string]json.RawMessage
		err := json.Unmarshal(text, &want)
		got := map[string]json.RawMessage{}
		isObject := rpc.Members(text, func(name, value []byte) {
			var plain string
			if err := json.Unmarshal(name, &plain); err != nil {
				t.Fatalf("name %q: %v", name, err)
			}
			got[plain] = value
			if !rpc.MemberIs(name, plain) || rpc.MemberIs(name, plain+"x") {
				t.Errorf("name %q is not taken for %q alone", name, plain)
			}
		})
		if isObject != (err == nil && want != nil) {
			t.Fatalf("object: %v, want %v (%v)", isObject, want != nil, err)
		}
		if len(got) != len(want) && isObject {
			t.Fatalf("%d members, want %d: %q", len(got), len(want), text)
		}
		for name, value := range want {
			if !bytes.Equal(got[name], value) {
				t.Errorf("member %q = %q, want %q", name, got[name], value)
			}
		}
	})
}
