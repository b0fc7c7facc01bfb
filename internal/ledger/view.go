package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// A view is the store as one commit left it.
type view struct {
	*pebble.Snapshot
	holders int // guarded by store.mu; one of them is the store, as long as no newer view is there
}

// hold keeps the newest view from going away, for a read of more than one key.
// Release must follow.
func (s *store) hold() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	s.view.holders++
	s.holding.Add(1)
	return s.view, nil
}

func (s *store) release(v *view) error {
	defer s.holding.Done()
	return s.drop(v)
}

// drop takes one holder from a view; the last one closes it.
func (s *store) drop(v *view) error {
	s.mu.Lock()
	v.holders--
	last := v.holders == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	return v.Close()
}

// each calls f for every record, in the order of the keys. Key and value are
// good until f returns.
func (v *view) each(ctx context.Context, f func(key, value []byte) error) (err error) {
	it, err := v.NewIter(nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := f(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}
