package signing

import (
	"errors"
	"math"
	"strconv"
)

// maxNumber is the length of the longest number read. strconv forgets digits
// past the 800th, so that a longer number with an exponent could come out otherwise than in JavaScript.
const maxNumber = 800

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits consumes a run of digits, at least one.
func (p *parser) digits() error {
	start := p.pos
	for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
		p.pos++
	}
	if p.pos == start {
		return p.unexpected("a digit")
	}
	return nil
}

// accept consumes the next byte if it is one of set.
func (p *parser) accept(set string) bool {
	for i := 0; p.pos < len(p.text) && i < len(set); i++ {
		if p.text[p.pos] == set[i] {
			p.pos++
			return true
		}
	}
	return false
}

func (p *parser) number() (any, error) {
	start := p.pos
	p.accept("-")
	if !p.accept("0") {
		if err := p.digits(); err != nil {
			return nil, err
		}
	}
	if p.accept(".") {
		if err := p.digits(); err != nil {
			return nil, err
		}
	}
	if p.accept("eE") {
		p.accept("+-")
		if err := p.digits(); err != nil {
			return nil, err
		}
	}
	text := p.text[start:p.pos]
	if len(text) > maxNumber {
		return nil, p.fail(start, "number of %d characters", len(text))
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is ±Inf, as in JavaScript
		return nil, p.fail(start, "%v", err)
	}
	return f, nil
}

// appendNumber appends f as JavaScript writes it; what is not finite is null.
func appendNumber(b []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(b, "null"...)
	case abs < 1<<53 && f == math.Trunc(f):
		return strconv.AppendInt(b, int64(f), 10) // -0 is 0
	case 1e-6 <= abs && abs < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // 1e-07
		b = append(b[:n-2], b[n-1])
	}
	return b
}
