package roles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

const (
	maxSkew     = 5 * time.Second        // of clocks, before it is worth a word
	ackTime     = 5 * time.Second        // for a node to acknowledge a transaction
	receiptTime = 30 * time.Second       // for its receipt
	receiptPoll = 250 * time.Millisecond // between two looks at it
)

// Account returns {"id","account","peer"}; where there is no such account,
// "account" is null and the error is [ErrNoAccount].
func (c *Client) Account(ctx context.Context, id string) (any, error) {
	l := newLine(c.connect, c.log)
	defer l.close()
	body, err := signing.Canonical(signing.Object{"id": id})
	if err != nil {
		return nil, &UsageError{fmt.Errorf("account id: %w", err)}
	}
	// The literal form is the one that the first JavaScript nodes know.
	reply, err := l.ask(ctx, rpc.Request{URL: "account/id", Method: "GET", Body: body})
	if err != nil {
		return nil, err
	}
	account, err := accountOf(reply.Reply, id)
	if err != nil {
		return nil, err
	}
	doc := struct {
		ID      string          `json:"id"`
		Account json.RawMessage `json:"account"`
		Peer    string          `json:"peer"`
	}{id, account, reply.peer}
	if isNull(account) {
		return doc, ErrNoAccount
	}
	return doc, nil
}

// accountOf takes the account out of a reply. A body without a member account
// is the account itself: so do nodes answer that know no envelope.
func accountOf(reply rpc.Reply, id string) (json.RawMessage, error) {
	if isNull(reply.Body) {
		return json.RawMessage("null"), nil
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(reply.Body, &body); err != nil {
		return nil, atNode("the answer is not an account: %.80q", reply.Body)
	}
	account, enveloped := body["account"]
	switch {
	case !enveloped && body["error"] != nil && len(body) == 1:
		return nil, atNode("the node says: %s", errorText(reply.Body))
	case !enveloped:
		return reply.Body, nil
	}
	if answered, ok := body["id"]; ok {
		var got string
		if json.Unmarshal(answered, &got) != nil || got != id {
			return nil, atNode("the node answered for the account %.80s", answered)
		}
	}
	return account, nil
}

// ask sends a request and makes an error status a failure at the node.
func (l *line) ask(ctx context.Context, r rpc.Request) (answer, error) {
	a, err := l.do(ctx, r)
	switch {
	case err != nil && a.peer == "": // not even connected
		return a, err
	case errors.Is(err, rpc.ErrClosed):
		return a, &hopError{"channel", fmt.Errorf("peer %s: %w", a.peer, err)}
	case err != nil:
		return a, atNode("peer %s: %w", a.peer, cause(ctx, err))
	case a.Status >= 400:
		return a, atNode("peer %s answers %d: %s", a.peer, a.Status, errorText(a.Body))
	}
	return a, nil
}

// errorText returns the error of a node's answer, or the answer.
func errorText(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error != "" {
		return e.Error
	}
	return fmt.Sprintf("%.200s", body)
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// An Injected is what became of a transaction.
type Injected struct {
	Success bool            `json:"success"`
	TxID    string          `json:"txId"`
	Reason  string          `json:"reason"`
	Status  int             `json:"status"`
	Peer    string          `json:"peer"`
	Receipt json.RawMessage `json:"receipt,omitempty"`
}

// Inject sends a signed transaction, and with wait follows it to its receipt.
// The error is [ErrRefused] where the network does not want it.
func (c *Client) Inject(ctx context.Context, tx signing.Object, wait bool) (any, error) {
	id, err := signing.TxID(tx)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("transaction: %w", err)}
	}
	body, err := signing.Canonical(tx)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("transaction: %w", err)}
	}
	dialCtx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("not connected within %v", c.cfg.Timeout))
	defer cancel()
	l := newLine(c.connect, c.log)
	defer l.close()
	if err := l.connect(dialCtx); err != nil {
		return nil, err
	}
	doc, err := c.inject(ctx, l, id, body)
	if err != nil {
		return nil, err
	}
	if !doc.Success {
		return doc, fmt.Errorf("%w: %s", ErrRefused, doc.Reason)
	}
	if !wait {
		return doc, nil
	}
	c.Progress("waiting for the receipt of " + id)
	return l.follow(ctx, doc)
}

// injectedOf reads {"result":{…}}, or the result alone.
func injectedOf(body []byte) (Injected, error) {
	var wrapped struct {
		Result  *Injected `json:"result"`
		Success *bool     `json:"success"`
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return Injected{}, fmt.Errorf("the answer is not a result: %.200q", body)
	}
	switch {
	case wrapped.Result != nil:
		return *wrapped.Result, nil
	case wrapped.Success != nil:
		var flat Injected
		err := json.Unmarshal(body, &flat)
		return flat, err
	}
	return Injected{}, fmt.Errorf("the answer is not a result: %.200s", body)
}

// follow asks for the receipt of an accepted transaction until it is there.
func (l *line) follow(ctx context.Context, doc Injected) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, receiptTime)
	defer cancel()
	tick := time.NewTicker(receiptPoll)
	defer tick.Stop()
	for {
		receipt, err := l.receipt(ctx, doc.TxID)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if receipt != nil {
			doc.Receipt = receipt
			return doc, judge(receipt)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, atNode("accepted, but no receipt within %v; transaction %s", receiptTime, doc.TxID)
		}
	}
}

// receipt returns the receipt of a transaction, nil while there is none.
func (l *line) receipt(ctx context.Context, id string) (json.RawMessage, error) {
	reply, err := l.ask(ctx, rpc.Request{URL: "transaction/" + id, Method: "GET"})
	if err != nil {
		return nil, err
	}
	var body struct {
		Transaction json.RawMessage `json:"transaction"`
	}
	if err := json.Unmarshal(reply.Body, &body); err != nil || isNull(body.Transaction) {
		return nil, nil // not yet
	}
	return body.Transaction, nil
}

// judge returns ErrRefused for the receipt of a transaction that failed.
func judge(receipt json.RawMessage) error {
	var r struct {
		Success bool   `json:"success"`
		Reason  string `json:"reason"`
	}
	if err := json.Unmarshal(receipt, &r); err != nil {
		return atNode("the receipt cannot be read: %w", err)
	}
	if !r.Success {
		return fmt.Errorf("%w: %s", ErrRefused, r.Reason)
	}
	return nil
}
