package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// An Event says that an account is in another state.
type Event struct {
	Account string
	// Timestamp is the account's own, and ChatTimestamp, of a user alone, that of
	// its newest incoming chat: milliseconds of the Unix epoch.
	Timestamp, ChatTimestamp int64
	// Seq tells states of the account apart, on this node and on others, and
	// grows as long as one node tells of them. See docs/protocol.md.
	Seq int64
}

// FromNow, as since, asks for nothing that has happened already.
const FromNow int64 = -1

// Reasons for which a node ends a subscription.
const (
	EndShutdown    = "shutdown"    // the node stops
	EndReplaced    = "replaced"    // the connection is worn out, and is to be replaced
	EndUnavailable = "unavailable" // the node cannot look at the account any more
)

// A Watcher is told of an account. Its methods only hand over, and may be called
// from any goroutine; an Event with a smaller Seq than one before is an old one.
type Watcher interface {
	Changed(e Event)
	// Ended is the last call.
	Ended(reason string)
}

// A Feed tells of changes to accounts.
type Feed interface {
	// Watch has w told of every change of the account from now on, and at once
	// if it may have changed after since; of several changes the latest is
	// enough. It returns the Seq of the present state and how to stop, after
	// which one more call may come, or why it cannot be done.
	Watch(ctx context.Context, account string, since int64, w Watcher) (from int64, stop func(), fault *Response)
}

const (
	maxAccount = 128     // bytes of an account's id
	maxSince   = 1 << 53 // beyond it, numbers of JSON lose digits
)

// CheckAccount returns an error for what cannot be the id of an account: it is 1
// to 128 of A-Z a-z 0-9 _ . - and not dots alone.
func CheckAccount(id string) error {
	plain, dots := len(id) > 0 && len(id) <= maxAccount, true
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			dots = false
		case c != '.':
			plain = false
		}
	}
	if !plain || dots {
		return errors.New("account must be 1 to 128 of A-Z a-z 0-9 _ . -")
	}
	return nil
}

// readSubscribe reads {"account":"<id>","since"?:<number>}.
func readSubscribe(body json.RawMessage) (account string, since int64, err error) {
	var id, from json.RawMessage
	if body == nil || !members(body, func(m member) {
		switch {
		case m.is("account"):
			id = m.value
		case m.is("since"):
			from = given(m.value)
		}
	}) || given(id) == nil {
		return "", 0, errors.New(`subscribe wants a body {"account":"<id>","since"?:<number>}`)
	}
	account, ok := text(id)
	if !ok {
		return "", 0, errors.New("account must be a string")
	}
	if err := CheckAccount(account); err != nil {
		return "", 0, err
	}
	if since, err = readSince(from); err != nil {
		return "", 0, err
	}
	return account, since, nil
}

func readSince(raw json.RawMessage) (int64, error) {
	if raw == nil {
		return FromNow, nil
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(n) || n < 0 {
		return 0, errors.New("since must be a number, 0 or more")
	}
	return int64(min(n, maxSince)), nil
}

// readUnsubscribe reads {"subscription":"<id>"}.
func readUnsubscribe(body json.RawMessage) (id string, err error) {
	var raw json.RawMessage
	if body != nil && members(body, func(m member) {
		if m.is("subscription") {
			raw = given(m.value)
		}
	}) && raw != nil {
		if id, ok := text(raw); ok {
			return id, nil
		}
	}
	return "", errors.New(`unsubscribe wants a body {"subscription":"<id>"}`)
}

// appendEvent appends the message that carries e to subscription id.
func appendEvent(buf []byte, id string, e Event) []byte {
	buf = append(appendString(append(buf, `{"type":"event","subscription":`...), id), `,"body":{"account":`...)
	buf = append(appendString(buf, e.Account), `,"timestamp":`...)
	buf = append(strconv.AppendInt(buf, e.Timestamp, 10), `,"chatTimestamp":`...)
	buf = append(strconv.AppendInt(buf, e.ChatTimestamp, 10), `,"seq":`...)
	return append(strconv.AppendInt(buf, e.Seq, 10), `}}`...)
}

// appendEnd appends the message that ends subscription id.
func appendEnd(buf []byte, id, reason string) []byte {
	buf = append(appendString(append(buf, `{"type":"event","subscription":`...), id), `,"end":`...)
	return append(appendString(buf, reason), '}')
}

// decodeEvent reads what an event's message has for its body.
func decodeEvent(body json.RawMessage) (Event, bool) {
	var e struct {
		Account                       string
		Timestamp, ChatTimestamp, Seq float64
	}
	if json.Unmarshal(body, &e) != nil || e.Account == "" {
		return Event{}, false
	}
	whole := func(n float64) int64 { return int64(min(max(n, 0), maxSince)) }
	return Event{e.Account, whole(e.Timestamp), whole(e.ChatTimestamp), whole(e.Seq)}, true
}
