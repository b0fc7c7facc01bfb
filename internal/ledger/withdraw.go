package ledger

import (
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A withdraw transaction, of type "withdraw_stake", gives the nominator back all
// that is staked on the nominee. A Liberdus node also waits for the nominee to
// have left the network and for its rewards; this ledger knows of neither.
type withdraw struct {
	head
	nominee string
}

func parseWithdraw(m members, h head) (_ transaction, reason string) {
	t := &withdraw{head: h}
	if t.from, t.nominee, reason = m.stakers("string and valid address"); reason != "" {
		return nil, reason
	}
	if _, ok := m["force"].(bool); !ok {
		return nil, `tx "force" field must be a boolean.`
	}
	return t, ""
}

func (t *withdraw) precheck(s *state) string {
	u, n, reason := s.staking(t.from, t.nominee)
	switch {
	case reason != "":
		return reason
	case n == nil && s.account(t.nominee) != nil:
		return "nominee account is not a NodeAccount"
	case n == nil && (u.operator == nil || u.operator.lastNode != t.nominee): // else it was withdrawn, and the account is gone
		return "nominee account does not exist"
	case u.operator == nil:
		return "nominator account does not have operator account info"
	case u.operator.nominee == "":
		return "nominator account has not staked to any node yet"
	case u.operator.nominee != t.nominee:
		return "nominator account has already staked to a different node"
	case n == nil:
		return "nominee account does not exist"
	}
	return ""
}

// apply relies on precheck, which saw the same state. The fee may come out of
// the stake.
func (t *withdraw) apply(s *state) signing.Object {
	u, n, reason := s.staking(t.from, t.nominee)
	if reason != "" || n == nil || u.operator == nil {
		return t.failed(t.nominee, reason)
	}
	stake, fee := n.stakeLock, s.rules.fee
	balance, reason := add(u.balance, stake)
	if reason != "" {
		return t.feeOnly(s, u, t.nominee, reason)
	}
	u.balance = balance.Sub(balance, fee) // the least stake is more than the fee
	u.maintain(t.timestamp, s.rules)
	u.operator.stake, u.operator.nominee, u.operator.lastNode = new(big.Int), "", t.nominee
	u.operator.unstakes++
	u.timestamp = t.timestamp
	s.save(t.from, u)
	s.stake(t.nominee, nil) // an account of nobody would be there for ever
	r := t.done(t.nominee)
	r["transactionFee"] = fee
	r["additionalInfo"] = signing.Object{
		"maintenanceFee": new(big.Int), "stake": stake, "reward": new(big.Int), "penalty": new(big.Int), "totalUnstakeAmount": stake,
	}
	return r
}
