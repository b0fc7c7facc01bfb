package signing

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

var errTooDeep = fmt.Errorf("nested deeper than %d levels", maxDepth)

// Canonical writes v as safeStringify does: no white space, members in the
// order of their names' UTF-16 code units, numbers and strings as JavaScript
// writes them. Beside the values of an [Object] it takes int, int64 and uint64
// (written as the double nearest to them), []string, []Object, [Members] and
// map[string]string. In a string, a byte that is not UTF-8 becomes U+FFFD.
//
// The error names the member that cannot be written: one of another type, one
// nested too deep, a {"type":"Buffer","data":[…]} of something but numbers, or
// one of Members that is not in its place.
func Canonical(v any) ([]byte, error) {
	w := writer{buf: make([]byte, 0, usualText)}
	if err := w.value(v); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return w.buf, nil
}

// usualText is about how long the texts of transactions, receipts and accounts are.
const usualText = 640

// MustCanonical is [Canonical] for values that the program has built itself,
// of the types listed there. It panics when that is not so.
func MustCanonical(v any) []byte {
	text, err := Canonical(v)
	if err != nil {
		panic(err)
	}
	return text
}

// canonicalUnsigned is Canonical of o without its own sign member. That member
// would stand at gap; -1: the text has no members.
func canonicalUnsigned(o Object) (text []byte, gap int, err error) {
	w := writer{buf: make([]byte, 0, usualText), gap: -1}
	if err := w.object(o, signMember); err != nil {
		return nil, -1, fmt.Errorf("signing: %w", err)
	}
	return w.buf, w.gap, nil
}

// Members are an object, alternately names and values. They are in canonical
// order already, which spares [Canonical] sorting them.
type Members []any

type writer struct {
	buf   []byte
	keys  []string // a stack: the sorted names of the objects being written
	depth int
	gap   int // in buf, where the member that was skipped would stand
}

func (w *writer) value(v any) error {
	switch v := v.(type) {
	case nil:
		w.buf = append(w.buf, "null"...)
	case bool:
		if v {
			w.buf = append(w.buf, "true"...)
		} else {
			w.buf = append(w.buf, "false"...)
		}
	case string:
		w.buf = appendString(w.buf, v)
	case float64:
		w.buf = appendNumber(w.buf, v)
	case int:
		w.buf = appendNumber(w.buf, float64(v))
	case int64:
		w.buf = appendNumber(w.buf, float64(v))
	case uint64:
		w.buf = appendNumber(w.buf, float64(v))
	default:
		return w.nested(v)
	}
	return nil
}

// nested writes what is an object or an array on the wire.
func (w *writer) nested(v any) error {
	switch v := v.(type) {
	case Object:
		return w.object(v, "")
	case []any:
		return array(w, v, w.value)
	case []Object:
		return array(w, v, func(o Object) error { return w.object(o, "") })
	case []string:
		return array(w, v, func(s string) error { w.buf = appendString(w.buf, s); return nil })
	case map[string]string:
		return members(w, v, "", func(s string) error { w.buf = appendString(w.buf, s); return nil })
	case Members:
		return w.ordered(v)
	case *big.Int:
		return w.bigInt(v)
	case Buffer:
		return w.bytes(v, tagBuffer)
	case Bytes:
		return w.bytes(v, tagBytes)
	}
	return fmt.Errorf("no canonical text for a %T", v)
}

func (w *writer) open(bracket byte) error {
	if w.depth == maxDepth {
		return errTooDeep
	}
	w.depth++
	w.buf = append(w.buf, bracket)
	return nil
}

func (w *writer) close(bracket byte) {
	w.depth--
	w.buf = append(w.buf, bracket)
}

func array[T any](w *writer, a []T, write func(T) error) error {
	if err := w.open('['); err != nil {
		return err
	}
	for i, v := range a {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if err := write(v); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	w.close(']')
	return nil
}

// object writes o without the member named skip, if that is not empty.
func (w *writer) object(o Object, skip string) error {
	data, ok, err := bufferData(o, skip)
	switch {
	case err != nil:
		return err
	case ok:
		return w.bytes(data, tagBuffer)
	}
	return members(w, o, skip, w.value)
}

func members[T any](w *writer, o map[string]T, skip string, write func(T) error) error {
	if err := w.open('{'); err != nil {
		return err
	}
	first := len(w.keys)
	for name := range o {
		if name != skip || skip == "" {
			w.keys = append(w.keys, name)
		}
	}
	slices.SortFunc(w.keys[first:], compareKeys)
	last := len(w.keys)
	for i := first; i < last; i++ {
		name := w.keys[i]
		if skip != "" && w.gap < 0 && compareKeys(name, skip) > 0 {
			w.gap = len(w.buf)
		}
		if i > first {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(appendString(w.buf, name), ':')
		if err := write(o[name]); err != nil {
			return fmt.Errorf("member %.40q: %w", name, err)
		}
	}
	w.keys = w.keys[:first]
	if skip != "" && w.gap < 0 {
		w.gap = len(w.buf)
	}
	w.close('}')
	return nil
}

// ordered writes members that must be in canonical order.
func (w *writer) ordered(all Members) error {
	if err := w.open('{'); err != nil {
		return err
	}
	if len(all)%2 != 0 {
		return errors.New("the last of Members has no value")
	}
	before := ""
	for i := 0; i < len(all); i += 2 {
		name, ok := all[i].(string)
		switch {
		case !ok:
			return fmt.Errorf("a %T is no name of Members", all[i])
		case i > 0 && compareKeys(before, name) >= 0:
			return fmt.Errorf("member %.40q: out of order after %.40q", name, before)
		case i > 0:
			w.buf = append(w.buf, ',')
		}
		w.buf = append(appendString(w.buf, name), ':')
		if err := w.value(all[i+1]); err != nil {
			return fmt.Errorf("member %.40q: %w", name, err)
		}
		before = name
	}
	w.close('}')
	return nil
}

func (w *writer) bigInt(x *big.Int) error {
	if x == nil {
		w.buf = append(w.buf, "null"...)
		return nil
	}
	if err := w.open('{'); err != nil {
		return err
	}
	w.buf = append(w.buf, `"dataType":"bi","value":"`...)
	w.buf = append(x.Append(w.buf, 16), '"')
	w.close('}')
	return nil
}

// bytes writes the one kind of object whose members are not sorted.
func (w *writer) bytes(data []byte, tag string) error {
	if err := w.open('{'); err != nil {
		return err
	}
	w.buf = append(w.buf, `"value":"`...)
	w.buf = base64.StdEncoding.AppendEncode(w.buf, data)
	w.buf = append(w.buf, `","dataType":"`...)
	w.buf = append(append(w.buf, tag...), '"')
	w.close('}')
	return nil
}
