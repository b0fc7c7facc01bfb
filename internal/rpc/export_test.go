package rpc

import (
	"context"
	"time"
)

// DecodeRequest is what Serve reads a message with.
var DecodeRequest = decodeRequest

// Members gives the members of a JSON object.
func Members(text []byte, found func(name, value []byte)) bool {
	return members(text, func(m member) { found(m.name, m.value) })
}

// MemberIs compares a name as it is written.
func MemberIs(name []byte, want string) bool { return member{name: name}.is(want) }

// NewDeadline returns the context of a request, and how to end it.
func NewDeadline(parent context.Context, deadline time.Time) (context.Context, func()) {
	c := &deadlineContext{parent: parent, deadline: deadline}
	return c, c.end
}

// Subscriptions returns how many c gets events of.
func Subscriptions(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}

// What subscriptions are read and written with.
var (
	ReadSubscribe   = readSubscribe
	ReadUnsubscribe = readUnsubscribe
	AppendEvent     = appendEvent
	AppendEnd       = appendEnd
)
