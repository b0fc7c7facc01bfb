package roles

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/rpc"
	counting "github.com/liberdus/liberdus/internal/tally"
	"github.com/liberdus/liberdus/roles/client"
)

// An asker asks the nodes for those who come to a gateway, no more at once than
// it may, and of one address no more than a part.
type asker struct {
	c      *client.Client
	room   atomic.Pointer[askRoom] // that holds now
	counts counting.Counts[asked]  // fixed
}

// An askRoom is where requests are counted that are in hand. Those that have come
// in stay in theirs.
type askRoom struct {
	all    chan struct{} // holds a token for each
	shares *rpc.Shares
}

func newAskRoom(most int) *askRoom {
	return &askRoom{make(chan struct{}, most), rpc.NewShares(int64(max(1, most/askerShare)))}
}

// An asked says what came of a request that nodes were asked.
type asked string

// The closed set of them.
const (
	askedAnswered  asked = "answered"  // by a node, whatever the status
	askedRefused   asked = "refused"   // for a limit of the gateway
	askedUndecided asked = "undecided" // a transaction of which nobody says what became of it
	askedTooLarge  asked = "too_large" // for a message of a data channel
	askedUnreached asked = "unreached" // there is no way to a node
	askedLost      asked = "lost"      // the session ended
	askedTimeout   asked = "timeout"
)

var allAsked = [...]asked{askedAnswered, askedRefused, askedUndecided, askedTooLarge, askedUnreached, askedLost, askedTimeout}

var _ api.Nodes = (*asker)(nil)

// askerShare is the part of all requests in hand that one address may have.
const askerShare = 4

// askerRetry is after what time there may be room again.
const askerRetry = time.Second

func newAsker(c *client.Client, most int) *asker {
	a := &asker{c: c, counts: counting.Of(allAsked[:])}
	a.room.Store(newAskRoom(most))
	return a
}

// Ask implements [api.Nodes].
func (a *asker) Ask(ctx context.Context, r rpc.Request) rpc.Response {
	return a.inHand(ctx, func() (client.Answer, error) {
		return a.c.Do(ctx, client.Request{Method: r.Method, Path: r.URL, Body: r.Body})
	})
}

// Inject implements [api.Nodes].
func (a *asker) Inject(ctx context.Context, body []byte) rpc.Response {
	return a.inHand(ctx, func() (client.Answer, error) { return a.c.Relay(ctx, body) })
}

// inHand counts a request while f asks for it.
func (a *asker) inHand(ctx context.Context, f func() (client.Answer, error)) rpc.Response {
	place := rpc.CallerOf(ctx)
	room := a.room.Load()
	if !room.shares.Take(place, 1) {
		a.counts[askedRefused].Add(1)
		return rpc.FaultAfter("too many requests of one address at once", askerRetry).By(rpc.LimitGatewayOfOne)
	}
	defer room.shares.Give(place, 1)
	select {
	case room.all <- struct{}{}:
		defer func() { <-room.all }()
	default:
		a.counts[askedRefused].Add(1)
		return rpc.FaultAfter("too many requests at once", askerRetry).By(rpc.LimitGateway)
	}
	answer, err := f()
	a.counts[outcomeOf(answer, err)].Add(1)
	if err != nil {
		return faultOf(answer, err)
	}
	return responseOf(answer)
}

// outcomeOf names what came of a request.
func outcomeOf(a client.Answer, err error) asked {
	_, undecided := errors.AsType[*client.UndecidedError](err)
	switch {
	case err == nil:
		return askedAnswered
	case undecided:
		return askedUndecided
	case errors.Is(err, rpc.ErrTooLarge):
		return askedTooLarge
	case a.Peer == "":
		return askedUnreached
	case errors.Is(err, rpc.ErrClosed):
		return askedLost
	}
	return askedTimeout
}

// responseOf is a node's answer as it goes over HTTP. Some statuses have no
// body, and those before the last one do not end an answer.
func responseOf(a client.Answer) rpc.Response {
	switch {
	case a.Status < http.StatusOK:
		return rpc.FaultAt(rpc.Unavailable, "node", "the node's answer has no usable status")
	case a.Status == http.StatusNoContent, a.Status == http.StatusNotModified:
		a.Body = nil
	}
	return rpc.Response{Status: a.Status, Body: a.Body, ContentType: a.ContentType}
}

// faultOf says why there is no answer of a node.
func faultOf(a client.Answer, err error) rpc.Response {
	text := oneLine(err)
	if u, ok := errors.AsType[*client.UndecidedError](err); ok {
		return rpc.FaultAt(rpc.Timeout, client.Hop(err), "undecided: ask /transaction/"+u.TxID+" ("+oneLine(u.Err)+")")
	}
	switch {
	case errors.Is(err, rpc.ErrTooLarge):
		return rpc.Fault(rpc.TooLarge, text)
	case a.Peer == "":
		return unreached(err)
	case errors.Is(err, rpc.ErrClosed):
		return rpc.FaultAt(rpc.Unavailable, client.Hop(err), text)
	}
	return rpc.FaultAt(rpc.Timeout, client.Hop(err), text)
}

// unreached says at which hop the way to the nodes ends.
func unreached(err error) rpc.Response {
	return rpc.FaultAt(rpc.Unavailable, client.Hop(err), "no node can be reached: "+oneLine(err))
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
