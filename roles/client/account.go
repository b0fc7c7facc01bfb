package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// An Account is an account as a node has it.
type Account struct {
	ID string `json:"id"`
	// Data is the account's JSON, byte for byte the node's; null if there is none.
	Data json.RawMessage `json:"account"`
	Peer string          `json:"peer"` // who answered
}

// Account returns an account; where there is no such account, its Data is null
// and the error is [ErrNoAccount].
func (c *Client) Account(ctx context.Context, id string) (Account, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	r, err := accountRequest(id)
	if err != nil {
		return Account{}, err
	}
	a, err := c.ask(ctx, r)
	if err != nil {
		return Account{}, err
	}
	data, err := accountOf(a.Reply, id)
	if err != nil {
		return Account{}, err
	}
	if isNull(data) {
		err = ErrNoAccount
	}
	return Account{id, data, a.peer}, err
}

// accountRequest has the literal form, which the first JavaScript nodes know.
func accountRequest(id string) (rpc.Request, error) {
	body, err := signing.Canonical(signing.Object{"id": id})
	if err != nil {
		return rpc.Request{}, &UsageError{fmt.Errorf("account id: %w", err)}
	}
	return rpc.Request{URL: "account/id", Method: "GET", Body: body}, nil
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
