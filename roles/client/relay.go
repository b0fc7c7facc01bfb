package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/liberdus/liberdus/internal/signing"
)

// Relay is Inject for a program that stands in for a node: body is that of a POST
// to a node's /inject, a signed transaction or {"tx":"<its text>"}, and goes to
// the nodes as it is. So does the answer come back, byte for byte that of the node
// which answered; only where another had taken the transaction before is it one
// that says so. The error is an [UndecidedError] where the transaction may have
// been taken, and nobody says.
func (c *Client) Relay(ctx context.Context, body json.RawMessage) (Answer, error) {
	id, ok := carried(body)
	if !ok { // no node could do it twice
		return c.Do(ctx, Request{Method: http.MethodPost, Path: "inject", Body: body})
	}
	ctx, cancel, err := c.connected(ctx)
	defer cancel()
	if err != nil {
		return Answer{}, err
	}
	g, err := c.give(ctx, id, body)
	switch {
	case err == nil && !g.said:
		return Answer{Status: http.StatusOK, Body: taken(id), Peer: g.doc.Peer}, nil
	case err != nil && g.unsure:
		return Answer{Peer: g.peer}, &UndecidedError{id, err}
	case g.Status != 0:
		return answered(g.answer)
	}
	return Answer{Peer: g.peer}, err
}

// An UndecidedError is that of a transaction that some node has taken, or may have,
// and of which nobody says what became of it. To send the same bytes again is safe.
type UndecidedError struct {
	TxID string
	Err  error // why it is not known
}

func (e *UndecidedError) Error() string {
	return fmt.Sprintf("%v; the transaction may have been taken: ask with liberdus client call GET transaction/%s", e.Err, e.TxID)
}
func (e *UndecidedError) Unwrap() error { return e.Err }

// carried returns the id of the transaction that the body of an inject carries.
func carried(body []byte) (id string, ok bool) {
	o, err := signing.ParseObject(body)
	if err != nil {
		return "", false
	}
	if wrapped, found := o["tx"]; found {
		text, _ := wrapped.(string)
		if o, err = signing.ParseObject([]byte(text)); err != nil {
			return "", false
		}
	}
	id, err = signing.TxID(o)
	return id, err == nil
}

// taken is how a node answers that has accepted a transaction.
func taken(id string) []byte {
	return fmt.Appendf(nil, `{"result":{"reason":"Transaction queued, poll for results.","status":200,"success":true,"txId":%q}}`, id)
}

// answered makes an Answer of a reply.
func answered(a answer) (Answer, error) {
	out := Answer{Status: a.Status, Body: a.Body, ContentType: a.ContentType, Peer: a.peer}
	if out.ContentType != "" {
		var text string
		if err := json.Unmarshal(a.Body, &text); err != nil {
			return out, atNode("peer %s: an answer of type %.80q is no text: %w", a.peer, out.ContentType, err)
		}
		out.Body = []byte(text)
	}
	return out, nil
}
