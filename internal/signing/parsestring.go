package signing

import (
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string; pos is at its opening quote.
func (p *parser) str() (string, error) {
	p.pos++
	start, ascii := p.pos, true
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '"':
			s := p.text[start:p.pos]
			if !ascii && !utf8.Valid(s) {
				return "", p.invalidUTF8(start)
			}
			p.pos++
			return string(s), nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.fail(p.pos, "control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", p.unexpected("the end of the string")
}

// escaped reads on, from the first backslash of a string that began at start.
func (p *parser) escaped(start int) (string, error) {
	b := append(make([]byte, 0, p.pos-start+32), p.text[start:p.pos]...)
	for from := start; ; {
		if !utf8.Valid(p.text[from:p.pos]) {
			return "", p.invalidUTF8(from)
		}
		if p.pos >= len(p.text) {
			return "", p.unexpected("the end of the string")
		}
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return string(b), nil
		case c < ' ':
			return "", p.fail(p.pos, "control character in a string")
		}
		var err error
		if b, err = p.escape(b); err != nil {
			return "", err
		}
		from = p.pos
		for p.pos < len(p.text) && p.text[p.pos] != '"' && p.text[p.pos] != '\\' && p.text[p.pos] >= ' ' {
			p.pos++
		}
		b = append(b, p.text[from:p.pos]...)
	}
}

// escape appends what the escape sequence at pos stands for.
func (p *parser) escape(b []byte) ([]byte, error) {
	if p.pos+1 >= len(p.text) {
		return nil, p.fail(p.pos, "the text ends in an escape")
	}
	switch c := p.text[p.pos+1]; c {
	case '"', '\\', '/':
		b = append(b, c)
	case 'b':
		b = append(b, '\b')
	case 'f':
		b = append(b, '\f')
	case 'n':
		b = append(b, '\n')
	case 'r':
		b = append(b, '\r')
	case 't':
		b = append(b, '\t')
	case 'u':
		return p.unicodeEscape(b)
	default:
		return nil, p.fail(p.pos, "unknown escape %q", p.text[p.pos:p.pos+2])
	}
	p.pos += 2
	return b, nil
}

// unicodeEscape appends the character of one \uxxxx, or of two that are a
// surrogate pair. A lone surrogate is kept.
func (p *parser) unicodeEscape(b []byte) ([]byte, error) {
	r, ok := p.unit(p.pos)
	if !ok {
		return nil, p.fail(p.pos, "\\u without four hex digits")
	}
	p.pos += 6
	if low, ok := p.unit(p.pos); ok && utf16.IsSurrogate(r) {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			p.pos += 6
			r = pair
		}
	}
	return appendWTF8(b, r), nil
}

// unit reads the \uxxxx at offset i.
func (p *parser) unit(i int) (rune, bool) {
	if i+6 > len(p.text) || p.text[i] != '\\' || p.text[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range p.text[i+2 : i+6] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

func (p *parser) invalidUTF8(from int) error {
	for from < len(p.text) {
		r, n := utf8.DecodeRune(p.text[from:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		from += n
	}
	return p.fail(from, "the text is not UTF-8")
}
