package nodelist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// How often another archiver is asked for its list: a network's changes once a
// minute at most. After a failure it is asked again sooner, then ever later.
const (
	borrowEvery   = 15 * time.Second
	borrowRetry   = time.Second
	borrowSlowest = time.Minute
	maxBorrowed   = maxTotal // keys
)

// errEmpty is what an archiver answers that has just started, before the first
// cycle of its network. It says nothing of who may be listed.
var errEmpty = errors.New("its list of active nodes is empty; what was listed before counts on")

// borrowed is what is kept of another archiver's list.
type borrowed struct {
	From  string   `json:"from"` // its public key
	Epoch uint64   `json:"epoch,omitempty"`
	Keys  []string `json:"keys"` // of its active nodes, sorted

	time int64 // unix milliseconds, as it signed; 0 if it signs none
}

// loadBorrowed reads what was kept of the list of the archiver with that key.
func loadBorrowed(path, from string) (borrowed, error) {
	var b borrowed
	if path == "" {
		return borrowed{From: from}, nil
	}
	sweep(path, 0) // the folder is this process's alone
	if err := readJSON(path, &b); err != nil {
		return b, fmt.Errorf("nodelist: nodes of the other archiver: %w; remove the file, it is fetched anew", err)
	}
	if b.From != from { // another one was followed then
		return borrowed{From: from}, nil
	}
	b.Keys = slices.DeleteFunc(b.Keys, func(key string) bool { return !IsKey(key) })
	return b, nil
}

// Follow keeps up with the list of Config.NodesFrom until ctx ends; then it
// returns nil. It may be called once. A list that cannot be had, or is not
// signed by that archiver, older than one seen, or empty, changes nothing.
func (l *List) Follow(ctx context.Context) error {
	c := NewClient(l.cfg.NodesFrom, ClientConfig{HTTP: l.cfg.NodesFromHTTP})
	wait := time.Duration(0)
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		}
		next, err := c.borrow(ctx, l.borrowed)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = min(borrowRetry<<min(failed, 10), borrowSlowest)
			failed++
			l.log.Warn("the other archiver's list is kept as it was", "from", l.cfg.NodesFrom.URL, "nodes", len(l.borrowed.Keys), "err", err)
		default:
			failed, wait = 0, borrowEvery*4/3 // so that the mean is that
			l.lentAt.Store(new(time.Now()))
			l.lend(ctx, next)
		}
	}
}

// lend takes over a list, and keeps it for the next start.
func (l *List) lend(ctx context.Context, next borrowed) {
	old := l.borrowed
	l.borrowed = next
	if old.Epoch == next.Epoch && slices.Equal(old.Keys, next.Keys) {
		return
	}
	l.log.Info("nodes of the other archiver", "from", l.cfg.NodesFrom.URL, "nodes", len(next.Keys))
	l.update(func(r *roster, now time.Time) { r.borrow(next.Keys, now) })
	if l.cfg.NodesFromFile == "" {
		return
	}
	_, err := take(ctx, l.disk, func() (none struct{}, err error) { return none, writeJSON(l.cfg.NodesFromFile, next) })
	if err != nil && ctx.Err() == nil {
		l.log.Warn("the other archiver's list is not kept for the next start", "err", err)
	}
}

// borrow fetches the list of active nodes of an archiver of any kind. One of
// ours signs an epoch and a time too; neither may fall.
func (c *Client) borrow(ctx context.Context, last borrowed) (borrowed, error) {
	o, err := c.ask(ctx, "/full-nodelist?activeOnly=true", nil)
	if err != nil {
		return last, err
	}
	if _, err := c.verify(ctx, o); err != nil {
		return last, err
	}
	next, err := readBorrowed(o)
	switch {
	case err != nil:
		return last, fmt.Errorf("its list: %w", err)
	case next.Epoch < last.Epoch || next.time < last.time:
		return last, fmt.Errorf("its list of epoch %d is older than one seen before, of epoch %d", next.Epoch, last.Epoch)
	case len(next.Keys) == 0:
		return last, errEmpty
	}
	next.From = last.From
	return next, nil
}

// readBorrowed reads {"nodeList":[{"publicKey",…}…],"sign"}, to which archivers
// of this project add epoch, time and list.
func readBorrowed(o signing.Object) (b borrowed, err error) {
	entries, ok := o["nodeList"].([]any)
	if !ok || len(entries) > maxBorrowed {
		return b, fmt.Errorf("nodeList is no array of up to %d nodes", maxBorrowed)
	}
	if kind, ok := o["list"]; ok && kind != kindActive {
		return b, fmt.Errorf("it is of kind %s, not %s", show(kind), kindActive)
	}
	epoch, epochOK := optional(o, "epoch")
	at, timeOK := optional(o, "time")
	if !epochOK || !timeOK {
		return b, errors.New("epoch and time are to be whole numbers")
	}
	keys := make(map[string]bool)
	for _, entry := range entries {
		if key, ok := asObject(entry)["publicKey"].(string); ok && IsKey(key) {
			keys[key] = true
		}
	}
	return borrowed{Epoch: uint64(epoch), time: at, Keys: slices.Sorted(maps.Keys(keys))}, nil
}

// optional reads a whole number that may be missing: then it is 0.
func optional(o signing.Object, name string) (int64, bool) {
	v, ok := o[name]
	if !ok {
		return 0, true
	}
	return integer(v)
}

// borrow says which keys another archiver lists, beside those named here. Who is
// no longer among them goes.
func (r *roster) borrow(keys []string, now time.Time) {
	r.borrowed = make(map[string]bool, len(keys))
	for _, key := range keys {
		r.borrowed[key] = true
	}
	for _, m := range slices.Collect(maps.Values(r.byKey)) {
		if !r.mayJoin(m.node.PublicKey) {
			r.drop(m, "the other archiver no longer lists its key", now)
		}
	}
}

// mayJoin reports whether the key may be listed.
func (r *roster) mayJoin(key string) bool { return !r.restricted || r.allow[key] || r.borrowed[key] }
