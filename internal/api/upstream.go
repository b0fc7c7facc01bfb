package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// An Upstream is a node behind this one, which answers in place of a ledger.
type Upstream interface {
	// Do returns the node's own answer, unchanged, or a fault. The path begins
	// with a slash and needs no escapes. A nil body is none.
	Do(ctx context.Context, method, path string, body []byte) rpc.Response
	// Healthy returns why the node can not be used, in words for strangers.
	Healthy() error
}

// NewFront returns the API of a node that hands requests on to the one behind
// it: those of the table, and nothing else.
func NewFront(up Upstream, log *slog.Logger) *API {
	a := &API{upstream: up, log: log.With("part", "api")}
	a.prepare()
	return a
}

// handOn asks the node behind this one. Of the request it sees the table's
// words for it, plain parameters, and the body of an inject.
func (a *API) handOn(ctx context.Context, rt route, path []string, r rpc.Request) rpc.Response {
	if rt.pattern == "inject" {
		return a.injectOn(ctx, r)
	}
	if rt.pattern == "account/{id}" && path[1] == "id" && len(r.Body) > 0 {
		return a.literalOn(ctx, rt, r)
	}
	target, ok := rt.target(path)
	if !ok {
		return a.missing(path, r)
	}
	return a.upstream.Do(ctx, rt.method, target, nil)
}

// literalOn answers account/id with the id in the body, which nodes behind
// HTTP do not know.
func (a *API) literalOn(ctx context.Context, rt route, r rpc.Request) rpc.Response {
	id, err := literalID(r.Body)
	if err != nil {
		return rpc.Fault(rpc.BadRequest, err.Error())
	}
	quoted, err := signing.Canonical(id)
	if err != nil {
		return rpc.Fault(rpc.BadRequest, "id: "+err.Error())
	}
	target, ok := rt.target([]string{"account", id})
	if !ok { // nothing has such an id
		return rpc.Encoded(append(append([]byte(`{"account":null,"id":`), quoted...), '}'))
	}
	resp := a.upstream.Do(ctx, rt.method, target, nil)
	var answer struct {
		Account json.RawMessage `json:"account"`
	}
	if resp.Status != 200 || resp.ContentType != "" || json.Unmarshal(resp.Body, &answer) != nil || answer.Account == nil {
		return resp // its own words say it best
	}
	body := append([]byte(`{"account":`), answer.Account...)
	return rpc.Encoded(append(append(append(body, `,"id":`...), quoted...), '}'))
}

// injectOn hands a transaction on. Nodes want {"tx":"<its text>"}; one that came
// bare is put into that, each byte of it kept. What is neither, the node is to
// refuse itself.
func (a *API) injectOn(ctx context.Context, r rpc.Request) rpc.Response {
	size := min(int64(len(r.Body)), maxInjecting)
	if a.injecting.take(ctx, size) != nil {
		return rpc.Fault(rpc.Busy, "too many transactions at once").By(rpc.LimitInjects)
	}
	defer a.injecting.give(size)
	body := []byte(r.Body)
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) == nil && members != nil && members["tx"] == nil {
		wrapped, err := wrapTx(body)
		if err != nil {
			return rpc.Fault(rpc.BadRequest, "the body is not a transaction: "+err.Error())
		}
		body = wrapped
	}
	return a.upstream.Do(ctx, "POST", "/inject", body)
}

// wrapTx returns {"tx":"<text>"}.
func wrapTx(text []byte) ([]byte, error) {
	return signing.Canonical(signing.Object{"tx": string(text)})
}

// isHealthy tells whoever watches the node whether it can be used.
func (a *API) isHealthy(ctx context.Context, _ params, _ rpc.Request) (rpc.Response, error) {
	if a.upstream != nil {
		if err := a.upstream.Healthy(); err != nil {
			return rpc.Fault(rpc.Unavailable, err.Error()), nil
		}
	} else if err := a.ledger.Healthy(); err != nil {
		return rpc.Response{}, fmt.Errorf("health: %w", err)
	} else if _, err := a.ledger.Account(ctx, ledgerProbe); err != nil {
		return rpc.Response{}, err
	}
	return rpc.Response{Status: 200, Body: []byte("OK"), ContentType: "text/plain; charset=utf-8"}, nil
}
