package signaling

import (
	"encoding/json"
	"strings"
	"testing"
)

// nesting is how deep a well-formed text is nested.
func nesting(text string) int {
	depth, most, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return most
}

// FuzzValueEnd compares the check with that of encoding/json.
func FuzzValueEnd(f *testing.F) {
	for _, s := range []string{
		"", "{", "}", "[]", "{}", "[ ]", "{ }", `[1,]`, `{,}`, `{"a":1,}`, `[,1]`, `{"a"}`, `{"a":}`, `{"a" : [ { } , [ ] ] }`, `[}`, `{"a":1]`, `{"a":1}}`,
		"0", "-0", "01", "-", "1.", "1.5", ".5", "1e", "1e+", "1e+5", "1E-50", "+1", "true", "tru", "nullx", "falsetrue",
		`"`, `""`, `"abcdefgh"`, `"abcdefg\"`, `"abcdefg\n"`, `"\u00zz"`, `"\u00fF"`, `"\u00f"`, `"\x"`, "\"\x1f\"", "\"abcdefgh\x00\"", "\"\xff\x80\"", "\"\x7f\"",
		"\xef\xbb\xbf{}", "1 2", "[1 2]", `{"a":1 "b":2}`, `{1:2}`, `{"a"::1}`, strings.Repeat("[", 600), strings.Repeat("[", 512) + strings.Repeat("]", 512),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := valueEnd(text, skipSpace(text, 0))
		got := end >= 0 && skipSpace(text, end) == len(text)
		if want := json.Valid(text) && nesting(string(text)) <= maxNesting; got != want {
			t.Errorf("valueEnd(%q) = %d, well-formed = %v", text, end, want)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	msg := []byte(`{"type":"OFFER","payload":{"sdp":{"type":"offer","sdp":"` +
		strings.Repeat(`a=candidate:1 1 udp 2122260223 192.0.2.7 54321 typ host generation 0 ufrag Tz4x network-id 1\r\n`, 15) + `"}},"dst":"someone"}`)
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, err := parse(msg); err != nil {
			b.Fatal(err)
		}
	}
}
