package signing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// jsSpace is what JavaScript calls white space, which it forgives after the
// digits of a bigint.
const jsSpace = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// revive turns a tagged object into the value it stands for. Other objects,
// those with an unknown tag among them, come back as they are.
func revive(o Object) (any, error) {
	switch o[tagMember] {
	case tagBigInt:
		return reviveBigInt(o[valueMember])
	case tagBuffer:
		if s, ok := o[valueMember].(string); ok {
			b, err := decodeBase64(s)
			return Buffer(b), err
		}
	case tagBytes:
		if s, ok := o[valueMember].(string); ok {
			b, err := decodeBase64(s)
			return Bytes(b), err
		}
	}
	return o, nil
}

// reviveBigInt reads hex digits. A number is read as JavaScript writes it: 10 is sixteen.
func reviveBigInt(v any) (*big.Int, error) {
	var digits string
	switch v := v.(type) {
	case string:
		digits = strings.TrimRight(v, jsSpace)
	case float64:
		digits = string(appendNumber(nil, v))
	default:
		return nil, errors.New("bigint without digits")
	}
	if digits == "" {
		return nil, errors.New("bigint without digits")
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits) // by way of bytes: linear, which big.Int.SetString is not
	if err != nil {
		return nil, errors.New("bigint with digits that are not hex")
	}
	return new(big.Int).SetBytes(b), nil
}

// decodeBase64 reads base64 as forgivingly as Node.js: both alphabets, up to the
// first "=", anything else in ASCII skipped, incomplete bytes dropped.
func decodeBase64(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/4*3+2)
	var bits, n uint
	for i := range len(s) {
		c := s[i]
		if c == '=' {
			break
		}
		if c >= 0x80 {
			return nil, fmt.Errorf("base64 with the byte %#x", c)
		}
		d, ok := base64Digit(c)
		if !ok {
			continue
		}
		bits, n = bits<<6|uint(d), n+6
		if n >= 8 {
			n -= 8
			out = append(out, byte(bits>>n))
		}
	}
	return out, nil
}

func base64Digit(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case isDigit(c):
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
