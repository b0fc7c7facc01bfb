package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// inject offers a transaction to the ledger. The body is {"tx":"<text>"}, as
// wallets send it over HTTP, or the transaction itself, at which nodes fall over.
// They do so, too, if tx is not the text of an object, or there is no body.
func (a *API) inject(ctx context.Context, _ params, r rpc.Request) (rpc.Response, error) {
	size := min(int64(len(r.Body)), maxInjecting)
	if a.injecting.take(ctx, size) != nil { // it waited as long as it might
		return rpc.Fault(rpc.Busy, "too many transactions at once").By(rpc.LimitInjects), nil
	}
	defer a.injecting.give(size)
	if len(r.Body) == 0 {
		return threw(), nil
	}
	body, err := signing.ParseObject(r.Body)
	if err != nil {
		return rpc.Response{}, &badRequest{notTransaction(err)}
	}
	if wrapped, found := body["tx"]; found {
		text, _ := wrapped.(string)
		if body, err = signing.ParseObject([]byte(text)); err != nil {
			return threw(), nil
		}
	}
	res, err := a.ledger.Put(ctx, body)
	if err != nil {
		return rpc.Response{}, fmt.Errorf("put: %w", err)
	}
	result := signing.Object{"reason": res.Reason, "status": res.Status, "success": res.Success}
	if res.Success {
		result["txId"] = res.TxID
	}
	return reply(signing.Object{"result": result})
}

// account answers account/<id>, and account/id with the id in the body: the
// literal form that the first clients send.
func (a *API) account(ctx context.Context, p params, r rpc.Request) (rpc.Response, error) {
	id := p[0]
	literal := id == "id" && len(r.Body) > 0
	if literal {
		var err error
		if id, err = literalID(r.Body); err != nil {
			return rpc.Response{}, err
		}
	}
	data, err := a.ledger.Account(ctx, id)
	if err != nil {
		return rpc.Response{}, fmt.Errorf("account: %w", err)
	}
	if !literal {
		return wrap("account", data), nil
	}
	quoted, err := signing.Canonical(id)
	if err != nil {
		return rpc.Response{}, fmt.Errorf("account id: %w", err)
	}
	return rpc.Encoded(fmt.Appendf(nil, `{"account":%s,"id":%s}`, orNull(data), quoted)), nil
}

// literalID returns the id of the body of "account/id".
func literalID(body json.RawMessage) (string, error) {
	if o, err := signing.ParseObject(body); err == nil {
		if id, ok := o["id"].(string); ok {
			return id, nil
		}
	}
	return "", &badRequest{`account/id wants a body {"id":"<account id>"}`}
}

func (a *API) transaction(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	data, err := a.ledger.Receipt(ctx, p[0])
	if err != nil {
		return rpc.Response{}, fmt.Errorf("receipt: %w", err)
	}
	return wrap("transaction", data), nil
}

func (a *API) timestamp(context.Context, params, rpc.Request) (rpc.Response, error) {
	return reply(signing.Object{"timestamp": now()})
}

func (a *API) getNodeInfo(context.Context, params, rpc.Request) (rpc.Response, error) {
	return reply(signing.Object{"nodeInfo": a.nodeInfo()})
}
