package ledger

import (
	"fmt"
	"math/big"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// A deposit transaction, of type "deposit_stake", moves an amount from its
// sender, the nominator, to a node, the nominee, where it stays locked.
type deposit struct {
	head
	nominee string
	stake   *big.Int
}

func parseDeposit(m members, h head) (_ transaction, reason string) {
	t := &deposit{head: h}
	if t.from, t.nominee, reason = m.stakers("string or valid address"); reason != "" {
		return nil, reason
	}
	stake, ok := m["stake"].(*big.Int)
	switch {
	case !ok || stake == nil || stake.Sign() <= 0:
		return nil, `tx "stake" field must be a bigint and stake must be greater than 0.`
	case stake.BitLen() > maxBits:
		return nil, fmt.Sprintf(`tx "stake" field must be less than 2^%d.`, maxBits)
	}
	t.stake = new(big.Int).Set(stake)
	return t, ""
}

// stakers are who stakes and on which node; must says in the reason what both
// have to be.
func (m members) stakers(must string) (nominator, nominee, reason string) {
	if nominator, reason = m.address("nominator"); reason != "" {
		return "", "", fmt.Sprintf(`tx "nominator" field must be a %s.`, must)
	}
	if nominee, reason = m.address("nominee"); reason != "" {
		return "", "", fmt.Sprintf(`tx "nominee" field must be a %s.`, must)
	}
	return nominator, nominee, ""
}

// staking finds the two accounts of a stake; a node that has none yet is nil.
func (s *state) staking(nominator, nominee string) (u *user, n *node, reason string) {
	u, ok := s.account(nominator).(*user)
	if !ok {
		if s.account(nominator) != nil {
			return nil, nil, "nominator account is not a UserAccount"
		}
		return nil, nil, "nominator account does not exist"
	}
	return u, s.node(nominee), ""
}

func (t *deposit) precheck(s *state) string {
	u, n, reason := s.staking(t.from, t.nominee)
	if reason != "" {
		return reason
	}
	if s.account(t.nominee) != nil {
		return "nominee account is not a NodeAccount"
	}
	total, last := t.stake, int64(0)
	if n != nil {
		last = n.stakeTimestamp
	}
	if p := u.operator; p != nil {
		if p.nominee != "" && p.nominee != t.nominee {
			return "nominator account has already staked to a different nominee"
		}
		total = new(big.Int).Add(total, p.stake)
		if p.lastNode == t.nominee { // whose account may be gone since
			last = max(last, p.lastStake)
		}
	}
	cooldown := s.rules.restakeCooldown
	switch {
	case n != nil && n.nominator != "" && n.nominator != t.from:
		return "nominee account has already been staked by another nominator"
	case last != 0 && s.now < last+cooldown:
		return fmt.Sprintf("This node was staked within the last %d minutes. You can't stake more to this node yet!",
			cooldown/time.Minute.Milliseconds())
	case u.balance.Cmp(t.stake) < 0:
		return fmt.Sprintf("Nominator account has balance %d less than the stake amount %d", u.balance, t.stake)
	case total.Cmp(s.rules.minStake) < 0:
		return fmt.Sprintf("Stake amount sent: %d is less than the minimum required stake amount: %d", t.stake, s.rules.minStake)
	}
	return ""
}

// apply relies on precheck, which saw the same state but did not look for the fee.
func (t *deposit) apply(s *state) signing.Object {
	u, n, reason := s.staking(t.from, t.nominee)
	if reason != "" {
		return t.failed(t.nominee, reason)
	}
	due := new(big.Int).Add(t.stake, s.rules.fee)
	if u.balance.Cmp(due) < 0 {
		r := t.feeOnly(s, u, t.nominee, "Nominator account does not have enough balance to stake")
		r["additionalInfo"] = signing.Object{"stake": t.stake}
		return r
	}
	if n == nil {
		n = &node{id: t.nominee, stakeLock: new(big.Int)}
	}
	if u.operator == nil {
		u.operator = &operator{stake: new(big.Int)}
	}
	u.balance = new(big.Int).Sub(u.balance, due)
	u.maintain(t.timestamp, s.rules)
	u.operator.stake = new(big.Int).Add(u.operator.stake, t.stake)
	u.operator.nominee, u.operator.lastStake = t.nominee, t.timestamp
	n.stakeLock = new(big.Int).Add(n.stakeLock, t.stake)
	n.nominator, n.stakeTimestamp = t.from, t.timestamp
	u.timestamp, n.timestamp = t.timestamp, t.timestamp
	s.save(t.from, u)
	s.stake(t.nominee, n)
	r := t.done(t.nominee)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{"maintenanceFee": new(big.Int), "stake": t.stake, "totalStake": n.stakeLock}
	return r
}
