package ledger

import (
	"errors"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

const typeNode = "NodeAccount"

// A node is a NodeAccount: the stake on a node of the network. The ledger has no
// rewards and no penalties, so their members stay zero.
type node struct {
	id             string
	nominator      string   // who staked; empty: nobody
	stakeLock      *big.Int // replaced, never changed in place
	stakeTimestamp int64
	timestamp      int64
}

func (n *node) object() any {
	zero := new(big.Int)
	return signing.Object{
		"id": n.id, "type": typeNode, "hash": "", "timestamp": n.timestamp,
		"nominator": n.nominator, "stakeLock": n.stakeLock, "stakeTimestamp": n.stakeTimestamp,
		"balance": zero, "nodeRewardTime": 0, "penalty": zero,
		"reward": zero, "rewardRate": zero, "rewardStartTime": 0, "rewardEndTime": 0, "rewarded": false,
		"nodeAccountStats": signing.Object{
			"totalReward": zero, "totalPenalty": zero, "history": []any{}, "lastPenaltyTime": 0, "penaltyHistory": []any{},
		},
	}
}

func decodeNode(o signing.Object) (*node, error) {
	r := &record{members: o}
	n := &node{
		id: r.text("id"), nominator: r.text("nominator"), stakeLock: r.amount("stakeLock"),
		stakeTimestamp: r.integer("stakeTimestamp"), timestamp: r.integer("timestamp"),
	}
	return n, r.err
}

// An operator is a user's operatorAccountInfo: what the user has staked, and on
// which node.
type operator struct {
	stake     *big.Int // replaced, never changed in place
	nominee   string   // empty: none now
	lastStake int64    // ms
	unstakes  int64    // how often a stake was withdrawn
	lastNode  string   // from which one last
}

func (p *operator) object() any {
	zero := new(big.Int)
	return signing.Object{
		"stake": p.stake, "nominee": p.nominee, "certExp": 0, "lastStakeTimestamp": p.lastStake,
		"operatorStats": signing.Object{
			"totalNodeReward": zero, "totalNodePenalty": zero, "totalNodeTime": 0, "totalUnstakeReward": zero,
			"unstakeCount": p.unstakes, "lastStakedNodeKey": p.lastNode,
		},
	}
}

func decodeOperator(r *record) (*operator, error) {
	stats := r.object("operatorStats")
	p := &operator{
		stake: r.amount("stake"), nominee: r.text("nominee"), lastStake: r.integer("lastStakeTimestamp"),
		unstakes: stats.integer("unstakeCount"), lastNode: stats.text("lastStakedNodeKey"),
	}
	return p, errors.Join(r.err, stats.err)
}
