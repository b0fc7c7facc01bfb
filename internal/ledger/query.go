package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/cockroachdb/pebble/v2"

	"github.com/liberdus/liberdus/internal/signing"
)

// Head is [Ledger.Account], but a chat comes with no messages and no hash: one
// look-up, whatever a chat holds.
func (l *Ledger) Head(ctx context.Context, id string) (json.RawMessage, error) {
	if len(id) > maxID {
		return nil, nil
	}
	text, err := l.read(ctx, accountKey(id))
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

// Messages returns the canonical text of the list of a chat's transactions, oldest
// first, with a timestamp of at least since, in ms; nil if there is no such chat.
func (l *Ledger) Messages(ctx context.Context, chatID string, since float64) (json.RawMessage, error) {
	if len(chatID) > maxID {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	list, err := l.store.messages(ctx, chatID, since)
	if err != nil {
		return nil, fmt.Errorf("ledger: messages of %.64q: %w", chatID, err)
	}
	return list, nil
}

// messages reads the chat and its transactions from one view.
func (s *store) messages(ctx context.Context, chatID string, since float64) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	header, err := get(s.view, accountKey(chatID))
	if err != nil || !isChatHeader(header) {
		return nil, err
	}
	prefix := messagePrefix(chatID)
	end := append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 8)...)
	it, err := s.view.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	list := []byte{'['}
	for it.First(); it.Valid() && ctx.Err() == nil; it.Next() {
		ts, err := timestampOf(it.Value())
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		if ts < since {
			continue
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(list, it.Value()...)
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return append(list, ']'), context.Cause(ctx)
}

// timestampOf reads the member of exactly that name: a transaction may have
// others that are spelt nearly so.
func timestampOf(text []byte) (ms float64, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return 0, fmt.Errorf("message: %w", err)
	}
	if err := json.Unmarshal(members["timestamp"], &ms); err != nil {
		return 0, fmt.Errorf("timestamp of a message: %w", err)
	}
	return ms, nil
}

// StakeRequired returns the least stake on a node, in wei.
func (l *Ledger) StakeRequired() *big.Int { return new(big.Int).Set(l.rules.minStake) }
