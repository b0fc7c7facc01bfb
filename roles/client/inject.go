package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

const (
	maxSkew    = 5 * time.Second // of clocks, before it is worth a word
	ackTime    = 5 * time.Second // for a node to acknowledge a transaction
	ackSlow    = time.Second     // after which another node is given it too
	decideTime = 5 * time.Second // for the network to show what became of one
	maxInjects = 5               // sessions that a transaction is given to at most
)

// inQueue is what a node says of a transaction that it has already.
const inQueue = "Transaction is already in queue"

// elsewhere are the beginnings of the reasons for which a node cannot take any
// transaction just now; another may. They come before it has looked at this one.
var elsewhere = []string{
	"Node is still syncing",
	"Not ready to accept transactions",
	"Network conditions to allow transactions are not met",
	"Maximum load exceeded",
	"Application transactions are only allowed in processing Mode",
	"Application transactions are turned off",
	"Internal transactions are not allowed in",
}

// An Injected is what became of a transaction.
type Injected struct {
	Success bool            `json:"success"`
	TxID    string          `json:"txId"`
	Reason  string          `json:"reason"`
	Status  int             `json:"status"`
	Peer    string          `json:"peer"` // who said so
	Receipt json.RawMessage `json:"receipt,omitempty"`
}

// Inject sends a signed transaction, a JSON object with the member sign. Nodes
// that cannot take it, are slow, or are lost before they answer are followed by
// others, which get the same bytes: the network knows a transaction by its id and
// takes it once. The error is [ErrRefused] where the network does not want it;
// Injected says then why. It is an [UndecidedError] where the transaction was sent
// and nobody says what became of it.
func (c *Client) Inject(ctx context.Context, tx []byte) (Injected, error) {
	o, err := signing.ParseObject(tx)
	if err != nil {
		return Injected{}, &UsageError{fmt.Errorf("transaction: %w", err)}
	}
	id, err := signing.TxID(o)
	if err != nil {
		return Injected{}, &UsageError{fmt.Errorf("transaction: %w", err)}
	}
	body, err := signing.Canonical(o)
	if err != nil {
		return Injected{}, &UsageError{fmt.Errorf("transaction: %w", err)}
	}
	ctx, cancel, err := c.connected(ctx)
	defer cancel()
	if err != nil {
		return Injected{}, err
	}
	doc, err := c.inject(ctx, id, body)
	if err == nil && !doc.Success {
		err = fmt.Errorf("%w: %s", ErrRefused, doc.Reason)
	}
	return doc, err
}

// connected sees to it that there is a session, and returns a context for what is
// sent over it: both have the time of the settings together.
func (c *Client) connected(ctx context.Context) (context.Context, context.CancelFunc, error) {
	deadline := time.Now().Add(c.cfg.Timeout)
	dial, done := context.WithDeadlineCause(ctx, deadline, fmt.Errorf("not connected within %v", c.cfg.Timeout))
	defer done()
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, fmt.Errorf("not done within %v", c.cfg.Timeout))
	return ctx, cancel, c.pool.connect(dial)
}

// InjectWait is Inject, and waits for the receipt. The error is [ErrRefused] also
// where the transaction was accepted and failed, and an [UndecidedError] where it
// was accepted and no receipt is seen.
func (c *Client) InjectWait(ctx context.Context, tx []byte) (Injected, error) {
	doc, err := c.Inject(ctx, tx)
	if err != nil {
		return doc, err
	}
	c.cfg.Progress("waiting for the receipt of " + doc.TxID)
	doc.Receipt, err = c.await(ctx, doc.TxID, receiptTime)
	switch {
	case doc.Receipt != nil:
		return doc, judge(doc.Receipt)
	case errors.Is(err, errNoReceipt):
		err = atNode("no receipt within %v", receiptTime)
	}
	return Injected{}, &UndecidedError{doc.TxID, fmt.Errorf("accepted, but its receipt was not seen: %w", err)}
}

// inject gives the network a transaction and finds out what it makes of it.
func (c *Client) inject(ctx context.Context, id string, body []byte) (Injected, error) {
	g, err := c.give(ctx, id, body)
	switch {
	case err == nil:
		return g.doc, nil
	case g.unsure, g.Status != 0 && g.Status < 400: // also where the answer is not understood
		return Injected{}, &UndecidedError{id, err}
	}
	return Injected{}, err
}

// A given is what came of giving the network a transaction.
type given struct {
	answer          // the last one; its status is 0 if there is none
	doc    Injected // what became of the transaction
	said   bool     // doc, if any, is what the answer itself says
	// unsure says that a node may have taken it which did not say so.
	unsure bool
}

