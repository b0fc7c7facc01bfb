package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A Change says that an account is on the disk in another state. Timestamp is
// that of the newest transaction that changed it, and ChatTimestamp, of a user
// alone, that of the newest incoming chat; both in milliseconds of the Unix epoch.
type Change struct {
	ID            string
	Timestamp     int64
	ChatTimestamp int64
}

// A watcher is told apart from others by its address.
type watcher struct{ changed func([]Change) }

// Watch has changed called after each batch of transactions that was synced, in
// the order of the batches, with one Change for each account, sorted by ID. By
// then Account gives that state, and the senders have no answer yet. The writer
// of the ledger calls it and waits: changed must only hand over what it is
// given, and leave the slice as it is, since all watchers share it. A batch has
// at most Config.Batch transactions, of at most three accounts each.
//
// Stop ends it. A call that is under way then may end later.
func (l *Ledger) Watch(changed func([]Change)) (stop func()) {
	w := &watcher{changed}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers = append(slices.Clip(l.watchers), w)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watchers = slices.DeleteFunc(slices.Clone(l.watchers), func(other *watcher) bool { return other == w })
	}
}

// Stored returns what is kept of an account in one place, nil if there is no such
// account: its text, or for a chat a text without the messages. It differs
// whenever the account does, and costs one look-up however long a chat is.
func (l *Ledger) Stored(ctx context.Context, id string) ([]byte, error) {
	if len(id) > maxID {
		return nil, nil
	}
	text, err := l.stored(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("ledger: account %.64q: %w", id, err)
	}
	if isChatHeader(text) {
		text = text[1:]
	}
	return text, nil
}

// tell calls the watchers with what a committed batch changed.
func (l *Ledger) tell(s *state) {
	l.mu.Lock()
	watchers := l.watchers
	l.mu.Unlock()
	if len(watchers) == 0 {
		return
	}
	changes := s.changeList()
	for _, w := range watchers {
		w.changed(changes)
	}
}

func (s *state) changeList() []Change {
	changes := make([]Change, 0, len(s.changed)+len(s.restaked))
	for id := range s.restaked {
		if s.changed[id] {
			continue // it is what is seen under that id
		}
		c := Change{ID: id}
		if n := s.nodes[id]; n != nil {
			c.Timestamp = n.timestamp
		}
		changes = append(changes, c)
	}
	for id := range s.changed {
		c := Change{ID: id}
		switch a := s.accounts[id].(type) {
		case *user:
			c.Timestamp, c.ChatTimestamp = a.timestamp, a.chatTimestamp
		case *alias:
			c.Timestamp = a.timestamp
		case *chat:
			c.Timestamp = a.timestamp
		}
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.ID, b.ID) })
	return changes
}
