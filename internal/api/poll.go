package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

const (
	pollHold   = 25 * time.Second // a poll is answered by then, news or not
	pollMargin = time.Second      // and so long before its own deadline
)

// Polls makes the API answer GET collector/api/poll from feed, and hold so many
// of them at once. It comes before the first request.
func (a *API) Polls(feed rpc.Feed, most int) {
	a.feed, a.polls = feed, make(chan struct{}, most)
}

// poll answers when the user has a chat that is newer than chatTimestamp, or
// after a while: the question that wallets ask again and again. One too many is
// answered at once, so that wallets go on as they did when nothing held them.
func (a *API) poll(ctx context.Context, _ params, r rpc.Request) (rpc.Response, error) {
	account, after, err := pollQuery(r.URL)
	if err != nil {
		return rpc.Response{}, &badRequest{err.Error()}
	}
	if a.feed == nil {
		return rpc.Fault(rpc.Unavailable, "this node tells of no changes"), nil
	}
	p := &poller{news: make(chan int64, 1), ended: make(chan struct{}, 1)}
	_, stop, fault := a.feed.Watch(ctx, account, 0, p)
	if fault != nil {
		return *fault, nil
	}
	defer stop()
	newest, err := a.hold(ctx, p, after)
	if err != nil {
		return rpc.Response{}, err
	}
	return reply(signing.Object{"success": true, "chatTimestamp": newest})
}

// hold waits for a chat newer than after, and returns when the newest was.
func (a *API) hold(ctx context.Context, p *poller, after int64) (newest int64, err error) {
	select {
	case newest = <-p.news: // an account that is there is told of at once
	default:
	}
	if newest > after {
		return newest, nil
	}
	select {
	case a.polls <- struct{}{}:
		defer func() { <-a.polls }()
	default:
		return newest, nil
	}
	patience := pollHold
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)-pollMargin)
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for newest <= after {
		select {
		case newest = <-p.news:
		case <-p.ended:
			return newest, nil
		case <-enough.C:
			return newest, nil
		case <-ctx.Done():
			return 0, fmt.Errorf("poll: %w", context.Cause(ctx))
		}
	}
	return newest, nil
}

// A poller watches an account for one poll.
type poller struct {
	news  chan int64    // holds the newest time of a chat
	ended chan struct{} // gets a token when nothing more comes
}

var _ rpc.Watcher = (*poller)(nil)

func (p *poller) Changed(e rpc.Event) {
	for {
		select {
		case p.news <- e.ChatTimestamp:
			return
		default:
		}
		select {
		case <-p.news: // out of date
		default:
		}
	}
}

func (p *poller) Ended(string) { p.ended <- struct{}{} }

// pollQuery reads ?account=<address>&chatTimestamp=<ms>.
func pollQuery(target string) (account string, after int64, err error) {
	_, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", 0, fmt.Errorf("query: %w", err)
	}
	account = values.Get("account")
	if err := rpc.CheckAccount(account); err != nil {
		return "", 0, err
	}
	if text := values.Get("chatTimestamp"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n < 1<<53) {
			return "", 0, errors.New("chatTimestamp must be a time in milliseconds")
		}
		after = int64(n)
	}
	return account, after, nil
}
