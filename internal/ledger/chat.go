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

// A chat is a ChatAccount: what passed between two users. A pair has a place for
// the first and the second of their sorted addresses. The chat's transactions are
// stored one by one, so that adding one does not cost more the more there are;
// the account's own record is a header that counts them. The text of the
// account, and its hash, are put together when somebody reads it.
type chat struct {
	id          string
	required    [2]int64    // what each asks of the other: 0 no toll, 1 a toll, 2 is blocked
	payOnRead   [2]*big.Int // held for each until it reads; replaced, never changed in place
	payOnReply  [2]*big.Int // held for each until it replies, likewise
	read        [2]int64    // when each last read or wrote
	replied     [2]int64    // when each last wrote
	hasChats    bool        // there has been a message, not transfers alone
	timestamp   int64
	first, next int64 // numbers of the oldest transaction kept, and of the one to come

	// Not in the account's text. A message here is one of that type.
	wrote  [2]int64 // time of each one's newest message, 0 if there is none
	lastBy int64    // who wrote the last message, if hasChats
	lastAt int64    // and when
	oldest int64    // none that is kept is older than this
	asked  [2]int64 // timestamp of each one's newest update_toll_required
	at     int64    // what the clock was at the last transaction; "timestamp" may lie after it
}

// Values of required.
const (
	asksToll = 1
	blocks   = 2
)

// headerMark begins a stored chat header, where other accounts begin with "{".
const headerMark = 'c'

func isChatHeader(text []byte) bool { return len(text) > 0 && text[0] == headerMark }

// chatID is the id of the chat between two users.
func chatID(a, b string) string { return signing.Hash([]byte(min(a, b) + max(a, b))) }

// newChat is the chat that from opens: the other one may answer without a toll.
func newChat(id, from, to string) *chat {
	c := &chat{
		id: id, required: [2]int64{asksToll, asksToll},
		payOnRead: [2]*big.Int{{}, {}}, payOnReply: [2]*big.Int{{}, {}},
	}
	c.required[side(from, to)] = 0
	return c
}

// side is the place of a in a pair of a and b.
func side(a, b string) int {
	if a <= b {
		return 0
	}
	return 1
}

// held is what the chat holds for one of the two.
func (c *chat) held(who int) *big.Int { return new(big.Int).Add(c.payOnRead[who], c.payOnReply[who]) }

// release forgets what is held for one of the two; the caller gives it away.
func (c *chat) release(who int) { c.payOnRead[who], c.payOnReply[who] = new(big.Int), new(big.Int) }

func (c *chat) object() any { return c.members(false) }

// members are those of the account; stored adds what only the stored header has.
func (c *chat) members(stored bool) signing.Members {
	o := make(signing.Members, 0, 34)
	if stored {
		o = append(o, "asked", list(c.asked), "at", c.at, "first", c.first)
	}
	o = append(o, "hasChats", c.hasChats, "hash", "", "id", c.id)
	if stored {
		o = append(o, "lastAt", c.lastAt, "lastBy", c.lastBy)
	}
	o = append(o, "messages", []any{})
	if stored {
		o = append(o, "next", c.next, "oldest", c.oldest)
	}
	o = append(o, "read", list(c.read), "replied", list(c.replied), "timestamp", c.timestamp,
		"toll", signing.Members{"payOnRead", list(c.payOnRead), "payOnReply", list(c.payOnReply), "required", list(c.required)},
		"type", typeChat)
	if stored {
		o = append(o, "wrote", list(c.wrote))
	}
	return o
}

func list[T any](pair [2]T) []any { return []any{pair[0], pair[1]} }

// header is the stored record: the account without its messages, the range of
// their numbers, and what has to be known of them.
func (c *chat) header() ([]byte, error) {
	text, err := signing.Canonical(c.members(true))
	return append([]byte{headerMark}, text...), err
}

func decodeChat(header []byte) (*chat, error) {
	o, err := signing.ParseObject(header[1:])
	if err != nil {
		return nil, err
	}
	if _, found := o["oldest"]; !found { // written before there were messages
		o["oldest"], o["wrote"], o["lastBy"], o["lastAt"] = 0.0, []any{0.0, 0.0}, 0.0, 0.0
	}
	if _, found := o["at"]; !found { // written before it counted
		o["at"], o["asked"] = o["timestamp"], []any{0.0, 0.0}
	}
	r := &record{members: o}
	toll := r.object("toll")
	c := &chat{
		id: r.text("id"), timestamp: r.integer("timestamp"), hasChats: r.flag("hasChats"),
		first: r.integer("first"), next: r.integer("next"), oldest: r.integer("oldest"),
		read: r.integers("read"), replied: r.integers("replied"),
		wrote: r.integers("wrote"), lastBy: r.integer("lastBy"), lastAt: r.integer("lastAt"),
		asked: r.integers("asked"), at: r.integer("at"),
		required: toll.integers("required"), payOnRead: toll.amounts("payOnRead"), payOnReply: toll.amounts("payOnReply"),
	}
	if err := errors.Join(r.err, toll.err); err != nil {
		return nil, fmt.Errorf("chat header: %w", err)
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
	v, err := s.hold()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.release(v)) }()
	if value, err = get(v, key); err != nil {
		return nil, nil, err
	}
	end := append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 8)...)
	it, err := v.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	size := 0
	for it.First(); it.Valid(); it.Next() {
		if size += len(it.Value()); size > maxAnswer {
			return nil, nil, errors.Join(ErrTooLarge, it.Close())
		}
		list = append(list, bytes.Clone(it.Value()))
	}
	return value, list, it.Close()
}
