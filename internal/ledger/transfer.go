package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

const maxMemo = 140 // characters

// A transfer transaction moves an amount to another user, for a fee that nobody
// gets. It shows in the chat of the two, with the memo if it has one.
type transfer struct {
	talk
	amount  *big.Int
	deduct  bool // the receiver bears the fee
	hasMemo bool
}

func parseTransfer(m members, h head) (_ transaction, reason string) {
	t := &transfer{talk: talk{head: h}}
	if t.from, reason = m.address("from"); reason != "" {
		return nil, reason
	}
	if t.to, reason = m.address("to"); reason != "" {
		return nil, reason
	}
	if t.amount, reason = m.amount("amount"); reason != "" {
		return nil, reason
	}
	if t.chatID, reason = m.chatID(t.from, t.to); reason != "" {
		return nil, reason
	}
	if t.hasMemo, reason = m.memo(); reason != "" {
		return nil, reason
	}
	if t.deduct, reason = m.flag("deductTxFeeFromAmount", "boolean"); reason != "" {
		return nil, reason
	}
	t.fee, reason = m.fee()
	return t, reason
}

func (t *transfer) keep(tx *signing.Tx) string { return t.keepUpTo(maxTalk, "xmemo", tx) }

// memo reports whether there is a memo, in the clear or encrypted.
func (m members) memo() (has bool, reason string) {
	memo, ok := m["memo"].(string)
	switch {
	case !ok && m["memo"] != nil:
		return false, `tx "memo" field must be a string.`
	case utf16Len(memo) > maxMemo:
		return false, fmt.Sprintf(`tx "memo" size must be less than %d characters.`, maxMemo)
	}
	x, ok := m["xmemo"].(signing.Object)
	if !ok && m["xmemo"] != nil {
		return false, `tx "xmemo" field must be an object.`
	}
	message, ok := x["message"].(string)
	if !ok && x["message"] != nil {
		return false, `tx "xmemo" field must have a string "message".`
	}
	return memo != "" || message != "", ""
}

func (t *transfer) precheck(s *state) string {
	from, ok := s.account(t.from).(*user)
	if !ok {
		if s.account(t.from) != nil {
			return "from account is not a UserAccount"
		}
		return "from account doesn't exist"
	}
	to, ok := s.account(t.to).(*user)
	if !ok {
		if s.account(t.to) != nil {
			return "to account is not a UserAccount"
		}
		return "To account doesn't exist"
	}
	if from.private != to.private {
		return differPrivate
	}
	if reason := t.checkBalance(from, s.rules); reason != "" {
		return reason
	}
	if reason := t.checkChat(s, to); reason != "" {
		return reason
	}
	return s.rules.refuses(t.fee)
}

func (t *transfer) checkBalance(from *user, r rules) string {
	if !t.deduct {
		if from.balance.Cmp(new(big.Int).Add(t.amount, r.fee)) < 0 {
			return "from account doesn't have sufficient balance to cover the transaction"
		}
		return ""
	}
	if from.balance.Cmp(t.amount) < 0 {
		return "from account doesn't have sufficient balance to cover the transfer amount"
	}
	if t.amount.Cmp(r.fee) <= 0 {
		return "transfer amount must be greater than the transaction fee when deductTxFeeFromAmount is true"
	}
	return ""
}

// checkChat refuses a transfer to somebody who has blocked the sender, and a memo
// to somebody who wants more than the amount for reading it.
func (t *transfer) checkChat(s *state, to *user) string {
	c, reason := t.openChat(s)
	if reason != "" {
		return reason
	}
	required := c.required[side(t.to, t.from)]
	if required == blocks {
		return "Receiver has blocked the sender from sending messages or coins."
	}
	if toll := to.price(s.rules); t.hasMemo && required == asksToll && t.amount.Cmp(toll) < 0 {
		return fmt.Sprintf("You must send at least %s LIB to this user.", formatWei(toll))
	}
	return ""
}

// apply relies on precheck, which saw the same state.
func (t *transfer) apply(s *state) signing.Object {
	from, to, c, ok := t.parties(s)
	if !ok {
		return t.failed(t.to, "")
	}
	received, paid := t.amount, new(big.Int).Add(t.amount, s.rules.fee)
	if t.deduct {
		received, paid = new(big.Int).Sub(t.amount, s.rules.fee), t.amount
	}
	if t.from != t.to {
		if _, reason := add(to.balance, received); reason != "" {
			return t.feeOnly(s, from, reason)
		}
	}
	from.balance = new(big.Int).Sub(from.balance, paid)
	to.balance = new(big.Int).Add(to.balance, received)
	t.keepTime(s, from, to, c)
	r := t.done(t.to)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{"amount": received, "maintenanceFee": new(big.Int)}
	return r
}

// keepTime enters the transfer into the chat and into the accounts' times.
func (t *transfer) keepTime(s *state, from, to *user, c *chat) {
	from.maintain(t.timestamp, s.rules)
	if _, known := from.chats[t.to]; !known {
		from.chatted(t.to, chatRef{chatID: t.chatID}, s.wrote(from))
	}
	to.chatted(t.from, chatRef{chatID: t.chatID, received: to.heard(t.timestamp)}, s.wrote(to))
	s.ops = append(s.ops, c.push(t.text, t.timestamp, s.rules.maxMessages)...)
	t.save(s, from, to, c)
}

func (t *transfer) feeOnly(s *state, from *user, reason string) signing.Object {
	r := t.head.feeOnly(s, from, t.to, reason)
	r["additionalInfo"] = signing.Object{"amount": t.amount}
	return r
}
