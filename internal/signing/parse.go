package signing

import (
	"errors"
	"fmt"
)

// Parse reads one JSON text the way safeJsonParse does: tagged objects become
// *big.Int, [Buffer] and [Bytes], except as the value of a member named sig;
// members named __proto__, constructor and prototype are dropped; of members
// with the same name the last one wins; a number is a double, so one beyond
// its range is an infinity. An error names the byte offset and the reason.
func Parse(text []byte) (any, error) {
	p := parser{text: text}
	v, err := p.element()
	if err != nil {
		return nil, err
	}
	if p.next() != end {
		return nil, p.fail(p.pos, "text after the value")
	}
	return v, nil
}

// ParseObject is [Parse] for a text that must be an object.
func ParseObject(text []byte) (Object, error) {
	v, err := Parse(text)
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, errors.New("signing: the text is not a JSON object")
	}
	return o, nil
}

// end is what next returns after the last byte; no token starts with it.
const end = 0

type parser struct {
	text  []byte
	pos   int
	depth int
}

func (p *parser) fail(offset int, format string, args ...any) error {
	return fmt.Errorf("signing: at byte %d: %s", offset, fmt.Sprintf(format, args...))
}

// unexpected is the error for whatever stands at pos.
func (p *parser) unexpected(want string) error {
	if p.pos >= len(p.text) {
		return p.fail(p.pos, "the text ends, want %s", want)
	}
	return p.fail(p.pos, "found %q, want %s", p.text[p.pos:p.pos+1], want)
}

// next skips white space and returns the byte it stops at, without consuming it.
func (p *parser) next() byte {
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\n', '\r':
		case end:
			return 1 // a NUL byte, which is no token either but is not the end
		default:
			return c
		}
	}
	return end
}

// element reads a value and gives it its type.
func (p *parser) element() (any, error) {
	p.next()
	start := p.pos
	v, err := p.plain()
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return v, nil
	}
	if v, err = revive(o); err != nil {
		return nil, p.fail(start, "%v", err)
	}
	return v, nil
}

// plain reads a value and leaves it as it is, were it a tagged object.
func (p *parser) plain() (any, error) {
	switch c := p.next(); c {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.str()
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	case 'n':
		return nil, p.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
		return nil, p.unexpected("a value")
	}
}

func (p *parser) literal(word string) error {
	if rest := p.text[p.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return p.unexpected(word)
	}
	p.pos += len(word)
	return nil
}

// open consumes the bracket of a container.
func (p *parser) open() error {
	if p.depth == maxDepth {
		return p.fail(p.pos, "nested deeper than %d levels", maxDepth)
	}
	p.depth++
	p.pos++
	return nil
}

// more reports whether another element follows in a container that closer
// ends, and consumes the comma before it or the closer.
func (p *parser) more(closer byte, first bool) (bool, error) {
	switch c := p.next(); {
	case c == closer:
		p.pos++
		p.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		p.pos++
		return true, nil
	default:
		return false, p.unexpected(fmt.Sprintf("a comma or %q", closer))
	}
}

func (p *parser) array() (any, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	a := []any{}
	for {
		more, err := p.more(']', len(a) == 0)
		if err != nil || !more {
			return a, err
		}
		v, err := p.element()
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
}

func (p *parser) object() (any, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	o := Object{}
	for first := true; ; first = false {
		more, err := p.more('}', first)
		if err != nil || !more {
			return o, err
		}
		if err := p.member(o); err != nil {
			return nil, err
		}
	}
}

func (p *parser) member(o Object) error {
	if p.next() != '"' {
		return p.unexpected("a member name")
	}
	name, err := p.str()
	if err != nil {
		return err
	}
	if p.next() != ':' {
		return p.unexpected("a colon")
	}
	p.pos++
	switch name {
	case "__proto__", "constructor", "prototype":
		_, err = p.plain()
	case sigMember:
		o[name], err = p.plain()
	default:
		o[name], err = p.element()
	}
	return err
}
