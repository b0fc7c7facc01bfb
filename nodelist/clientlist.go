package nodelist

import (
	"context"
	"fmt"
	"time"
)

// maxAge is how far behind the archiver's clock the time of a list may be.
const maxAge = 2 * time.Minute

// Active fetches the list of active nodes.
func (c *Client) Active(ctx context.Context) (SignedList, error) {
	list, err := c.list(ctx, "/full-nodelist?activeOnly=true", nil, kindActive)
	return list, c.fail(err)
}

// list sends a request that is answered with a list of that kind, and returns
// the list if it is signed, fresh and of the network that /rtc tells of.
func (c *Client) list(ctx context.Context, path string, body []byte, kind string) (SignedList, error) {
	a, err := c.anchored(ctx) // first, so that a key is learnt from a fresh answer
	if err != nil {
		return SignedList{}, err
	}
	floor, err := c.floor(ctx)
	if err != nil {
		return SignedList{}, err
	}
	o, err := c.ask(ctx, path, body)
	if err != nil {
		return SignedList{}, err
	}
	key, err := c.verify(ctx, o)
	if err != nil {
		return SignedList{}, err
	}
	list, err := decodeList(o, kind)
	if err != nil {
		return SignedList{}, err
	}
	list.Key = key
	if a.check(list) != nil { // perhaps it is the anchor that is old
		if a, err = c.reanchor(ctx); err != nil {
			return SignedList{}, err
		}
	}
	if err := a.check(list); err != nil {
		return SignedList{}, err
	}
	if err := c.raise(ctx, key, list.Epoch, floor); err != nil {
		return SignedList{}, err
	}
	if kind == kindActive {
		c.store(ctx, a, o, list)
	}
	return list, nil
}

// check compares a list with what the archiver said freshly.
func (a *anchor) check(list SignedList) error {
	switch behind := a.now().Sub(list.Time); {
	case list.Key != a.Key:
		return fmt.Errorf("the list is signed by %s, but /rtc by %s", list.Key, a.Key)
	case behind > maxAge:
		return fmt.Errorf("the list is %v old: it is a replay, or the archiver no longer renews it; try again, "+
			"or another archiver", behind.Round(time.Second))
	case list.NetworkID != a.NetworkID:
		return fmt.Errorf("the list is of the network %q, but /rtc tells of %q", list.NetworkID, a.NetworkID)
	}
	return nil
}
