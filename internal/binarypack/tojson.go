package binarypack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
)

// Bytes returns the bytes that pack holds if it is one value of that kind. They
// are a part of pack.
func Bytes(pack []byte) (data []byte, ok bool) {
	r := reader{data: pack}
	it, err := r.next()
	return it.data, err == nil && it.kind == kindBytes && r.rest() == 0
}

// ToJSON returns the value that pack holds as JSON of at most limit bytes
// ([ErrTooLong] beyond). What JSON lacks it says as JavaScript's JSON.stringify
// does: undefined is left out of objects and null elsewhere, and so are numbers
// that are not finite null. Bytes within a value become text in base64 (RFC
// 4648 section 4, padded). Integers keep all their digits.
//
// An unknown code, a key that is no string, a string that is not UTF-8, more
// depth than [MaxDepth] and anything after the value are a *SyntaxError.
func ToJSON(pack []byte, limit int) ([]byte, error) {
	w := jsonWriter{r: reader{data: pack}, out: make([]byte, 0, min(limit, len(pack)+len(pack)/4+16)), limit: limit}
	it, err := w.r.next()
	if err != nil {
		return nil, err
	}
	if err := w.value(it, 0); err != nil {
		return nil, err
	}
	if err := w.r.end(); err != nil {
		return nil, err
	}
	return w.out, w.check()
}

// jsonWriter writes what it reads.
type jsonWriter struct {
	r     reader
	out   []byte
	limit int
}

func (w *jsonWriter) check() error {
	if len(w.out) > w.limit {
		return ErrTooLong
	}
	return nil
}

// value writes it, at a depth of that many arrays and objects.
func (w *jsonWriter) value(it item, depth int) error {
	switch it.kind {
	case kindNull, kindUndefined:
		w.out = append(w.out, "null"...)
	case kindBool:
		w.out = strconv.AppendBool(w.out, it.num == 1)
	case kindInt:
		w.out = strconv.AppendInt(w.out, int64(it.num), 10)
	case kindUint:
		w.out = strconv.AppendUint(w.out, it.num, 10)
	case kindFloat:
		w.out = appendFloat(w.out, it.float)
	case kindString:
		w.out = appendString(w.out, it.data)
	case kindBytes:
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, it.data)
		w.out = append(w.out, '"')
	case kindArray, kindObject:
		if depth >= MaxDepth {
			return w.r.fail("arrays and objects too deep in each other")
		}
		if it.kind == kindArray {
			return w.array(it.len, depth+1)
		}
		return w.object(it.len, depth+1)
	}
	return w.check() // here, so that no string of a stranger's makes more than one step over it
}

func (w *jsonWriter) array(n, depth int) error {
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		it, err := w.r.next()
		if err != nil {
			return err
		}
		if err := w.value(it, depth); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *jsonWriter) object(n, depth int) error {
	w.out = append(w.out, '{')
	first := true
	for range n {
		key, err := w.r.next()
		if err != nil {
			return err
		}
		if key.kind != kindString {
			return w.r.fail("a key that is not a string")
		}
		it, err := w.r.next()
		if err != nil {
			return err
		}
		if it.kind == kindUndefined {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = append(appendString(w.out, key.data), ':')
		if err := w.value(it, depth); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// appendFloat writes f as JavaScript does.
func appendFloat(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return append(out, "null"...)
	case f == 0: // -0 too
		return append(out, '0')
	}
	text, err := json.Marshal(f) // it follows ECMAScript's rules
	if err != nil {
		return append(out, "null"...)
	}
	return append(out, text...)
}

// appendString writes a JSON string of text, which is UTF-8. What JSON does not
// demand to be escaped is not.
func appendString(out, text []byte) []byte {
	out = append(out, '"')
	for len(text) > 0 {
		plain := bytes.IndexFunc(text, escaped)
		if plain < 0 {
			out = append(out, text...)
			break
		}
		out = append(out, text[:plain]...)
		c := text[plain]
		text = text[plain+1:]
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, `\n`...)
		default:
			const hex = "0123456789abcdef"
			out = append(out, `\u00`...)
			out = append(out, hex[c>>4], hex[c&15])
		}
	}
	return append(out, '"')
}

// escaped tells the characters that may not be in a JSON string as they are.
func escaped(c rune) bool { return c < ' ' || c == '"' || c == '\\' }
