package ledger

import (
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A require transaction, of type "update_toll_required", says whether the other
// user owes a toll, owes none, or is blocked. What the chat holds for its sender
// goes back to the other one.
type require struct {
	talk
	required int64
}

func parseRequire(m members, h head) (_ transaction, reason string) {
	t := &require{}
	if t.talk, reason = m.talk(h); reason != "" {
		return nil, reason
	}
	switch required, ok := number(m["required"]); {
	case !ok:
		return nil, `tx "required" field must be a number.`
	case required != 0 && required != asksToll && required != blocks:
		return nil, `tx "required" field must be 0, 1, or 2.`
	default:
		t.required = int64(required)
	}
	t.fee, reason = m.feeIfAny()
	return t, reason
}

// precheck lets nobody put off being blocked by dating a message ahead of the
// clock: what came earlier counts as of its coming. In a Liberdus network too a
// chat's timestamp is in the past, since transactions wait there for six seconds.
// Of one user's own, the one with the later date counts.
func (t *require) precheck(s *state) string {
	from, to, reason := t.users(s)
	if reason != "" {
		return reason
	}
	c, reason := t.openChat(s)
	if reason != "" {
		return reason
	}
	if from.private != to.private {
		return differPrivate
	}
	if reason := s.rules.payable(from, nil); reason != "" {
		return reason
	}
	if sender, _ := t.sides(); t.timestamp <= max(c.asked[sender], min(c.timestamp, c.at)) {
		return `tx "timestamp" field must be greater than the chat timestamp.`
	}
	return s.rules.refuses(t.fee)
}

// apply relies on precheck, which saw the same state.
func (t *require) apply(s *state) signing.Object {
	from, to, c, ok := t.parties(s)
	if !ok {
		return t.failed(t.to, "")
	}
	sender, _ := t.sides()
	fee, refund := s.rules.fee, c.held(sender)
	have := to.balance
	if from == to {
		have = new(big.Int).Sub(have, fee)
	}
	if _, reason := add(have, refund); reason != "" {
		return t.feeOnly(s, from, t.to, reason)
	}
	from.balance = new(big.Int).Sub(from.balance, fee)
	from.timestamp, c.timestamp = t.timestamp, t.timestamp
	if refund.Sign() > 0 {
		to.balance, to.timestamp = new(big.Int).Add(to.balance, refund), t.timestamp
		c.release(sender)
		s.save(t.to, to)
	}
	c.required[sender], c.asked[sender] = t.required, t.timestamp
	s.save(t.from, from)
	s.save(t.chatID, c)
	r := t.done(t.to)
	r["transactionFee"] = fee
	return r
}
