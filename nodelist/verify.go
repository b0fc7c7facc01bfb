package nodelist

import (
	"context"
	"errors"
	"fmt"

	"github.com/liberdus/liberdus/internal/signing"
)

// trusted returns the key the archiver must have: the pinned one, or the one
// remembered, or "" if this is the first meeting.
func (c *Client) trusted(ctx context.Context) (string, error) {
	if c.archiver.Key != "" {
		return c.archiver.Key, nil
	}
	return c.known.key(ctx, c.archiver.URL)
}

// verify checks who signed o and returns the key.
func (c *Client) verify(ctx context.Context, o signing.Object) (owner string, err error) {
	want, err := c.trusted(ctx)
	if err != nil {
		return "", err
	}
	owner, err = signing.Verify(o)
	switch {
	case err != nil:
		return "", fmt.Errorf("the answer is not signed as it should be: %w", err)
	case want == "" || owner == want:
		return owner, nil
	case c.archiver.Key != "":
		return "", fmt.Errorf("its key is %s, not the pinned %s: somebody may pose as it; "+
			"if its key was really changed, give %s#%s", owner, want, c.archiver.URL, owner)
	default:
		return "", fmt.Errorf("its key is %s, but was %s when first seen (kept in %s): somebody may pose as it; "+
			"if its key was really changed, give %s#%s once, which replaces the one kept",
			owner, want, c.known.where(), c.archiver.URL, owner)
	}
}

// keep remembers the archiver's key.
func (c *Client) keep(ctx context.Context, key string) error {
	return c.warnNotKept(c.known.keep(ctx, c.archiver.URL, key))
}

// floor returns the lowest epoch that an answer to a request sent now may have:
// the highest seen from the trusted key. Answers to requests that were sent
// before may be lower.
func (c *Client) floor(ctx context.Context) (uint64, error) {
	key, err := c.trusted(ctx)
	if err != nil {
		return 0, err
	}
	return c.known.epoch(ctx, key)
}

// raise refuses an epoch under floor, and remembers it.
func (c *Client) raise(ctx context.Context, key string, epoch, floor uint64) error {
	if epoch < floor {
		return fmt.Errorf("the list has epoch %d, but %d was seen before: it is an old one; if the archiver lost its "+
			"state, remove the key %s from %s", epoch, floor, key, c.known.where())
	}
	return c.warnNotKept(c.known.raise(ctx, key, epoch))
}

// warnNotKept logs, once, an error that is only about writing down.
func (c *Client) warnNotKept(err error) error {
	if errors.Is(err, errNotKept) {
		c.warned.Do(func() { c.log.Warn("archiver not remembered", "err", err) })
		return nil
	}
	return err
}
