package api

import (
	"context"
	"fmt"
	"math"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// stake answers with the least stake on a node, in wei under both names, as
// nodes do. They pad it to 16 digits.
func (a *API) stake(context.Context, params, rpc.Request) (rpc.Response, error) {
	wei := signing.Object{"dataType": "bi", "value": fmt.Sprintf("%016x", a.ledger.StakeRequired())}
	return reply(signing.Object{"stakeRequired": wei, "stakeRequiredUsd": wei})
}

// canStake tells whether more can be staked on a node already.
func (a *API) canStake(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	node, err := a.ofType(ctx, p[0], "NodeAccount")
	if err != nil {
		return rpc.Response{}, err
	}
	if node == nil {
		return says(notFound)
	}
	network, err := a.networkAccount(ctx)
	if err != nil {
		return rpc.Response{}, err
	}
	staked := node.number("stakeTimestamp")
	left := math.Max(0, staked+network.within("current").number("restakeCooldown")-float64(now()))
	reason := ""
	switch {
	case staked == 0:
		left, reason = 0, "Nominee account stake timestamp not found."
	case left > 0:
		reason = fmt.Sprintf("Restaking is not allowed yet. Please wait %.0f seconds.", math.Ceil(left/1000))
	}
	return reply(signing.Object{"stakeAllowed": signing.Object{
		"restakeAllowed": left <= 0, "reason": reason, "remainingTime": left,
	}})
}

// canUnstake tells whether a nominator can withdraw the stake on a node. A
// ledger locks none: it has no nodes at work.
func (a *API) canUnstake(ctx context.Context, p params, _ rpc.Request) (rpc.Response, error) {
	node, err := a.ofType(ctx, p[0], "NodeAccount")
	if err != nil {
		return rpc.Response{}, err
	}
	user, err := a.ofType(ctx, p[1], "UserAccount")
	if err != nil {
		return rpc.Response{}, err
	}
	if node == nil || user == nil {
		return says(notFound)
	}
	answer := signing.Object{"unlocked": true, "reason": "", "remainingTime": 0}
	if user.within("operatorAccountInfo").word("nominee") != p[0] {
		answer = signing.Object{"unlocked": false, "reason": "The nominator has no stake on this node.", "remainingTime": -1}
	}
	return reply(signing.Object{"stakeUnlocked": answer})
}

// ofType returns an account, nil if there is none of that type.
func (a *API) ofType(ctx context.Context, id, kind string) (text, error) {
	m, err := a.head(ctx, id)
	if err != nil || m.word("type") != kind {
		return nil, err
	}
	return m, nil
}
