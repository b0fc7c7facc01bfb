package binarypack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// FromJSON returns the value that text, one JSON document, holds. Numbers go
// the way that the JavaScript library reads without loss: integers of up to 32
// bits as such, all others as 64-bit floats, of which integers up to 2^53 are
// exact. A lone surrogate becomes U+FFFD, as in every JavaScript encoder of
// UTF-8. Keys keep their order.
//
// What is not JSON, a number that is out of a float's range and more depth than
// [MaxDepth] are a *SyntaxError.
func FromJSON(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, &SyntaxError{0, "not JSON"}
	}
	p := packer{text: text, out: make([]byte, 0, len(text)+16)}
	if err := p.value(0); err != nil {
		return nil, err
	}
	return p.out, nil
}

// packer walks over text that is known to be JSON.
type packer struct {
	text []byte
	off  int
	out  []byte
}

func (p *packer) fail(why string) error { return &SyntaxError{p.off, why} }

// peek returns the next byte that is not white space.
func (p *packer) peek() byte {
	for {
		switch c := p.text[p.off]; c {
		case ' ', '\t', '\r', '\n':
			p.off++
		default:
			return c
		}
	}
}

func (p *packer) value(depth int) error {
	switch p.peek() {
	case '{':
		return p.container('}', depth, codeShortObject, codeObject16)
	case '[':
		return p.container(']', depth, codeShortArray, codeArray16)
	case '"':
		return p.string()
	case 't':
		p.off += len("true")
		p.out = append(p.out, codeTrue)
	case 'f':
		p.off += len("false")
		p.out = append(p.out, codeFalse)
	case 'n':
		p.off += len("null")
		p.out = append(p.out, codeNull)
	default:
		return p.number()
	}
	return nil
}

// container packs an array or an object. How many elements it has is known
// only at its end.
func (p *packer) container(end byte, depth int, short, long byte) error {
	if depth >= MaxDepth {
		return p.fail("arrays and objects too deep in each other")
	}
	p.off++
	head, n := len(p.out), 0
	p.out = append(p.out, short)
	for p.peek() != end {
		if n++; n > 1 {
			p.off++ // the comma
			p.peek()
		}
		if end == '}' {
			if err := p.string(); err != nil {
				return err
			}
			p.peek()
			p.off++ // the colon
		}
		if err := p.value(depth + 1); err != nil {
			return err
		}
	}
	p.off++
	header := appendLength(nil, short, long, n)
	p.out = slices.Replace(p.out, head, head+1, header...)
	return nil
}

// appendLength writes the code of a value with n bytes or elements. After the
// code of a 16-bit length comes that of a 32-bit one.
func appendLength(out []byte, short, long byte, n int) []byte {
	switch {
	case n <= shortLen:
		return append(out, short|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, long), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(out, long+1), uint32(n))
}

func (p *packer) string() error {
	end := p.off + 1
	plain := true
	for p.text[end] != '"' {
		if p.text[end] == '\\' {
			plain = false
			end++
		}
		end++
	}
	quoted := p.text[p.off : end+1]
	text := quoted[1 : len(quoted)-1]
	if !plain || !utf8.Valid(text) {
		var s string
		if err := json.Unmarshal(quoted, &s); err != nil {
			return p.fail("a string that is not JSON")
		}
		text = []byte(s)
	}
	p.off = end + 1
	p.out = append(appendLength(p.out, codeShortString, codeString16, len(text)), text...)
	return nil
}

func (p *packer) number() error {
	end := len(p.text)
	if i := bytes.IndexAny(p.text[p.off:], ",]} \t\r\n"); i >= 0 {
		end = p.off + i
	}
	f, err := strconv.ParseFloat(string(p.text[p.off:end]), 64)
	if err != nil {
		return p.fail("a number out of range")
	}
	p.off = end
	p.out = appendNumber(p.out, f)
	return nil
}

// appendNumber writes f in as few bytes as peerjs-js-binarypack does, but for
// integers over 32 bits: it reads those of 64 bits with a loss where they are
// negative, and floats without.
func appendNumber(out []byte, f float64) []byte {
	be := binary.BigEndian
	switch {
	case f != math.Trunc(f) || f < math.MinInt32 || f > math.MaxUint32:
		return be.AppendUint64(append(out, codeFloat64), math.Float64bits(f))
	case f >= 0 && f < 128, f < 0 && f >= -32:
		return append(out, byte(int64(f)))
	case f > math.MaxUint16:
		return be.AppendUint32(append(out, codeUint32), uint32(f))
	case f > math.MaxUint8:
		return be.AppendUint16(append(out, codeUint16), uint16(f))
	case f > 0:
		return append(out, codeUint8, byte(f))
	case f >= math.MinInt8:
		return append(out, codeInt8, byte(int8(f)))
	case f >= math.MinInt16:
		return be.AppendUint16(append(out, codeInt16), uint16(int16(f)))
	}
	return be.AppendUint32(append(out, codeInt32), uint32(int32(f)))
}
