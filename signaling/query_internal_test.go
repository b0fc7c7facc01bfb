package signaling

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseCredentials(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		want        credentials
	}{
		{"empty", "", credentials{}},
		{"plain", "key=k&id=i&token=t", credentials{"k", "i", "t"}},
		{"any order, others between", "token=t&x&=&id=i&&y=1&key=k", credentials{"k", "i", "t"}},
		{"last wins", "id=a&id=b", credentials{id: "b"}},
		{"an empty last wins", "id=a&id=", credentials{id: ""}},
		{"no value", "id=a&id", credentials{id: ""}},
		{"equals signs", "id=a=b==", credentials{id: "a=b=="}},
		{"escaped name", "%69d=a", credentials{id: "a"}},
		{"plus and its escape", "id=a+b%2Bc", credentials{id: "a b+c"}},
		{"broken escapes", "id=%zz%4%%41%", credentials{id: "%zz%4%A%"}},
		{"semicolon", "id=a;token=b", credentials{id: "a;token=b"}},
		{"fragment", "id=a#b&token=t", credentials{id: "a"}},
		{"UTF-8", "id=%E2%82%AC€", credentials{id: "€€"}},
		{"stray bytes", "id=%ffa%80%C3", credentials{id: "\ufffda\ufffd\ufffd"}},
		{"cut character", "id=%E2%82x%F0%9F%98", credentials{id: "\ufffdx\ufffd"}},
		{"overlong and surrogate", "id=%C0%80%ED%A0%80", credentials{id: strings.Repeat("\ufffd", 5)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseCredentials(tt.query); got != tt.want {
				t.Errorf("parseCredentials(%q) = %q, want %q", tt.query, got, tt.want)
			}
		})
	}
}

// FuzzParseCredentials: what a form encoder writes is read back, and whatever
// else comes is read as UTF-8.
func FuzzParseCredentials(f *testing.F) {
	for _, s := range []string{"", "key=k&id=i&token=t", "id=%zz", "id=%E2%82", "id=a+b;c#d", "\xff=%ff&%", "%69d=%00", "id=%F4%90%80%80"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, raw, text string) {
		c := parseCredentials(raw)
		for _, s := range []string{c.key, c.id, c.token} {
			if !utf8.ValidString(s) {
				t.Errorf("parseCredentials(%q) = %q, not UTF-8", raw, c)
			}
		}
		if !strings.ContainsRune(raw, '#') {
			encoded := raw + "&" + url.Values{"key": {text}, "id": {text}, "token": {text}}.Encode()
			want := toUTF8([]byte(text))
			if got := parseCredentials(encoded); got != (credentials{want, want, want}) {
				t.Errorf("%q was read as %q, want %q", encoded, got, want)
			}
		}
	})
}
