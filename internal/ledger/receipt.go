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

func (h *head) receipt(to string, success bool) signing.Object {
	return signing.Object{
		"txId": h.id, "type": h.kind, "from": h.from, "to": to,
		"timestamp": h.timestamp, "success": success, "transactionFee": new(big.Int),
	}
}
