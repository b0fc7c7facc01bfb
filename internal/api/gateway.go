package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// Nodes are those of a network, to which a gateway hands requests on: whichever
// of them answers, answers for all.
type Nodes interface {
	// Ask returns a node's own answer, unchanged, or a fault. The body, if any, is
	// JSON.
	Ask(ctx context.Context, r rpc.Request) rpc.Response
	// Inject returns what a node answers to the body of an inject, which is a JSON
	// object, or a fault.
	Inject(ctx context.Context, body []byte) rpc.Response
}

// NewGateway returns the API of nodes that are elsewhere: it hands on what is in
// the table, in the caller's own words, and nothing else.
func NewGateway(nodes Nodes, log *slog.Logger) *API {
	a := &API{nodes: nodes, log: log.With("part", "api")}
	a.prepare()
	return a
}

// askOn asks the nodes, to the end or the deadline: what a caller has sent before
// it went is done, and one that only sends no more may still read. A body that is
// no JSON, which no data channel carries, is refused in the words of a node.
func (a *API) askOn(ctx context.Context, f found, r rpc.Request) rpc.Response {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
	}
	switch {
	case f.method == http.MethodPost && len(r.Body) > 0:
		return a.injectOver(ctx, r)
	case len(r.Body) > 0:
		if _, err := literalID(r.Body); err != nil {
			return rpc.Fault(rpc.BadRequest, err.Error())
		}
	}
	return a.nodes.Ask(ctx, r)
}

// injectOver hands a transaction on, every byte of it.
func (a *API) injectOver(ctx context.Context, r rpc.Request) rpc.Response {
	size := min(int64(len(r.Body)), maxInjecting)
	if a.injecting.take(ctx, size) != nil {
		return rpc.Fault(rpc.Busy, "too many transactions at once").By(rpc.LimitInjects)
	}
	defer a.injecting.give(size)
	if _, err := signing.ParseObject(r.Body); err != nil {
		return rpc.Fault(rpc.BadRequest, notTransaction(err))
	}
	return a.nodes.Inject(ctx, r.Body)
}

func notTransaction(err error) string { return "the body is not a transaction: " + err.Error() }

// Say answers a request over HTTP that a role answers by itself, in the form of
// all others.
func (a *API) Say(w http.ResponseWriter, r *http.Request, resp rpc.Response) { a.write(w, r, resp) }
