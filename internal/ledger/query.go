package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"github.com/liberdus/liberdus/internal/signing"
)

// Head is [Ledger.Account], but a chat comes with no messages and no hash: one
// look-up, whatever a chat holds.
func (l *Ledger) Head(ctx context.Context, id string) (json.RawMessage, error) {
	if len(id) > maxID {
		return nil, nil
	}
	text, err := l.stored(ctx, id)
	if err == nil && isChatHeader(text) {
		text, err = chatHead(text)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: account %.64q: %w", id, err)
	}
	return text, nil
}

func chatHead(header []byte) ([]byte, error) {
	c, err := decodeChat(header)
	if err != nil {
		return nil, err
	}
	return signing.Canonical(c.object())
}

// ErrTooLarge is wrapped by errors about answers that nobody could use: the
// remedy is [Ledger.MessagePage].
var ErrTooLarge = errors.New("the chat is too large for one answer")

const (
	maxAnswer = 4 << 20   // bytes of the messages of a whole answer
	maxPage   = 240 << 10 // and of a page, so that it fits into a message of 256 KiB
)

// Messages returns the canonical text of the list of a chat's transactions, in the
// order in which they came, with a timestamp of at least since, in ms; nil if there
// is no such chat. More than 4 MiB are refused with [ErrTooLarge].
//
// A transaction may be dated before one that came earlier. It is listed, whatever
// since is, if one is that came before it, or would be a millisecond later: so who
// asks from the newest timestamp that was listed, or the one after it, misses none.
func (l *Ledger) Messages(ctx context.Context, chatID string, since float64) (json.RawMessage, error) {
	p, err := l.messages(ctx, chatID, since, 0, maxAnswer)
	if p != nil && p.next > 0 {
		err = fmt.Errorf("ledger: messages of %.64q: %w", chatID, ErrTooLarge)
	}
	if err != nil || p == nil {
		return nil, err
	}
	return p.list(), nil
}

// MessagePage is Messages for those who ask several times: at most 240 KiB, but at
// least one transaction. From is 0 for the first page, then the next of the page
// before; next is 0 with the last.
func (l *Ledger) MessagePage(ctx context.Context, chatID string, since float64, from int64) (list json.RawMessage, next int64, err error) {
	p, err := l.messages(ctx, chatID, since, from, maxPage)
	if err != nil || p == nil {
		return nil, 0, err
	}
	return p.list(), p.next, nil
}

// A page is a part of a chat.
type page struct {
	texts []byte // joined by commas
	next  int64  // number of the first one that did not fit; 0: all did
}

func (p *page) list() json.RawMessage {
	return append(append(append(make([]byte, 0, len(p.texts)+2), '['), p.texts...), ']')
}

// take adds a text if it fits, or if it is the first.
func (p *page) take(text []byte, limit int) bool {
	if len(p.texts) == 0 {
		p.texts = append(p.texts, text...)
		return true
	}
	if len(p.texts)+1+len(text) > limit {
		return false
	}
	p.texts = append(append(p.texts, ','), text...)
	return true
}

// messages returns nil if there is no such chat.
func (l *Ledger) messages(ctx context.Context, chatID string, since float64, from int64, limit int) (*page, error) {
	if len(chatID) > maxID {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	v, err := l.store.hold()
	if err != nil {
		return nil, fmt.Errorf("ledger: messages of %.64q: %w", chatID, err)
	}
	p, err := v.messages(ctx, chatID, since, from, limit)
	if err = errors.Join(err, l.store.release(v)); err != nil {
		return nil, fmt.Errorf("ledger: messages of %.64q: %w", chatID, err)
	}
	return p, nil
}

func (v *view) messages(ctx context.Context, chatID string, since float64, from int64, limit int) (*page, error) {
	header, err := get(v, accountKey(chatID))
	if err != nil || !isChatHeader(header) {
		return nil, err
	}
	c, err := decodeChat(header)
	if err != nil {
		return nil, err
	}
	start, err := v.search(c, since)
	if err != nil {
		return nil, err
	}
	it, err := v.NewIter(&pebble.IterOptions{
		LowerBound: messageKey(chatID, uint64(max(start, from))), UpperBound: messageKey(chatID, uint64(c.next)),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	p := new(page)
	told := from > start // and so was one that is new enough, on the page before
	for it.First(); it.Valid() && ctx.Err() == nil; it.Next() {
		news := told
		if !told {
			ts, err := timestampOf(it.Value())
			if err != nil {
				return nil, errors.Join(err, it.Close())
			}
			news, told = ts >= since, ts >= since-1
		}
		if news && !p.take(it.Value(), limit) {
			_, n, _ := splitMessage(it.Key())
			p.next = int64(n)
			break
		}
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return p, context.Cause(ctx)
}

// unorder is by how much, in ms, a transaction may be older than the one before it
// in a chat: by twice the clock's window, and by what the clock was put back.
const unorder = 10 * 60 * 1000

// search finds a number before which all is older than since-1, in a chat whose
// transactions are in order but for unorder.
func (v *view) search(c *chat, since float64) (int64, error) {
	low, high := c.first, c.next
	for low < high {
		mid := low + (high-low)/2
		text, err := get(v, messageKey(c.id, uint64(mid)))
		if err != nil {
			return 0, err
		}
		ts, err := timestampOf(text)
		if err != nil {
			return 0, err
		}
		if ts < since-1-unorder {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// timestampOf reads the member timestamp of a transaction in canonical text.
func timestampOf(text []byte) (ms float64, err error) {
	value := memberOf(text, `"timestamp"`)
	if ms, err = strconv.ParseFloat(string(value), 64); err != nil {
		return 0, fmt.Errorf("timestamp of a message: %w", err)
	}
	return ms, nil
}

// memberOf returns the text of one member of an object in canonical text, which
// has no white space; name is in quotes. It is nil if there is no such member.
func memberOf(text []byte, name string) []byte {
	for at := 1; at < len(text) && text[at] == '"'; {
		colon := at + valueLen(text[at:])
		end := colon + 1 + valueLen(text[min(colon+1, len(text)):])
		if string(text[at:colon]) == name {
			return text[colon+1 : min(end, len(text))]
		}
		at = end + 1 // past the comma
	}
	return nil
}

// valueLen is how long the value is that text begins with.
func valueLen(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLen(text[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
			if depth < 0 {
				return i // a number or a word ended before it
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(text)
}

// stringLen is how long the string is, quotes included, that text begins with.
func stringLen(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// StakeRequired returns the least stake on a node, in wei.
func (l *Ledger) StakeRequired() *big.Int { return new(big.Int).Set(l.rules.minStake) }
