package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/cockroachdb/pebble/v2"

	"github.com/liberdus/liberdus/internal/signing"
)

// A chat is a ChatAccount: what passed between two users. Its transactions are
// stored one by one, so that adding one does not cost more the more there are;
// the account's own record is a header that counts them. The text of the
// account, and its hash, are put together when somebody reads it.
type chat struct {
	id          string
	required    [2]int64 // whether a toll is due towards the first and the second of the sorted addresses: 0 no, 1 yes, 2 blocked
	timestamp   int64
	first, next int64 // numbers of the oldest message kept, and of the one to come
}

// headerMark begins a stored chat header, where other accounts begin with "{".
const headerMark = 'c'

func isChatHeader(text []byte) bool { return len(text) > 0 && text[0] == headerMark }

// chatID is the id of the chat between two users.
func chatID(a, b string) string { return signing.Hash([]byte(min(a, b) + max(a, b))) }

// newChat is the chat that from opens: the other one may answer without a toll.
func newChat(id, from, to string) *chat {
	c := &chat{id: id, required: [2]int64{1, 1}}
	c.required[side(from, to)] = 0
	return c
}

// side is the index of a in the sorted pair of a and b.
func side(a, b string) int {
	if a <= b {
		return 0
	}
	return 1
}

// push adds the text of a transaction and gives what to write for it. More than
// limit transactions are not kept.
func (c *chat) push(text []byte, limit int64) []op {
	ops := []op{{messageKey(c.id, uint64(c.next)), text}}
	c.next++
	if c.next-c.first > limit {
		ops = append(ops, op{key: messageKey(c.id, uint64(c.first))})
		c.first++
	}
	return ops
}

func (c *chat) object() signing.Object {
	none := []any{new(big.Int), new(big.Int)}
	return signing.Object{
		"id": c.id, "type": typeChat, "hash": "", "timestamp": c.timestamp, "messages": []any{},
		"toll": signing.Object{
			"required":  []any{c.required[0], c.required[1]},
			"payOnRead": none, "payOnReply": none,
		},
		"read": []any{0, 0}, "replied": []any{0, 0}, "hasChats": false,
	}
}

// header is the stored record: the account without its messages, and the range
// of their numbers.
func (c *chat) header() ([]byte, error) {
	o := c.object()
	o["first"], o["next"] = c.first, c.next
	text, err := signing.Canonical(o)
	return append([]byte{headerMark}, text...), err
}

func decodeChat(header []byte) (*chat, error) {
	o, err := signing.ParseObject(header[1:])
	if err != nil {
		return nil, err
	}
	r := &record{members: o}
	toll := r.object("toll")
	c := &chat{id: r.text("id"), timestamp: r.integer("timestamp"), first: r.integer("first"), next: r.integer("next")}
	required := toll.list("required")
	if err := errors.Join(r.err, toll.err); err != nil || len(required) != len(c.required) {
		return nil, fmt.Errorf("chat header: required has %d elements: %w", len(required), err)
	}
	for i, v := range required {
		n, _ := number(v)
		c.required[i] = int64(n)
	}
	return c, nil
}

// text puts the account together with its messages. In canonical order the
// members before "messages", the hash among them, are the program's own,
// whatever a message has in it.
func (c *chat) text(messages [][]byte) ([]byte, error) {
	text, err := signing.Canonical(c.object())
	if err != nil {
		return nil, err
	}
	list := append(append([]byte(`"messages":[`), bytes.Join(messages, []byte{','})...), ']')
	return sealText(bytes.Replace(text, []byte(`"messages":[]`), list, 1)), nil
}

// chatText reads the messages of a chat from the view. The header may be older
// than the view by then, so it is read again from the same view.
func (l *Ledger) chatText(header []byte) (json.RawMessage, error) {
	c, err := decodeChat(header)
	if err != nil {
		return nil, err
	}
	header, messages, err := l.store.readWithList(accountKey(c.id), messagePrefix(c.id))
	if err != nil {
		return nil, err
	}
	if c, err = decodeChat(header); err != nil {
		return nil, err
	}
	return c.text(messages)
}

// readWithList reads a key and, from the same view, the values under a prefix
// that is followed by a number.
func (s *store) readWithList(key, prefix []byte) (value []byte, list [][]byte, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, nil, ErrClosed
	}
	if value, err = get(s.view, key); err != nil {
		return nil, nil, err
	}
	end := append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 8)...)
	it, err := s.view.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	for it.First(); it.Valid(); it.Next() {
		list = append(list, bytes.Clone(it.Value()))
	}
	return value, list, it.Close()
}
