package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	maxMessage     = 100 << 10 // bytes of the member "message"
	maxMessageText = 240 << 10 // bytes of canonical text, since a chat keeps it, and a page of it has to fit into a reply
)

// A message transaction writes to another user. If that one asks for a toll, the
// chat holds it, half for reading and half for replying; a reply in time earns
// what is held, less a tax that nobody gets.
type message struct {
	talk
	amount  *big.Int // the most toll the sender will pay
	message string
}

func parseMessage(m members, h head) (_ transaction, reason string) {
	t := &message{}
	if t.talk, reason = m.talk(h); reason != "" {
		return nil, reason
	}
	if t.message, reason = m.message(); reason != "" {
		return nil, reason
	}
	if t.amount, reason = m.amountOrZero("amount"); reason != "" {
		return nil, reason
	}
	t.fee, reason = m.fee()
	return t, reason
}

func (t *message) keep(tx *signing.Tx) string { return t.keepUpTo(maxMessageText, "xmessage", tx) }

func (m members) message() (text, reason string) {
	text, ok := m["message"].(string)
	switch {
	case !ok:
		return "", `tx "message" field must be a string.`
	case len(text) > maxMessage:
		return "", fmt.Sprintf(`tx "message" size must be less than %d kB.`, maxMessage>>10)
	}
	if _, ok := m["xmessage"].(signing.Object); !ok && m["xmessage"] != nil {
		return "", `tx "xmessage" field must be an object.`
	}
	return text, ""
}

// amountOrZero demands a number of wei that fits into 256 bits.
func (m members) amountOrZero(name string) (wei *big.Int, reason string) {
	wei, ok := m[name].(*big.Int)
	switch {
	case !ok || wei == nil || wei.Sign() < 0:
		return nil, fmt.Sprintf(`tx "%s" field must be a bigint and not be negative.`, name)
	case wei.BitLen() > maxBits:
		return nil, fmt.Sprintf(`tx "%s" field must be less than 2^%d.`, name, maxBits)
	}
	return new(big.Int).Set(wei), ""
}

func (t *message) precheck(s *state) string {
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
	_, receiver := t.sides()
	toll := new(big.Int)
	switch c.required[receiver] {
	case asksToll:
		toll = to.price(s.rules)
	case blocks:
		return "Chat is blocked by the receiver."
	}
	if t.amount.Cmp(toll) < 0 {
		return fmt.Sprintf("Message amount (%d) is less than required toll (%d).", t.amount, toll)
	}
	if reason := s.rules.refuses(t.fee); reason != "" {
		return reason
	}
	if from.balance.Cmp(new(big.Int).Add(toll, s.rules.fee)) < 0 {
		return fmt.Sprintf("from account does not have sufficient funds %d to cover the toll (%d) + transaction fee (%d).",
			from.balance, toll, s.rules.fee)
	}
	return ""
}

// apply relies on precheck, which saw the same state.
func (t *message) apply(s *state) signing.Object {
	from, to, c, ok := t.parties(s)
	if !ok {
		return t.failed(t.to, "")
	}
	sender, receiver := t.sides()
	balance, toll, tax := new(big.Int).Sub(from.balance, s.rules.fee), new(big.Int), new(big.Int)
	if total, earns := c.earns(sender, t.timestamp, s.rules); earns {
		var reason string
		toll, tax = total, s.rules.tax(total)
		if balance, reason = add(balance, new(big.Int).Sub(total, tax)); reason != "" {
			return t.feeOnly(s, from, reason)
		}
		c.release(sender)
	} else if c.required[receiver] == asksToll {
		toll = to.price(s.rules)
		balance.Sub(balance, toll)
		half := new(big.Int).Rsh(toll, 1) // the wei that is over is burnt
		c.payOnRead[receiver] = new(big.Int).Add(c.payOnRead[receiver], half)
		c.payOnReply[receiver] = new(big.Int).Add(c.payOnReply[receiver], half)
	}
	from.balance = balance
	t.enter(s, from, to, c)
	r := t.done(t.to)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{
		"maintenanceFee": new(big.Int), "message": t.message, "networkTollTaxFee": tax, "tollFee": toll,
	}
	return r
}

// enter puts the message into the chat, and the chat into both accounts.
func (t *message) enter(s *state, from, to *user, c *chat) {
	sender, _ := t.sides()
	from.maintain(t.timestamp, s.rules)
	from.chatted(t.to, chatRef{t.chatID, from.heard(t.timestamp)}, s.wrote(from))
	if from != to {
		to.chatted(t.from, chatRef{t.chatID, to.heard(t.timestamp)}, s.wrote(to))
	}
	s.forget(c, t.timestamp-s.rules.retention)
	s.ops = append(s.ops, c.push(t.text, t.timestamp, s.rules.maxMessages)...)
	c.wroteMessage(sender, t.timestamp)
	t.save(s, from, to, c)
}

func (t *message) feeOnly(s *state, from *user, reason string) signing.Object {
	r := t.head.feeOnly(s, from, t.to, reason)
	r["additionalInfo"] = signing.Object{"message": t.message}
	return r
}
