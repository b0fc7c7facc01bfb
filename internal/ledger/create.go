package ledger

import (
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// maxBits bounds an amount and a balance, as in the Liberdus server.
const maxBits = 256

// A create transaction makes test funds for its sender, out of nothing and
// without a fee. A user that is not there yet is made.
type create struct {
	head
	amount *big.Int
}

func parseCreate(m members, h head) (_ transaction, reason string) {
	t := &create{head: h}
	if t.from, reason = m.address("from"); reason != "" {
		return nil, reason
	}
	t.amount, reason = m.amount("amount")
	return t, reason
}

// A Liberdus node does not look at the state before it queues a create.
func (t *create) precheck(*state) string { return "" }

func (t *create) apply(s *state) signing.Object {
	u, found := s.account(t.from).(*user)
	if !found {
		if s.account(t.from) != nil {
			return t.failed(t.from, "from account is not a UserAccount")
		}
		u = newUser(t.from, t.timestamp, s.rules)
	}
	balance, reason := add(u.balance, t.amount)
	if reason != "" {
		return t.failed(t.from, reason)
	}
	u.balance, u.timestamp = balance, t.timestamp
	s.save(t.from, u)
	r := t.done(t.from)
	r["additionalInfo"] = signing.Object{"amount": t.amount, "newAccount": !found}
	return r
}

// add returns a+b, or why a balance cannot hold it.
func add(a, b *big.Int) (sum *big.Int, reason string) {
	sum = new(big.Int).Add(a, b)
	if sum.BitLen() <= maxBits {
		return sum, ""
	}
	limit := new(big.Int).Lsh(big.NewInt(1), maxBits)
	limit.Sub(limit, big.NewInt(1))
	return nil, "Overflow: " + a.String() + " + " + b.String() + " > " + limit.String()
}
