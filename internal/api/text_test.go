package api_test

import (
	"bytes"
	"testing"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/signing"
)

// FuzzMembers: of every object in canonical text each member is found, with its
// own text, in order, and no text at all makes the reader fail.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `7`, ``, `{"a":1}`, `{"a":[{"b":"}]\\\""},null],"b":{"c":[[]]},"c":"","d":-1.5e3,"e":true}`,
		`{"":{"":{}}}`, `{"a":"\\","b":"\"","zażółć 😀":"\ud800"}`, `{"a":`, `{"a"`, `{"a":"\`, `{"a":}`, `{"a":1}}{`, `{"a":[`, `{,}`, `{"a":1,}`, `"a":1`, `{"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for range api.MembersOf(raw) {
		}
		o, err := signing.ParseObject(raw)
		if err != nil {
			return
		}
		canonical, err := signing.Canonical(o)
		if err != nil {
			return
		}
		var rebuilt bytes.Buffer
		rebuilt.WriteByte('{')
		n := 0
		for name, value := range api.MembersOf(canonical) {
			if n++; n > 1 {
				rebuilt.WriteByte(',')
			}
			rebuilt.WriteString(`"` + name + `":`)
			rebuilt.Write(value)
			if want, found := o[name]; found {
				if text := signing.MustCanonical(want); !bytes.Equal(text, value) {
					t.Errorf("%s: member %q = %s, want %s", canonical, name, value, text)
				}
			}
		}
		rebuilt.WriteByte('}')
		if !bytes.Equal(rebuilt.Bytes(), canonical) || n != len(o) && canonical[0] == '{' {
			t.Errorf("members of %s make %s", canonical, &rebuilt)
		}
	})
}
