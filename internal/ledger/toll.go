package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// Units of a user's toll. An amount has 18 decimals in both.
const (
	unitLIB = "LIB"
	unitUSD = "USD"
)

// A toll transaction sets what its sender asks of those who write to it first.
type toll struct {
	head
	toll *big.Int // zero: nothing
	unit string
	fee  *big.Int // the most the sender will pay; nil: whatever it is
}

func parseToll(m members, h head) (_ transaction, reason string) {
	t := &toll{head: h}
	if t.from, reason = m.address("from"); reason != "" {
		return nil, reason
	}
	if t.toll, reason = m.toll(); reason != "" {
		return nil, reason
	}
	if t.unit, reason = m.tollUnit(); reason != "" {
		return nil, reason
	}
	t.fee, reason = m.feeIfAny()
	return t, reason
}

func (m members) toll() (amount *big.Int, reason string) {
	amount, ok := m["toll"].(*big.Int)
	switch {
	case !ok || amount == nil:
		return nil, `tx "toll" field must be a bigint.`
	case amount.Sign() < 0:
		return nil, "Toll cannot be negative"
	case amount.BitLen() > maxBits:
		return nil, fmt.Sprintf(`tx "toll" field must be less than 2^%d.`, maxBits)
	}
	return new(big.Int).Set(amount), ""
}

func (m members) tollUnit() (unit, reason string) {
	switch v, found := m["tollUnit"]; {
	case !found:
		return unitLIB, ""
	case v == unitLIB, v == unitUSD:
		return v.(string), ""
	}
	return "", `tx "tollUnit" field must be a valid TollUnit enum value.`
}

// wei is an amount of toll in LIB.
func (r rules) wei(amount *big.Int, unit string) *big.Int {
	if unit == unitUSD {
		return usdToWei(amount, r.price)
	}
	return amount
}

// tax is the part of a toll that nobody gets.
func (r rules) tax(toll *big.Int) *big.Int {
	tax := new(big.Int).Mul(toll, big.NewInt(r.taxPercent))
	return tax.Quo(tax, big.NewInt(100))
}

// maxToll is a million, of either unit.
func maxToll() *big.Int { return new(big.Int).Mul(big.NewInt(1_000_000), oneLIB()) }

// precheck looks at the amount first, as a Liberdus node does.
func (t *toll) precheck(s *state) string {
	wei := s.rules.wei(t.toll, t.unit)
	if wei.Sign() > 0 && wei.Cmp(s.rules.minToll) < 0 {
		return fmt.Sprintf(`Minimum "toll" allowed is %s LIB`, formatWei(s.rules.minToll))
	}
	if t.toll.Cmp(maxToll()) > 0 {
		return "Maximum toll allowed is 1,000,000 LIB or USD."
	}
	from, ok := s.account(t.from).(*user)
	switch {
	case !ok && s.account(t.from) != nil:
		return "from account is not a UserAccount"
	case !ok:
		return "from account does not exist"
	case from.balance.Cmp(s.rules.fee) < 0:
		return "from account does not have sufficient funds to complete toll transaction"
	case wei.Cmp(maxToll()) > 0:
		return "Maximum toll allowed is 1,000,000 LIB"
	}
	return s.rules.refuses(t.fee)
}

// apply relies on precheck, which saw the same state.
func (t *toll) apply(s *state) signing.Object {
	from, ok := s.account(t.from).(*user)
	if !ok {
		return t.failed(t.from, "")
	}
	from.balance = new(big.Int).Sub(from.balance, s.rules.fee)
	from.maintain(t.timestamp, s.rules)
	from.toll, from.tollUnit, from.timestamp = t.toll, t.unit, t.timestamp
	s.save(t.from, from)
	r := t.done(t.from)
	r["transactionFee"] = s.rules.fee
	r["additionalInfo"] = signing.Object{"maintenanceFee": new(big.Int)}
	return r
}
