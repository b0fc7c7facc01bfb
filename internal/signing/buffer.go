package signing

import (
	"errors"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// bufferData reports whether o without skip has the form in which JSON.stringify writes
// a Buffer, {"type":"Buffer","data":…}, which safeStringify turns into bytes again.
func bufferData(o Object, skip string) (data []byte, ok bool, err error) {
	n := len(o)
	if _, found := o[skip]; found && skip != "" {
		n--
	}
	if n != 2 || o["type"] != "Buffer" {
		return nil, false, nil
	}
	switch v := o["data"].(type) {
	case Buffer:
		return v, true, nil
	case Bytes:
		return v, true, nil
	case string:
		return validUTF8(v), true, nil
	case []any:
		data, err = octets(v)
		return data, true, err
	}
	return nil, false, nil
}

// validUTF8 returns the UTF-8 of s, in which a lone surrogate becomes U+FFFD.
func validUTF8(s string) []byte {
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, n := decode(s)
		s = s[n:]
		if utf16.IsSurrogate(r) {
			r = utf8.RuneError
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// octets converts as a Uint8Array does: fractions are cut, the rest is modulo 256.
func octets(a []any) ([]byte, error) {
	b := make([]byte, len(a))
	for i, v := range a {
		switch v := v.(type) {
		case nil:
		case bool:
			if v {
				b[i] = 1
			}
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				b[i] = byte(int64(math.Mod(math.Trunc(v), 256)))
			}
		default:
			return nil, errors.New("a Buffer of something but numbers")
		}
	}
	return b, nil
}
