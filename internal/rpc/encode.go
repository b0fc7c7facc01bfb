package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// appendReply appends the reply to r: {"id","type","method","status",
// "contentType","body","sender"}, of which id, method, contentType and sender
// may be absent. The id and the body keep their bytes.
func appendReply(buf []byte, r Request, kind, sender string, resp Response) ([]byte, error) {
	body := resp.Body
	switch {
	case resp.ContentType != "":
		body = appendString(nil, string(body)) // U+FFFD for what is not UTF-8
	case len(body) == 0:
		body = []byte("null")
	case !resp.encoded && !json.Valid(body):
		return nil, errors.New("the body is not JSON")
	}
	return appendParts(buf, r, kind, sender, resp, body), nil
}

// appendParts appends the reply with a body that is known to be JSON.
func appendParts(buf []byte, r Request, kind, sender string, resp Response, body []byte) []byte {
	buf = append(buf, '{')
	if len(r.ID) > 0 {
		buf = append(buf, `"id":`...)
		buf = append(append(buf, r.ID...), ',')
	}
	buf = appendString(append(buf, `"type":`...), kind)
	if r.Method != "" {
		buf = appendString(append(buf, `,"method":`...), r.Method)
	}
	buf = strconv.AppendInt(append(buf, `,"status":`...), int64(resp.Status), 10)
	if resp.ContentType != "" {
		buf = appendString(append(buf, `,"contentType":`...), resp.ContentType)
	}
	buf = append(append(buf, `,"body":`...), body...)
	if sender != "" {
		buf = appendString(append(buf, `,"sender":`...), sender)
	}
	return append(buf, '}')
}

// appendString appends s as JSON. What our nodes and clients send needs no
// escapes.
func appendString(buf []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			text, err := marshal(s)
			if err != nil { // strings always encode
				text = []byte(`""`)
			}
			return append(buf, text...)
		}
	}
	return append(append(append(buf, '"'), s...), '"')
}

// marshal encodes v without escaping <, > and &: a body must keep its bytes.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
