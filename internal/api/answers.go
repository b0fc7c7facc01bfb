package api

import (
	"context"
	"encoding/json"
	"fmt"

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

// show answers with a member under a name, or with {} if it is missing.
func (t text) show(name, member string) rpc.Response {
	value := t.get(member)
	if value == nil {
		return rpc.Encoded([]byte("{}"))
	}
	return wrap(name, json.RawMessage(value))
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
