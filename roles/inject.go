package roles

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/liberdus/liberdus/internal/rpc"
)

// inQueue is what a node says of a transaction that it has already.
const inQueue = "Transaction is already in queue"

// inject sends a transaction. If the session is lost before the answer comes,
// the same bytes are sent once more: the network tells a transaction by its id,
// and takes it once.
func (c *Client) inject(ctx context.Context, l *line, id string, body []byte) (Injected, error) {
	doc, err := l.injectOnce(ctx, id, body)
	if !errors.Is(err, rpc.ErrClosed) || ctx.Err() != nil {
		return doc, err
	}
	c.log.Warn("the session was lost before the transaction was acknowledged; it is sent again", "txId", id, "err", err)
	again, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("not connected again within %v", c.cfg.Timeout))
	defer cancel()
	if cerr := l.connect(again); cerr != nil {
		return Injected{}, &hopError{Hop(err), fmt.Errorf("%w; and %w", err, cerr)}
	}
	doc, err = l.injectOnce(ctx, id, body)
	if err != nil || doc.Success {
		return doc, err
	}
	return l.judgeSecond(ctx, doc)
}

// judgeSecond says what the refusal of a transaction means that had been sent
// before: the first may have been taken, and then this one is refused for it.
func (l *line) judgeSecond(ctx context.Context, doc Injected) (Injected, error) {
	if strings.HasPrefix(doc.Reason, inQueue) {
		doc.Success = true
		return doc, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	receipt, err := l.receipt(ctx, doc.TxID)
	if err != nil {
		return Injected{}, fmt.Errorf("sent twice, and the second time refused (%s); whether the first was taken is not known: %w; transaction %s", doc.Reason, err, doc.TxID)
	}
	doc.Success = receipt != nil
	return doc, nil
}

// injectOnce sends a transaction over one session.
func (l *line) injectOnce(ctx context.Context, id string, body []byte) (Injected, error) {
	ackCtx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	reply, err := l.do(ackCtx, rpc.Request{URL: "inject", Method: "POST", Body: body})
	switch {
	case err != nil && reply.peer == "": // not sent to anybody
		return Injected{}, err
	case err != nil && ackCtx.Err() != nil:
		return Injected{}, atNode("sent, not acknowledged: peer %s said nothing within %v; transaction %s", reply.peer, ackTime, id)
	case errors.Is(err, rpc.ErrClosed):
		return Injected{}, &hopError{"channel", fmt.Errorf("sent, not acknowledged: peer %s: %w; transaction %s", reply.peer, err, id)}
	case err != nil:
		return Injected{}, atNode("peer %s: %w", reply.peer, err)
	case reply.Status >= 400:
		return Injected{}, atNode("peer %s answers %d: %s", reply.peer, reply.Status, errorText(reply.Body))
	}
	doc, err := injectedOf(reply.Body)
	if err != nil {
		return Injected{}, atNode("peer %s: %w", reply.peer, err)
	}
	if doc.Success && doc.TxID != id {
		return Injected{}, atNode("peer %s answers for transaction %.80q, sent was %s", reply.peer, doc.TxID, id)
	}
	doc.TxID, doc.Peer, doc.Receipt = id, reply.peer, nil
	return doc, nil
}
