package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/liberdus/liberdus/internal/rpc"
)

// What a node says of an account that is not there. Clients match on it.
const (
	noAccount    = "No account with the given id"
	noAccountFor = "No account for given id"
	noHandle     = "No account exists for the given handle"
	noChat       = "Chat doesn't exist"
	noChatID     = "No account with the given chatId"
	noHistory    = "no chat history for this request"
	notFound     = "account not found"
)

// head returns an account, nil if there is none. A chat comes without its
// messages.
func (a *API) head(ctx context.Context, id string) (text, error) {
	account, err := a.ledger.Head(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return text(account), nil
}

// ofUser answers with a part of what a user's account has in "data".
func (a *API) ofUser(ctx context.Context, id, missing string, answer func(data text) (rpc.Response, error)) (rpc.Response, error) {
	m, err := a.head(ctx, id)
	if err != nil {
		return rpc.Response{}, err
	}
	if m == nil || m.isStake() {
		return says(missing)
	}
	data := m.within("data")
	if !data.isObject() {
		return threw(), nil
	}
	return answer(data)
}

// isStake reports whether an account is that of a node. Anybody can stake on any
// id, so it says nothing of the user or the name to whom the id belongs.
func (t text) isStake() bool { return t.word("type") == "NodeAccount" }

func (a *API) balance(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	return a.ofUser(ctx, p[0], noAccount, func(data text) (rpc.Response, error) {
		return data.show("balance", "balance"), nil
	})
}

// toll answers with what it costs to write to a user. Every user of a ledger has
// set one, if only by registering.
func (a *API) toll(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	return a.ofUser(ctx, p[0], noAccount, func(data text) (rpc.Response, error) {
		return data.show("toll", "toll"), nil
	})
}

func (a *API) alias(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.head(ctx, p[0])
	if err != nil {
		return rpc.Response{}, err
	}
	if m == nil {
		return wrap("handle", nil), nil
	}
	return m.show("handle", "alias"), nil
}

// address answers with who has the name of that hash.
func (a *API) address(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.head(ctx, p[0])
	switch {
	case err != nil:
		return rpc.Response{}, err
	case m == nil || m.isStake():
		return says(noHandle)
	}
	return m.show("address", "address"), nil
}

// chats answers with the chats in which something came after a time, by partner;
// with all of them for the time 0.
func (a *API) chats(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.head(ctx, p[0])
	data := m.within("data")
	switch {
	case err != nil:
		return rpc.Response{}, err
	case m == nil:
		return says(noAccount)
	case !data.isObject():
		return threw(), nil
	}
	since, chats := timeOf(p[1]), text{'{'}
	for partner, c := range data.within("chats").members() {
		if since == 0 || c.number("receivedTimestamp") > since {
			chats = chats.with(partner, c.get("chatId"))
		}
	}
	answer := text{'{'}.with("accountTimestamp", m.get("timestamp")).with("chats", append(chats, '}'))
	return rpc.Encoded(append(answer, '}')), nil
}

// recentMessages is of a time when the accounts themselves held the messages. An
// account that has chats cannot answer it any more.
func (a *API) recentMessages(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	return a.ofUser(ctx, p[0], noAccountFor, func(data text) (rpc.Response, error) {
		for range data.within("chats").members() {
			return threw(), nil
		}
		return rpc.Encoded([]byte(`{"messages":[]}`)), nil
	})
}

// messages answers with the transactions of a chat since a time.
func (a *API) messages(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	if since, from, ok := pageOf(p[1]); ok {
		return a.page(ctx, p[0], p[1], since, from)
	}
	list, err := a.ledger.Messages(ctx, p[0], timeOf(p[1]))
	switch {
	case err != nil:
		return rpc.Response{}, fmt.Errorf("messages: %w", err)
	case list != nil:
		return wrap("messages", list), nil
	}
	m, err := a.head(ctx, p[0])
	switch {
	case err != nil:
		return rpc.Response{}, err
	case m == nil:
		return says(noChat)
	}
	return says(noHistory)
}

// chatToll answers with what the two of a chat ask of each other and what it
// holds for them.
func (a *API) chatToll(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.head(ctx, p[0])
	switch {
	case err != nil:
		return rpc.Response{}, err
	case m == nil:
		return says(noChatID)
	}
	return rpc.Encoded(m.pick("toll", "read", "replied")), nil
}

// timeOf reads a time in ms; what is no decimal number is 0.
func timeOf(s string) float64 {
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0
	}
	ms, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return ms
}
