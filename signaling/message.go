package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Types of messages. Offer, answer and candidate wait for an absent
// destination; leave and expire are relayed or dropped; the rest is between a
// client and the server. Case counts.
const (
	TypeOffer     = "OFFER"
	TypeAnswer    = "ANSWER"
	TypeCandidate = "CANDIDATE"
	TypeLeave     = "LEAVE"
	TypeExpire    = "EXPIRE"
	TypeOpen      = "OPEN"
	TypeError     = "ERROR"
	TypeIDTaken   = "ID-TAKEN"
	TypeHeartbeat = "HEARTBEAT"
)

const typeInvalidKey = "INVALID-KEY" // known to PeerJS clients, sent by no server that was seen

// A Message is one text frame: {"type","src","dst","payload"}.
//
// Payload is any JSON value and opaque to the server. A nil Payload is an
// absent one, which is not the same as the JSON value null. Src is set by the
// server; what a client puts there is discarded.
type Message struct {
	Type, Src, Dst string
	Payload        json.RawMessage
}

// ErrMalformed is wrapped by the errors of [ParseMessage].
var ErrMalformed = errors.New("not a PeerJS message")

var errNoObject = fmt.Errorf("%w: no JSON object", ErrMalformed)

// ParseMessage reads one frame. Members other than the four are ignored, names
// must match exactly, the last of several equal names counts, and a type, src
// or dst that is not a string reads as "".
func ParseMessage(frame []byte) (Message, error) {
	in, err := parse(frame)
	if err != nil {
		return Message{}, err
	}
	m := Message{Type: in.typ, Src: in.src.text, Dst: in.dst.text}
	if in.payload != nil {
		m.Payload = bytes.Clone(in.payload)
	}
	return m, nil
}

// Encode returns the frame of m, members in the order type, src, dst, payload.
// Empty strings and a nil payload are left out. The payload's bytes are taken
// as they are; it is an error if they are not one JSON value.
func (m Message) Encode() ([]byte, error) {
	if m.Payload != nil && !json.Valid(m.Payload) {
		return nil, fmt.Errorf("signaling: encode %s: the payload is not JSON", m.Type)
	}
	return appendMessage(make([]byte, 0, 64+len(m.Src)+len(m.Dst)+len(m.Payload)), m.Type, m.Src, m.Dst, m.Payload), nil
}

// appendMessage appends a frame. The payload must be valid JSON or nil.
func appendMessage(b []byte, typ, src, dst string, payload []byte) []byte {
	b = append(b, `{"type":`...)
	b = appendString(b, typ)
	if src != "" {
		b = append(b, `,"src":`...)
		b = appendString(b, src)
	}
	if dst != "" {
		b = append(b, `,"dst":`...)
		b = appendString(b, dst)
	}
	if payload != nil {
		b = append(b, `,"payload":`...)
		b = append(b, payload...)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string, escaped as JSON.stringify does it.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// inbound is a parsed frame. Its payload shares memory with the frame.
type inbound struct {
	typ      string // "" if absent or not a string
	src, dst field
	payload  []byte // nil if absent
}

// field is a member that should be a string.
type field struct {
	text  string // "" unless a string
	other bool   // a value that JavaScript takes for true, but no string
}

// parse reads a frame. It checks all of it to be JSON, in one pass, and decodes
// no value that it does not need.
func parse(frame []byte) (in inbound, _ error) {
	i := skipSpace(frame, 0)
	if at(frame, i) != '{' {
		return inbound{}, errNoObject
	}
	i = skipSpace(frame, i+1)
	if at(frame, i) == '}' {
		if skipSpace(frame, i+1) != len(frame) {
			return inbound{}, errNoObject
		}
		return in, nil
	}
	for {
		name := i
		value := nameEnd(frame, i)
		end := valueEnd(frame, value)
		if end < 0 {
			return inbound{}, errNoObject
		}
		in.set(frame[name:value], frame[value:end:end])
		i = skipSpace(frame, end)
		switch at(frame, i) {
		case ',':
			i = skipSpace(frame, i+1)
			continue
		case '}':
			if skipSpace(frame, i+1) == len(frame) {
				return in, nil
			}
		}
		return inbound{}, errNoObject
	}
}

// set takes in one member. The quoted name may be followed by anything.
func (in *inbound) set(name, value []byte) {
	name = name[:stringEnd(name, 0)]
	known := string(name[1 : len(name)-1]) // does not leave this function
	if bytes.IndexByte(name, '\\') >= 0 {
		known = unquote(name)
	}
	switch known {
	case "type":
		in.typ = readField(value).text
	case "src":
		in.src = readField(value)
	case "dst":
		in.dst = readField(value)
	case "payload":
		in.payload = value
	}
}

// unquote decodes a valid JSON string. A lone surrogate becomes U+FFFD.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

func readField(value []byte) field {
	switch value[0] {
	case '"':
		return field{text: unquote(value)}
	case 'n', 'f': // null, false
		return field{}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		var f float64
		err := json.Unmarshal(value, &f)
		return field{other: err != nil || f != 0} // an error is 1e999
	}
	return field{other: true}
}
