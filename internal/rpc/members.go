package rpc

import (
	"bytes"
	"encoding/json"
)

// A member of a JSON object, both parts as they are written.
type member struct{ name, value []byte }

// is compares the name exactly; escapes in it count as what they stand for.
func (m member) is(name string) bool {
	if bytes.IndexByte(m.name, '\\') < 0 {
		return string(m.name[1:len(m.name)-1]) == name
	}
	var plain string
	return json.Unmarshal(m.name, &plain) == nil && plain == name
}

// members calls found for each member of the object that text is, and returns
// false if it is none. The text must be valid JSON: it is read once for that, and
// here only for where its members begin and end.
func members(text []byte, found func(member)) bool {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	for i = skipSpace(text, i+1); text[i] != '}'; i = skipSpace(text, i) {
		if text[i] == ',' {
			i = skipSpace(text, i+1)
		}
		end := skipString(text, i)
		m := member{name: text[i:end]}
		i = skipSpace(text, skipSpace(text, end)+1) // past the colon
		end = skipValue(text, i)
		m.value = text[i:end]
		found(m)
		i = end
	}
	return true
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string that begins at i.
func skipString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the end of the value that begins at i.
func skipValue(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = skipString(text, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ' ', '\n', '\t', '\r', ',', ':':
			i++
			continue // only within depth
		default: // a number, true, false or null
			for i < len(text) && !bytes.ContainsRune([]byte(" \n\t\r,:]}"), rune(text[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}
