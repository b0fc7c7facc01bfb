package ledger

import (
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// done is the receipt of a transaction that was applied, and was free.
func (h *head) done(to string) signing.Object { return h.receipt(to, true) }

// failed is the receipt of a transaction that was accepted but not applied.
func (h *head) failed(to, reason string) signing.Object {
	r := h.receipt(to, false)
	r["reason"] = reason
	return r
}

// feeOnly is the receipt of a transaction that failed after all: the fee is gone,
// or what from had of it.
func (h *head) feeOnly(s *state, from *user, to, reason string) signing.Object {
	fee := s.rules.fee
	if from.balance.Cmp(fee) < 0 {
		fee = from.balance
	}
	from.balance, from.timestamp = new(big.Int).Sub(from.balance, fee), h.timestamp
	s.save(h.from, from)
	r := h.failed(to, reason)
	r["transactionFee"] = fee
	return r
}

func (h *head) receipt(to string, success bool) signing.Object {
	return signing.Object{
		"txId": h.id, "type": h.kind, "from": h.from, "to": to,
		"timestamp": h.timestamp, "success": success, "transactionFee": new(big.Int),
	}
}
