package signing

import (
	"cmp"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the first code point of s and how many bytes it takes. A lone
// surrogate in WTF-8 is returned as it is, two that are a pair as the character
// they stand for, and a byte that is neither UTF-8 nor WTF-8 as U+FFFD.
func decode(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || n != 1 {
		return r, n
	}
	high, ok := surrogate(s)
	if !ok {
		return utf8.RuneError, 1
	}
	if low, ok := surrogate(s[3:]); ok {
		if pair := utf16.DecodeRune(high, low); pair != utf8.RuneError {
			return pair, 6
		}
	}
	return high, 3
}

// surrogate returns the surrogate whose three bytes s begins with.
func surrogate(s string) (rune, bool) {
	if len(s) < 3 || s[0] != 0xed || s[1]&0xe0 != 0xa0 || s[2]&0xc0 != 0x80 {
		return 0, false
	}
	return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), true
}

// appendWTF8 is utf8.AppendRune that keeps surrogates.
func appendWTF8(b []byte, r rune) []byte {
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(b, r)
	}
	return append(b, 0xed, 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

const hexDigits = "0123456789abcdef"

// appendString appends s in quotes with the escapes of JSON.stringify.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0 // of what is copied unchanged
	for i := 0; i < len(s); {
		c, n := s[i], 1
		if ' ' <= c && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		r := rune(c)
		if c >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			r, n = decode(s[i:])
		}
		b = append(b, s[from:i]...)
		b = appendEscaped(b, r)
		i += n
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// appendEscaped appends a character that does not stand for itself.
func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if r >= ' ' && !utf16.IsSurrogate(r) {
		return utf8.AppendRune(b, r)
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// compareKeys orders member names by UTF-16 code unit, as JavaScript sorts.
func compareKeys(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	switch {
	case i < n && (a[i] >= utf8.RuneSelf || b[i] >= utf8.RuneSelf):
	case i < len(a) && a[i] >= utf8.RuneSelf:
	case i < len(b) && b[i] >= utf8.RuneSelf:
	case i < n:
		return cmp.Compare(a[i], b[i])
	default:
		return cmp.Compare(len(a), len(b))
	}
	// The second comparison is for names that differ only in bytes that are no UTF-8.
	return cmp.Or(slices.Compare(codeUnits(a), codeUnits(b)), cmp.Compare(a, b))
}

func codeUnits(s string) []uint16 {
	units := make([]uint16, 0, len(s))
	for len(s) > 0 {
		r, n := decode(s)
		s = s[n:]
		if utf16.IsSurrogate(r) {
			units = append(units, uint16(r)) // AppendRune would replace it
		} else {
			units = utf16.AppendRune(units, r)
		}
	}
	return units
}
