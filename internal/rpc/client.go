package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrClosed is the error of requests whose stream ended before their reply, and
// ErrNotSent, beside it, of those that did not get into the stream at all.
// ErrTooLarge is that of requests which the stream cannot carry.
var (
	ErrClosed   = errors.New("the connection ended before the reply came")
	ErrNotSent  = errors.New("the request was not sent")
	ErrTooLarge = errors.New("the request is too large")
)

const (
	maxPending  = 1024    // requests of one stream that wait for their replies
	forgetAfter = maxWait // when no reply to an abandoned request is expected any more
)

// A Client sends requests over a stream and hands each caller its reply. Use
// [NewClient], run [Client.Run] until the stream ends, and call Do from any
// number of goroutines.
//
// Nodes that echo ids may answer in any order. A reply without an id is that of
// the oldest request of its type, as the JavaScript nodes of old answer, until
// the node has echoed an id; from then on it is nobody's.
type Client struct {
	// TooLarge tells the error of a message that was dropped for its size from
	// the end of the stream; nil if the stream drops none. Set it before Run.
	TooLarge func(error) bool
	// Malformed tells the error of a message that could not be read; nil if the
	// stream has none. Set it before Run.
	Malformed func(error) bool

	// Fixed.
	stream Stream
	sender string
	turn   chan struct{} // holds a token while a request is on its way into the stream

	mu      sync.Mutex
	next    uint64  // guarded by mu
	pending []*call // guarded by mu; in the order in which they were sent
	echoes  bool    // guarded by mu; the node has echoed an id, so it always will
	err     error   // guarded by mu; why the stream has ended

	subs map[string]*Subscription // guarded by mu; by the node's name for each
}

// A call is a request that waits for its reply.
type call struct {
	id        string       // as it is encoded
	kind      string       // of the reply, for nodes that echo no id
	arrived   func(Reply)  // called before a reply goes to outcome, and before the next message is read; may be nil
	outcome   chan outcome // gets one at most, from whoever takes the call off pending
	abandoned time.Time    // guarded by Client.mu; since when nobody waits
}

type outcome struct {
	reply Reply
	err   error
}

// NewClient returns a client whose requests name sender as their peer id.
func NewClient(s Stream, sender string) *Client {
	return &Client{stream: s, sender: sender, turn: make(chan struct{}, 1)}
}

// Do sends a request and waits for its reply. It fails when ctx ends or the
// stream does; a reply with an error status is not a failure of Do. The node is
// told how long ctx leaves it; r.ID and r.Timeout are not used.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) { return c.do(ctx, r, nil) }

func (c *Client) do(ctx context.Context, r Request, arrived func(Reply)) (Reply, error) {
	r.URL = strings.TrimPrefix(r.URL, "/")
	p, err := c.send(ctx, r, arrived)
	if err != nil {
		return Reply{}, fmt.Errorf("send %s: %w", r.URL, err)
	}
	select {
	case o := <-p.outcome:
		return o.reply, o.err
	case <-ctx.Done():
	}
	c.abandon(p)
	select {
	case o := <-p.outcome: // it came in the same moment
		return o.reply, o.err
	default:
		return Reply{}, fmt.Errorf("no reply to %s: %w", r.URL, context.Cause(ctx))
	}
}

// send puts a request into the stream. It takes turns, so that the order of
// pending is the order on the wire, and waits for its own no longer than ctx.
func (c *Client) send(ctx context.Context, r Request, arrived func(Reply)) (*call, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p, err := c.add(r.Type(), arrived)
	if err != nil {
		return nil, err
	}
	if err := c.write(ctx, p.id, r); err != nil {
		c.takeBack(p)
		return nil, err
	}
	return p, nil
}

func (c *Client) write(ctx context.Context, id string, r Request) error {
	msg, err := encodeRequest(ctx, id, c.sender, r)
	if err != nil {
		return err
	}
	if limit := c.stream.MaxSend(); len(msg) > limit {
		return fmt.Errorf("%w: it has %d bytes, the connection carries %d", ErrTooLarge, len(msg), limit)
	}
	err = c.stream.Send(ctx, msg)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return closed(err)
}

func (c *Client) add(kind string, arrived func(Reply)) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = slices.DeleteFunc(c.pending, func(p *call) bool {
		return !p.abandoned.IsZero() && time.Since(p.abandoned) > forgetAfter
	})
	switch {
	case c.err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotSent, closed(c.err))
	case len(c.pending) >= maxPending:
		return nil, fmt.Errorf("%d requests are waiting for their replies", len(c.pending))
	}
	c.next++
	p := &call{id: strconv.Quote(strconv.FormatUint(c.next, 10)), kind: kind, arrived: arrived, outcome: make(chan outcome, 1)}
	c.pending = append(c.pending, p)
	return p, nil
}

// abandon gives up on p. Where replies are told apart by their order, p keeps
// its place for a while, so that its late reply is not taken for that of the
// next request.
func (c *Client) abandon(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.abandoned = time.Now()
	if c.echoes {
		c.remove(p)
	}
}

// takeBack forgets a call that was not sent.
func (c *Client) takeBack(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(p)
}

// remove forgets p. The caller holds mu.
func (c *Client) remove(p *call) {
	c.pending = slices.DeleteFunc(c.pending, func(q *call) bool { return q == p })
}

func closed(err error) error { return fmt.Errorf("%w: %w", ErrClosed, err) }

// encodeRequest writes r, with what is left of ctx as its timeout.
func encodeRequest(ctx context.Context, id, sender string, r Request) ([]byte, error) {
	w := struct {
		ID      json.RawMessage `json:"id"`
		URL     string          `json:"url"`
		Method  string          `json:"method"`
		Body    json.RawMessage `json:"body,omitempty"`
		Sender  string          `json:"sender"`
		Timeout int64           `json:"timeout,omitempty"`
	}{ID: json.RawMessage(id), URL: r.URL, Method: r.Method, Body: r.Body, Sender: sender}
	if deadline, ok := ctx.Deadline(); ok {
		w.Timeout = max(1, time.Until(deadline).Milliseconds())
	}
	return marshal(w)
}
