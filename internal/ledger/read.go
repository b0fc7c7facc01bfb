package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A read transaction says that its sender has read the chat, which earns the
// half of the toll that is held for that, less a tax that nobody gets.
type read struct{ talk }

func parseRead(m members, h head) (_ transaction, reason string) {
	t := &read{}
	if t.talk, reason = m.talk(h); reason != "" {
		return nil, reason
	}
	t.fee, reason = m.feeIfAny()
	return t, reason
}

func (t *read) keep(tx *signing.Tx) string { return t.keepUpTo(maxTalk, "", tx) }

func (t *read) precheck(s *state) string {
	from, to, reason := t.users(s)
	if reason != "" {
		return reason
	}
	c, reason := t.chat(s)
	switch {
	case reason != "":
		return reason
	case c == nil:
		return noChat
	case from.private != to.private:
		return differPrivate
	}
	return s.rules.payable(from, t.fee)
}

const noChat = "chat account does not exist."

// payable says why from cannot pay the fee, which may go up to offered.
func (r rules) payable(from *user, offered *big.Int) (reason string) {
	if from.balance.Cmp(r.fee) < 0 {
		return fmt.Sprintf("insufficient funds for transaction fee: %d", r.fee)
	}
	return r.refuses(offered)
}

// apply relies on precheck, which saw the same state.
func (t *read) apply(s *state) signing.Object {
	from, _, c, ok := t.parties(s)
	if !ok {
		return t.failed(t.to, "")
	}
	reader, _ := t.sides()
	balance, tax := new(big.Int).Sub(from.balance, s.rules.fee), new(big.Int)
	if c.required[reader] == asksToll {
		var reason string
		toll := c.payOnRead[reader]
		tax = s.rules.tax(toll)
		if balance, reason = add(balance, new(big.Int).Sub(toll, tax)); reason != "" {
			return t.feeOnly(s, from, t.to, reason)
		}
		c.payOnRead[reader] = new(big.Int)
	}
	from.balance = balance
	c.read[reader] = t.timestamp
	from.timestamp, c.timestamp = t.timestamp, t.timestamp
	s.ops = append(s.ops, c.push(t.text, t.timestamp, s.rules.maxMessages)...)
	s.save(t.from, from)
	s.save(t.chatID, c)
	r := t.done(t.to)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{"networkTollTaxFee": tax}
	return r
}
