package signaling

import (
	"encoding/binary"
	"math/bits"
)

// These functions find the end of a JSON text (RFC 8259) and check it on the
// way, without decoding it. Each takes the index at which something starts and
// returns the one after it, or -1 if it is not well-formed; an index of -1 is
// passed on. Bytes above 0x7f are taken as they are.

// maxNesting bounds arrays and objects in each other.
const maxNesting = 512

// at returns b[i], or 0, which is nowhere allowed, if there is none.
func at(b []byte, i int) byte {
	if uint(i) < uint(len(b)) {
		return b[i]
	}
	return 0
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// nameEnd goes over a member's name and the colon, to where the value starts.
func nameEnd(b []byte, i int) int {
	if at(b, i) != '"' {
		return -1
	}
	if i = stringEnd(b, i); i < 0 {
		return -1
	}
	if i = skipSpace(b, i); at(b, i) != ':' {
		return -1
	}
	return skipSpace(b, i+1)
}

func valueEnd(b []byte, i int) int {
	switch at(b, i) {
	case '{', '[':
		return nestedEnd(b, i)
	}
	return scalarEnd(b, i)
}

func scalarEnd(b []byte, i int) int {
	switch at(b, i) {
	case '"':
		return stringEnd(b, i)
	case 't':
		return literalEnd(b, i, "true")
	case 'f':
		return literalEnd(b, i, "false")
	case 'n':
		return literalEnd(b, i, "null")
	}
	return numberEnd(b, i)
}

// nestedEnd goes over an array or object and all that is in it.
func nestedEnd(b []byte, i int) int {
	var objects [maxNesting / 64]uint64 // which of the open levels are objects
	depth := 0
	for i >= 0 {
		switch c := at(b, i); c {
		case '{', '[':
			if depth == maxNesting {
				return -1
			}
			level := uint64(1) << (depth % 64)
			objects[depth/64] &^= level
			if c == '{' {
				objects[depth/64] |= level
			}
			depth++
			i = skipSpace(b, i+1)
			switch {
			case at(b, i) == c+2: // in ASCII, '}' is '{' + 2 and ']' is '[' + 2
				i, depth = i+1, depth-1
			case c == '{':
				i = nameEnd(b, i)
				continue
			default:
				continue
			}
		default:
			if i = scalarEnd(b, i); i < 0 {
				return -1
			}
		}
		// A value has ended, and perhaps those around it do.
		for more := false; !more; {
			if depth == 0 {
				return i
			}
			object := objects[(depth-1)/64]>>((depth-1)%64)&1 == 1
			i = skipSpace(b, i)
			switch c := at(b, i); {
			case c == ',':
				more = true
				if i = skipSpace(b, i+1); object {
					i = nameEnd(b, i)
				}
			case c == '}' && object, c == ']' && !object:
				i, depth = i+1, depth-1
			default:
				return -1
			}
		}
	}
	return -1
}

// stringEnd goes over a string, eight bytes at a time where there is nothing
// special: most of a message is one long description.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); {
		if i+8 <= len(b) {
			special := specials(binary.LittleEndian.Uint64(b[i:]))
			if special == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(special) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = escapeEnd(b, i); i < 0 {
				return -1
			}
		case c < 0x20:
			return -1
		default:
			i++
		}
	}
	return -1
}

// specials has the high bit of the first byte of w that is a quote, a
// backslash or a control character set, and no bit below; 0 if there is none.
func specials(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & high
}

func escapeEnd(b []byte, i int) int {
	switch at(b, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if !isHex(at(b, k)) {
				return -1
			}
		}
		return i + 6
	}
	return -1
}

func literalEnd(b []byte, i int, want string) int {
	if i+len(want) > len(b) || string(b[i:i+len(want)]) != want {
		return -1
	}
	return i + len(want)
}

func numberEnd(b []byte, i int) int {
	if at(b, i) == '-' {
		i++
	}
	switch {
	case at(b, i) == '0':
		i++
	default:
		if i = digitsEnd(b, i); i < 0 {
			return -1
		}
	}
	if at(b, i) == '.' {
		if i = digitsEnd(b, i+1); i < 0 {
			return -1
		}
	}
	if c := at(b, i); c == 'e' || c == 'E' {
		i++
		if c := at(b, i); c == '+' || c == '-' {
			i++
		}
		return digitsEnd(b, i)
	}
	return i
}

// digitsEnd goes over digits, of which there must be one.
func digitsEnd(b []byte, i int) int {
	start := i
	for c := at(b, i); '0' <= c && c <= '9'; c = at(b, i) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
