package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A Reply is what a node answered.
type Reply struct {
	Type        string
	Status      int // 200 where the node, an old JavaScript one, sent none
	Body        json.RawMessage
	ContentType string // empty for JSON
	Sender      string
}

// Run reads replies until the stream ends, then fails what is outstanding. It
// returns the stream's error.
func (c *Client) Run() error {
	for {
		msg, err := c.stream.Recv()
		switch {
		case err == nil:
			c.settle(msg)
		case is(err, c.TooLarge), is(err, c.Malformed):
			c.dropped(err)
		default:
			c.end(err)
			return err
		}
	}
}

// settle gives a reply to the request it answers. What answers none is dropped.
func (c *Client) settle(msg []byte) {
	w, ok := decodeReply(msg)
	if !ok {
		return
	}
	if w.subscription != nil && given(w.id) == nil && stringOf(w.kind) == "event" {
		c.push(stringOf(w.subscription), w.body, given(w.end))
		return
	}
	p := c.take(given(w.id), stringOf(w.kind))
	if p == nil {
		return
	}
	status, err := statusFrom(given(w.status))
	if err != nil {
		p.outcome <- outcome{err: err}
		return
	}
	r := Reply{
		Type: stringOf(w.kind), Status: status, Body: w.body,
		ContentType: stringOf(w.contentType), Sender: stringOf(w.sender),
	}
	if p.arrived != nil {
		p.arrived(r)
	}
	p.outcome <- outcome{reply: r}
}

// A message of a node, all parts as they are written: no slip of a node may keep
// a caller waiting.
type message struct {
	id, kind, status, body, contentType, sender, subscription, end json.RawMessage
}

// decodeReply takes a message apart that is a JSON object.
func decodeReply(msg []byte) (w message, ok bool) {
	if !json.Valid(msg) {
		return w, false
	}
	ok = members(msg, func(m member) { // of two with the same name the last counts
		switch {
		case m.is("body"):
			w.body = m.value
		case m.is("id"):
			w.id = m.value
		case m.is("type"):
			w.kind = m.value
		case m.is("status"):
			w.status = m.value
		case m.is("contentType"):
			w.contentType = m.value
		case m.is("sender"):
			w.sender = m.value
		case m.is("subscription"):
			w.subscription = m.value
		case m.is("end"):
			w.end = m.value
		}
	})
	return w, ok
}

// take finds the call that a reply with this id (nil for none) and type
// settles, and takes it off pending. It returns nil if there is none.
func (c *Client) take(id json.RawMessage, kind string) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.pending, func(p *call) bool {
		if id != nil || c.echoes {
			return p.id == string(id)
		}
		return p.kind == kind || kind == "error"
	})
	if i < 0 {
		return nil
	}
	p := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	c.echoes = c.echoes || id != nil
	return p
}

// dropped fails the request whose reply was too large or could not be read, if
// there is no doubt which it was.
func (c *Client) dropped(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 1 {
		c.pending[0].outcome <- outcome{err: fmt.Errorf("reply: %w", err)}
		c.pending = nil
	}
}

// end fails what is outstanding and all that follows.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, p := range c.pending {
		p.outcome <- outcome{err: closed(err)}
	}
	c.pending = nil
	for _, s := range c.subs {
		s.finish(closed(err))
	}
	c.subs = nil
}

// stringOf returns the string that raw is, or none.
func stringOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	s, _ := text(raw)
	return strings.ToValidUTF8(s, "\ufffd")
}

func statusFrom(raw json.RawMessage) (int, error) {
	if raw == nil {
		return http.StatusOK, nil
	}
	var n int
	if err := json.Unmarshal(raw, &n); err != nil || n < 100 || n > 599 {
		return 0, errors.New("the node's reply has no usable status")
	}
	return n, nil
}
