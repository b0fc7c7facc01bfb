package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// wrap puts an account or a receipt, whose text is canonical already, under
// its name.
func wrap(name string, data json.RawMessage) rpc.Response {
	data = orNull(data)
	body := make([]byte, 0, len(name)+len(data)+len(`{"":}`))
	body = append(append(append(body, `{"`...), name...), `":`...)
	return rpc.Encoded(append(append(body, data...), '}'))
}

func orNull(data json.RawMessage) json.RawMessage {
	if data == nil {
		return json.RawMessage("null")
	}
	return data
}

func reply(o signing.Object) (rpc.Response, error) {
	body, err := signing.Canonical(o)
	if err != nil {
		return rpc.Response{}, fmt.Errorf("reply: %w", err)
	}
	return rpc.Encoded(body), nil
}

// members are those of an account or a part of it, each in canonical text.
type members map[string]json.RawMessage

func membersOf(text json.RawMessage) (members, error) {
	var m members
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("members: %w", err)
	}
	return m, nil
}

// part returns the members of a member; nil if there is none, or it is no object.
func (m members) part(name string) members {
	p, err := membersOf(m[name])
	if err != nil {
		return nil
	}
	return p
}

// text returns a member that is a string, or "".
func (m members) text(name string) string {
	var s string
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

// number returns a member that is a number, or 0.
func (m members) number(name string) float64 {
	var n float64
	if json.Unmarshal(m[name], &n) != nil {
		return 0
	}
	return n
}

// pick writes the named members as an object, without those that are missing.
func (m members) pick(names ...string) json.RawMessage {
	slices.Sort(names)
	text := []byte{'{'}
	for _, name := range names {
		value, found := m[name]
		if !found {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(append(append(text, '"'), name...), `":`...), value...)
	}
	return append(text, '}')
}

// show answers with a member under a name, or with {} if it is missing.
func (m members) show(name, member string) rpc.Response {
	value, found := m[member]
	if !found {
		return rpc.Encoded([]byte("{}"))
	}
	return wrap(name, value)
}

// says answers as a node does that cannot do what it was asked: status 200.
func says(text string) (rpc.Response, error) { return reply(signing.Object{"error": text}) }

// threw answers as a node whose code fell over an account of another kind: an
// exception has no members that would be written.
func threw() rpc.Response { return rpc.Encoded([]byte(`{"error":{}}`)) }

// always answers every request with the same text.
func always(body string) handler {
	return func(context.Context, params, rpc.Request) (rpc.Response, error) {
		return rpc.Encoded([]byte(body)), nil
	}
}
