package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A reclaim transaction takes back the toll that is held for a receiver who has
// not earned it in time.
type reclaim struct{ talk }

func parseReclaim(m members, h head) (_ transaction, reason string) {
	t := &reclaim{}
	t.talk, reason = m.talk(h)
	return t, reason
}

func (t *reclaim) precheck(s *state) string {
	from, _, reason := t.users(s)
	if reason != "" {
		return reason
	}
	c, reason := t.chat(s)
	if reason != "" {
		return reason
	}
	if from.balance.Cmp(s.rules.fee) < 0 {
		return fmt.Sprintf("from account does not have sufficient funds %d to cover transaction fee (%d).", from.balance, s.rules.fee)
	}
	sender, receiver := t.sides()
	switch {
	case c == nil:
		return noChat
	case c.held(receiver).Sign() == 0:
		return "user is trying to reclaim toll but the toll pool is empty"
	case s.now-c.wrote[sender] < s.rules.tollTimeout:
		return "user is trying to reclaim toll too soon after sending a message"
	}
	return ""
}

// apply relies on precheck, which saw the same state.
func (t *reclaim) apply(s *state) signing.Object {
	from, _, c, ok := t.parties(s)
	if !ok {
		return t.failed(t.to, "")
	}
	_, receiver := t.sides()
	balance, reason := add(new(big.Int).Sub(from.balance, s.rules.fee), c.held(receiver))
	if reason != "" {
		return t.feeOnly(s, from, t.to, reason)
	}
	c.release(receiver)
	from.balance = balance
	from.maintain(t.timestamp, s.rules)
	from.timestamp, c.timestamp = t.timestamp, t.timestamp
	s.save(t.from, from)
	s.save(t.chatID, c)
	r := t.done(t.to)
	r["transactionFee"] = s.rules.fee
	return r
}