func (c *Client) give(ctx context.Context, id string, body []byte) (given, error) {
	s := &sending{c: c, id: id}
	a, err := c.pool.race(ctx, rpc.Request{URL: "inject", Method: "POST", Body: body}, s.course())
	s.unsure = s.unsure || s.left(result{answer: a, err: err})
	alone := c.cfg.Peer != "" && errors.Is(err, errNothing) // there is nobody to ask
	doc, err := s.read(result{answer: a, err: err})
	g := given{answer: a, doc: doc, said: !s.unsure || !inQueued(doc), unsure: s.unsure}
	if s.unsure && !alone && (err != nil || !doc.Success) && ctx.Err() == nil {
		g.doc, err = c.decide(ctx, id, doc, err)
		g.said = !g.doc.Success
	}
	return g, err
}

// decide says what became of a transaction that some node may have taken,
// although the last one has refused it, or nobody has answered.
func (c *Client) decide(ctx context.Context, id string, doc Injected, err error) (Injected, error) {
	receipt, rerr := c.await(ctx, id, decideTime)
	switch {
	case receipt != nil:
		return Injected{Success: true, TxID: id, Reason: "Transaction has a receipt.", Status: http.StatusOK, Peer: doc.Peer}, nil
	case err != nil:
		return Injected{}, err
	case !errors.Is(rerr, errNoReceipt):
		return Injected{}, fmt.Errorf("sent twice, and the second time refused (%s); whether the first was taken is not known: %w", doc.Reason, rerr)
	}
	return doc, nil
}

// A sending is a transaction on its way.
type sending struct {
	c  *Client
	id string
	// unsure says that a node may have taken it without our knowing.
	unsure bool
}

func (s *sending) course() course {
	return course{
		most: maxInjects, each: ackTime,
		after: func() time.Duration { return ackSlow }, spend: func() bool { return true }, apart: ackSlow,
		again: s.again,
	}
}

// again decides whether another node gets the transaction too.
func (s *sending) again(r result, open int) (again, same bool) {
	if open > 0 {
		s.unsure = true
	}
	switch {
	case errors.Is(r.err, rpc.ErrNotSent):
		return true, true
	case errors.Is(r.err, rpc.ErrTooLarge):
		return false, false
	case errors.Is(r.err, rpc.ErrClosed):
		s.unsure = true
		s.c.log.Warn("the session was lost before the transaction was acknowledged; it is sent again", "txId", s.id, "peer", r.peer, "err", r.err)
		return true, true
	case r.err != nil:
		s.unsure = true
		return s.c.cfg.Peer == "", false
	case r.Status == http.StatusTooManyRequests:
		return true, false
	case r.Status >= 500:
		s.unsure = true
		return true, false
	case r.Status >= 400:
		return false, false
	}
	doc, err := injectedOf(r.Body)
	return err == nil && !doc.Success && isElsewhere(doc.Reason), false
}

// left reports whether the transaction went out to the node of r, or may have, and
// no answer has come back: also where that is so because the caller has given up.
func (s *sending) left(r result) bool {
	return r.err != nil && r.peer != "" && !errors.Is(r.err, rpc.ErrNotSent) && !errors.Is(r.err, rpc.ErrTooLarge)
}

func inQueued(doc Injected) bool { return strings.HasPrefix(doc.Reason, inQueue) }

func isElsewhere(reason string) bool {
	for _, start := range elsewhere {
		if strings.HasPrefix(reason, start) {
			return true
		}
	}
	return false
}

// read returns what the node says.
func (s *sending) read(r result) (Injected, error) {
	switch {
	case r.err != nil && r.peer == "": // not sent to anybody
		return Injected{}, r.err
	case errors.Is(r.err, errNothing):
		return Injected{}, atNode("sent, not acknowledged: peer %s said nothing within %v", r.peer, ackTime)
	case !s.left(r) && r.err != nil:
		return Injected{}, atNode("peer %s: %w", r.peer, r.err)
	case errors.Is(r.err, rpc.ErrClosed):
		return Injected{}, &hopError{"channel", fmt.Errorf("sent, not acknowledged: peer %s: %w", r.peer, r.err)}
	case r.err != nil:
		return Injected{}, atNode("sent, not acknowledged: peer %s: %w", r.peer, r.err)
	case r.Status >= 400:
		return Injected{}, atNode("peer %s answers %d: %s", r.peer, r.Status, errorText(r.Body))
	}
	doc, err := injectedOf(r.Body)
	if err != nil {
		return Injected{}, atNode("peer %s: %w", r.peer, err)
	}
	if doc.Success && doc.TxID != s.id {
		return Injected{}, atNode("peer %s answers for transaction %.80q, sent was %s", r.peer, doc.TxID, s.id)
	}
	if inQueued(doc) {
		doc.Success = true
	}
	doc.TxID, doc.Peer, doc.Receipt = s.id, r.peer, nil
	return doc, nil
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
