package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	maxMemo     = 140      // characters
	maxTransfer = 16 << 10 // bytes of canonical text, since a chat keeps it
)

// A transfer transaction moves an amount to another user, for a fee that nobody
// gets. It shows in the chat of the two, with the memo if it has one.
type transfer struct {
	head
	to, chatID string
	amount     *big.Int
	fee        *big.Int // the most the sender will pay
	deduct     bool     // the receiver bears the fee
	hasMemo    bool
	text       []byte // canonical, signed: the message in the chat
}

func parseTransfer(m members, h head) (_ transaction, reason string) {
	t := &transfer{head: h}
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
	if t.fee, reason = m.fee(); reason != "" {
		return nil, reason
	}
	t.text, reason = m.text()
	return t, reason
}

func (m members) chatID(from, to string) (id, reason string) {
	if id, reason = m.address("chatId"); reason != "" {
		return "", reason
	}
	if id != chatID(from, to) {
		return "", "chatId is not calculated correctly for from and to addresses"
	}
	return id, ""
}

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

// text is what the chat keeps of the transaction.
func (m members) text() (text []byte, reason string) {
	text, err := signing.Canonical(signing.Object(m))
	switch {
	case err != nil: // only in sign: the rest has been hashed
		return nil, "Transaction has no canonical text: " + err.Error()
	case len(text) > maxTransfer:
		return nil, fmt.Sprintf(`tx is larger than %d bytes, "xmemo" included.`, maxTransfer)
	}
	return text, ""
}

func (m members) fee() (wei *big.Int, reason string) {
	wei, ok := m["fee"].(*big.Int)
	if !ok || wei == nil || wei.Sign() < 0 {
		return nil, `tx "fee" field must be a bigint.`
	}
	return new(big.Int).Set(wei), ""
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
		return "Both accounts must have the same private value."
	}
	if reason := t.checkBalance(from, s.rules); reason != "" {
		return reason
	}
	if reason := t.checkChat(s, to); reason != "" {
		return reason
	}
	if s.rules.fee.Cmp(t.fee) > 0 {
		return fmt.Sprintf("The network transaction fee (%d) is greater than the transaction fee provided (%d).", s.rules.fee, t.fee)
	}
	return ""
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

// checkChat refuses a memo to somebody who wants more than the amount for
// reading it.
func (t *transfer) checkChat(s *state, to *user) string {
	c, reason := t.chat(s)
	if reason != "" {
		return reason
	}
	if t.hasMemo && c.required[side(t.to, t.from)] == 1 && t.amount.Cmp(to.toll) < 0 {
		return fmt.Sprintf("You must send at least %s LIB to this user.", formatWei(to.toll))
	}
	return ""
}

// chat finds or makes the chat of the two users.
func (t *transfer) chat(s *state) (c *chat, reason string) {
	c, ok := s.account(t.chatID).(*chat)
	switch {
	case ok:
		return c, ""
	case s.account(t.chatID) != nil:
		return nil, "chatId account is not a ChatAccount"
	}
	return newChat(t.chatID, t.from, t.to), ""
}

// apply relies on precheck, which saw the same state.
func (t *transfer) apply(s *state) signing.Object {
	from, okFrom := s.account(t.from).(*user)
	to, okTo := s.account(t.to).(*user)
	c, reason := t.chat(s)
	if !okFrom || !okTo || reason != "" {
		return t.failed(t.to, reason)
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
	if t.timestamp-from.lastMaintenance >= s.rules.maintenanceInterval {
		from.lastMaintenance = t.timestamp // what is due is zero
	}
	if _, known := from.chats[t.to]; !known {
		from.chatted(t.to, chatRef{chatID: t.chatID})
	}
	to.chatted(t.from, chatRef{chatID: t.chatID, received: t.timestamp})
	to.chatTimestamp = t.timestamp
	from.timestamp, to.timestamp, c.timestamp = t.timestamp, t.timestamp, t.timestamp
	s.ops = append(s.ops, c.push(t.text, s.rules.maxMessages)...)
	s.save(t.from, from)
	s.save(t.to, to)
	s.save(t.chatID, c)
}

// feeOnly is the receipt of a transfer that failed after all: the fee is gone.
func (t *transfer) feeOnly(s *state, from *user, reason string) signing.Object {
	from.balance = new(big.Int).Sub(from.balance, s.rules.fee)
	from.timestamp = t.timestamp
	s.save(t.from, from)
	r := t.failed(t.to, reason)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{"amount": t.amount}
	return r
}
