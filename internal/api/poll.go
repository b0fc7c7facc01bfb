package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	pollBrief  = time.Second      // one too many is held once to twice as long
	pollShare  = 4                // the part of all polls that one address may have held
)

// A pollRoom is where polls are held.
type pollRoom struct {
	polls  chan struct{} // holds a token for each poll that is held
	briefs chan struct{} // and for each that is held for a moment
	shares *rpc.Shares   // of polls
}

// Polls makes the API answer GET collector/api/poll from feed, and hold so many
// of them at once, and as many more for a moment. It comes before the first request.
func (a *API) Polls(feed rpc.Feed, most int) {
	a.feed = feed
	a.HoldPolls(most)
}

// HoldPolls has so many polls be held at once from now on. Those that are held
// stay where they are.
func (a *API) HoldPolls(most int) {
	a.polls.Store(&pollRoom{make(chan struct{}, most), make(chan struct{}, most), rpc.NewShares(int64(max(1, most/pollShare)))})
}

// PollStats are how many polls are held, and may be.
func (a *API) PollStats() (held, most int) {
	room := a.polls.Load()
	if room == nil {
		return 0, 0
	}
	return len(room.polls), cap(room.polls)
}

// poll answers when the user has a chat that is newer than chatTimestamp, or
// after a while: the question that wallets ask again and again. One too many, of
// all or of its address, is held for a moment, so that wallets go on as they did
// when nothing held them, and do not ask without a pause.
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
	patience, done := a.patience(ctx)
	defer done()
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
		case <-rpc.Gone(ctx): // nobody is to be told
			return newest, nil
		case <-ctx.Done():
			return 0, fmt.Errorf("poll: %w", context.Cause(ctx))
		}
	}
	return newest, nil
}

// patience returns for how long a poll is held, and what to call afterwards.
func (a *API) patience(ctx context.Context) (hold time.Duration, done func()) {
	place, room := rpc.CallerOf(ctx), a.polls.Load()
	if room.shares.Take(place, 1) {
		select {
		case room.polls <- struct{}{}:
			return pollHold, func() { <-room.polls; room.shares.Give(place, 1) }
		default:
			room.shares.Give(place, 1)
		}
	}
	select {
	case room.briefs <- struct{}{}:
		return pollBrief + rand.N(pollBrief), func() { <-room.briefs }
	default:
		return 0, func() {}
	}
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
