package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
)

// networkAccount returns the network's account, which is always there.
func (a *API) networkAccount(ctx context.Context) (text, error) {
	m, err := a.head(ctx, ledger.NetworkAccountID)
	if err == nil && m == nil {
		err = errors.New("the network has no account")
	}
	return m, err
}

// network answers with a member of the network's account, under a name.
func (a *API) network(name, member string) handler {
	return func(ctx context.Context, _ params, _ rpc.Request) (rpc.Response, error) {
		m, err := a.networkAccount(ctx)
		if err != nil {
			return rpc.Response{}, err
		}
		return m.show(name, member), nil
	}
}

func (a *API) parameters(ctx context.Context, _ params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.networkAccount(ctx)
	if err != nil {
		return rpc.Response{}, err
	}
	return wrap("parameters", json.RawMessage(m.pick(
		"current", "next", "developerFund", "nextDeveloperFund", "windows", "devWindows", "nextWindows", "nextDevWindows",
		"issue", "devIssue", "listOfChanges",
	))), nil
}

func (a *API) allWindows(ctx context.Context, _ params, _ rpc.Request) (rpc.Response, error) {
	m, err := a.networkAccount(ctx)
	if err != nil {
		return rpc.Response{}, err
	}
	return rpc.Encoded(m.pick("windows", "devWindows")), nil
}

// friendsEnd is the network version from which nodes answer no more for friends.
const friendsEnd = "2.5.0"

// friends answers with the friends of a user, of which a ledger enters none.
func (a *API) friends(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	return a.ofUser(ctx, p[0], noAccountFor, func(data text) (rpc.Response, error) {
		return data.show("friends", "friends"), nil
	})
}

// untilFriendsEnd lets h answer, unless the network is past that version.
func (a *API) untilFriendsEnd(h handler) handler {
	return func(ctx context.Context, p params, r rpc.Request) (rpc.Response, error) {
		m, err := a.networkAccount(ctx)
		if err != nil {
			return rpc.Response{}, err
		}
		if !reached(m.within("current").word("activeVersion"), friendsEnd) {
			return h(ctx, p, r)
		}
		resp := rpc.Encoded([]byte(`{"deprecated":true,"deprecatedVersion":"` + friendsEnd +
			`","error":"This endpoint is deprecated and no longer available"}`))
		resp.Status = http.StatusGone
		return resp, nil
	}
}

// reached reports whether a version is another one or newer.
func reached(version, other string) bool {
	have, want := strings.Split(version, "."), strings.Split(other, ".")
	for i := range want {
		if i >= len(have) {
			return false
		}
		h, err := strconv.Atoi(have[i])
		w, _ := strconv.Atoi(want[i])
		if err != nil || h < w {
			return false
		}
		if h > w {
			return true
		}
	}
	return true
}
