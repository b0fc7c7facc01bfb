package signaling

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID    = 128 // bytes
	maxToken = 512 // bytes
)

// credentials are what a WebSocket URL must carry.
type credentials struct{ key, id, token string }

// parseCredentials reads a raw query as the WHATWG URL standard's form parser
// does: plus is a space, a broken escape stays as it is, bytes that are not
// UTF-8 become U+FFFD, a semicolon is data, and the last of several equal
// names wins. [net/url] differs in three of these.
func parseCredentials(raw string) credentials {
	var c credentials
	raw, _, _ = strings.Cut(raw, "#")
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch decodeForm(name) {
		case "key":
			c.key = decodeForm(value)
		case "id":
			c.id = decodeForm(value)
		case "token":
			c.token = decodeForm(value)
		}
	}
	return c
}

func decodeForm(s string) string {
	if !strings.ContainsAny(s, "+%") && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return toUTF8(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// toUTF8 replaces each longest prefix of a character that was cut short, and
// each other stray byte, with one U+FFFD, as the WHATWG decoder does.
func toUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = truncated(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// truncated returns how many bytes at the start of b, where no whole character
// is, are the start of one; at least 1.
func truncated(b []byte) int {
	for n := min(3, len(b)); n > 1; n-- {
		whole := [4]byte{0x80, 0x80, 0x80, 0x80} // would complete any start
		copy(whole[:], b[:n])
		if r, size := utf8.DecodeRune(whole[:]); r != utf8.RuneError && size > n {
			return n
		}
	}
	return 1
}

// validID reports whether an id may be registered: 1 to 128 bytes of UTF-8
// without control characters.
func validID(id string) bool {
	return id != "" && len(id) <= maxID && utf8.ValidString(id) && !hasControl(id)
}

// brief is an id for the log: what was refused may be as long as a URL.
func brief(id string) string { return id[:min(len(id), maxID)] }

func validToken(token string) bool {
	return token != "" && len(token) <= maxToken && !hasControl(token)
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// isKeyID reports whether an id has the form of a public key: 64 lower-case
// hex digits.
func isKeyID(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}
