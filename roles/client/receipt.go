package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/nodelist"
)

const (
	receiptTime = 30 * time.Second       // for the receipt of a transaction that was accepted
	receiptPoll = 250 * time.Millisecond // between two looks at it
)

// errNoReceipt says that the time for a receipt is over.
var errNoReceipt = errors.New("no receipt")

// Receipt returns the receipt of a transaction, nil while there is none. The
// receipt of one that failed has a member success that is false.
func (c *Client) Receipt(ctx context.Context, txID string) (json.RawMessage, error) {
	if !nodelist.IsKey(txID) {
		return nil, &UsageError{fmt.Errorf("%q is not the id of a transaction: 64 lower-case hex digits", txID)}
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.receipt(ctx, txID)
}

func (c *Client) receipt(ctx context.Context, id string) (json.RawMessage, error) {
	reply, err := c.ask(ctx, rpc.Request{URL: "transaction/" + id, Method: "GET"})
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

// await asks for a receipt until it is there, for so long.
func (c *Client) await(ctx context.Context, id string, long time.Duration) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, long, errNoReceipt)
	defer cancel()
	tick := time.NewTicker(receiptPoll)
	defer tick.Stop()
	for {
		receipt, err := c.receipt(ctx, id)
		if receipt != nil || err != nil && ctx.Err() == nil && !late(ctx) {
			return receipt, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// late reports whether the deadline of ctx is over, which ctx learns a moment later.
func late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= 0
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
