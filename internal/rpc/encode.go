package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// wireReply is a reply as it travels.
type wireReply struct {
	ID          json.RawMessage `json:"id,omitempty"`
	Type        string          `json:"type"`
	Method      string          `json:"method,omitempty"`
	Status      int             `json:"status"`
	ContentType string          `json:"contentType,omitempty"`
	Body        json.RawMessage `json:"body"`
	Sender      string          `json:"sender,omitempty"`
}

// encodeReply writes the reply to r.
func encodeReply(r Request, kind, sender string, resp Response) ([]byte, error) {
	w := wireReply{ID: r.ID, Type: kind, Method: r.Method, Status: resp.Status, Body: resp.Body, Sender: sender}
	if resp.ContentType != "" {
		text, err := marshal(string(resp.Body)) // U+FFFD for what is not UTF-8
		if err != nil {
			return nil, fmt.Errorf("reply body: %w", err)
		}
		w.Body, w.ContentType = text, resp.ContentType
	}
	if len(w.Body) == 0 {
		w.Body = json.RawMessage("null")
	}
	return marshal(w)
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
