package api

import (
	"encoding/json"
	"iter"
	"slices"
	"strconv"
)

// A text is a JSON value as a ledger stores it: valid, canonical, so without
// white space. Parts of it are found by looking no further than need be: an
// account may be long, and its balance stands near its beginning. The zero text
// is a value that is not there.
type text []byte

// tails gives the names of an object, as they are written between the quotes, each
// with the text that begins with its value; of any other value none.
func (t text) tails() iter.Seq2[string, text] {
	return func(yield func(string, text) bool) {
		for i := 1; t.isObject() && i < len(t) && t[i] == '"'; i++ {
			colon := t.end(i)
			if colon >= len(t) || !yield(string(t[i+1:colon-1]), t[colon+1:]) {
				return
			}
			if i = t.end(colon + 1); i >= len(t) || t[i] != ',' {
				return
			}
		}
	}
}

// members is tails with the values alone.
func (t text) members() iter.Seq2[string, text] {
	return func(yield func(string, text) bool) {
		for name, tail := range t.tails() {
			if end := tail.end(0); end > len(tail) || !yield(name, tail[:end]) {
				return
			}
		}
	}
}

// end returns the index behind the value that begins at i, which is beyond the
// text if that is cut short.
func (t text) end(i int) int {
	for depth := 0; i < len(t); i++ {
		switch t[i] {
		case '"':
			for i++; i < len(t) && t[i] != '"'; i++ {
				if t[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 { // a number or a word ended before it
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(t) + 1
}

func (t text) isObject() bool { return len(t) > 0 && t[0] == '{' }

// within returns a member for its own members to be read, without looking for
// its end; nil if there is none.
func (t text) within(name string) text {
	for n, tail := range t.tails() {
		if n == name {
			return tail
		}
	}
	return nil
}

// get returns a member, nil if there is none.
func (t text) get(name string) text {
	tail := t.within(name)
	if end := tail.end(0); end <= len(tail) {
		return tail[:end]
	}
	return nil
}

// word returns a member that is a string, or "".
func (t text) word(name string) string {
	var s string
	if json.Unmarshal(t.get(name), &s) != nil {
		return ""
	}
	return s
}

// number returns a member that is a number, or 0.
func (t text) number(name string) float64 {
	n, err := strconv.ParseFloat(string(t.get(name)), 64)
	if err != nil {
		return 0
	}
	return n
}

// pick returns an object with the named members alone, those that are there.
func (t text) pick(names ...string) text {
	object := text{'{'}
	for name, value := range t.members() {
		if slices.Contains(names, name) {
			object = object.with(name, value)
		}
	}
	return append(object, '}')
}

// with adds a member to an object that is not closed yet. The name needs no escapes.
func (t text) with(name string, value text) text {
	if len(t) > 1 {
		t = append(t, ',')
	}
	return append(append(append(append(t, '"'), name...), `":`...), value...)
}
