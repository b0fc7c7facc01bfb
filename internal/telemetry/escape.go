package telemetry

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// An escaper writes JSON in which each character that is not printed, or that
// changes how others are (such as U+202E, which turns their order), is an escape
// of JSON: who reads the log sees what is in it, and a parser reads the same.
type escaper struct{ w io.Writer }

func (e escaper) Write(p []byte) (int, error) {
	if plain(p) {
		return e.w.Write(p)
	}
	out := make([]byte, 0, len(p)+64)
	for rest := p; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == '\n' || unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			out = append(out, rest[:n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		rest = rest[n:]
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plain reports whether p is printable ASCII, line ends included.
func plain(p []byte) bool {
	for _, b := range p {
		if b != '\n' && (b < ' ' || b > '~') {
			return false
		}
	}
	return true
}
