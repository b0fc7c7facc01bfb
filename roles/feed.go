package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/rtc"
)

// openFeed makes the hub that tells clients of accounts that change: the ledger
// says which, and a node behind is asked.
func (n *Consensor) openFeed() (err error) {
	look := n.lookBehind
	if n.node == nil {
		look = n.ledger.Stored
	}
	cfg := feed.DefaultConfig(n.node != nil)
	cfg.Accounts, cfg.Watchers = n.cfg.MaxWatchedAccounts, n.cfg.MaxSubscriptions
	if n.feed, err = feed.New(cfg, look, n.log); err != nil {
		return &UsageError{Err: err}
	}
	n.api.Polls(n.feed, n.cfg.MaxPolls)
	if n.node == nil {
		n.unwatch = n.ledger.Watch(n.feed.Changed)
	}
	return nil
}

// lookBehind returns the text of an account of the node behind.
func (n *Consensor) lookBehind(ctx context.Context, id string) ([]byte, error) {
	resp := n.node.Look(ctx, "/account/"+id)
	if resp.Status != http.StatusOK || resp.ContentType != "" {
		return nil, fmt.Errorf("the node answers %d: %.80q", resp.Status, resp.Body)
	}
	var body struct{ Account json.RawMessage }
	if err := json.Unmarshal(resp.Body, &body); err != nil || body.Account == nil {
		return nil, fmt.Errorf("the node's answer is no account: %.80q", resp.Body)
	}
	if string(body.Account) == "null" {
		return nil, nil
	}
	return body.Account, nil
}

// subscriptionsEnd is what the subscriptions of a session are told when nothing
// more of it is read because of err.
func subscriptionsEnd(s *rtc.Session, err error) string {
	if s.Err() != nil || !errors.Is(err, rtc.ErrStopped) {
		return "" // nobody is there
	}
	select {
	case <-s.Worn():
		return rpc.EndReplaced
	default:
		return rpc.EndShutdown
	}
}
