package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// message demands what Put demanded of a transaction that a chat keeps, and the
// receipt of it.
func (v *auditor) message(key, value []byte) error {
	chat, _, ok := splitMessage(key)
	if !ok {
		return errors.New("its key is too short")
	}
	o, err := signing.ParseObject(value)
	if err != nil {
		return err
	}
	signed, err := signing.NewTx(o)
	if err != nil {
		return err
	}
	t, reason := (&Ledger{networkID: v.networkID}).check(signed.ID(), &signed)
	if reason != "" {
		return fmt.Errorf("it would be refused: %s", reason)
	}
	kept, ok := t.(interface{ about() *talk })
	if !ok || kept.about().chatID != chat || !bytes.Equal(kept.about().text, value) {
		return errors.New("it is not of this chat")
	}
	return v.received(t, kept.about())
}

// received demands the receipt of a transaction that was applied, and that it
// says what the transaction does.
func (v *auditor) received(kept transaction, t *talk) error {
	text, err := v.o.store.read(receiptKey(t.id))
	if err != nil {
		return err
	}
	if text == nil {
		return fmt.Errorf("there is no receipt of %s", t.id)
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		return err
	}
	r := &record{members: o}
	fits := r.flag("success") && r.text("type") == t.kind && r.text("from") == t.from && r.text("to") == t.to && r.integer("timestamp") == t.timestamp
	if r.err == nil && !fits {
		return fmt.Errorf("the receipt of %s is of something else", t.id)
	}
	return errors.Join(r.err, v.says(r, kept, t))
}

// says demands of the receipt what is known of the amounts.
func (v *auditor) says(r *record, kept transaction, t *talk) error {
	fee, info := r.amount("transactionFee"), r.object("additionalInfo")
	var amount *big.Int
	fits := true
	switch kept := kept.(type) {
	case *transfer:
		if amount = kept.amount; kept.deduct {
			amount = new(big.Int).Sub(amount, v.rules.fee)
		}
		got := info.amount("amount")
		fits = got != nil && got.Cmp(amount) == 0
	case *message:
		fits = info.text("message") == kept.message
	}
	if err := errors.Join(r.err, info.err); err != nil {
		return fmt.Errorf("the receipt of %s: %w", t.id, err)
	}
	switch {
	case fee.Cmp(v.rules.fee) != 0:
		return fmt.Errorf("the receipt of %s has the fee %d, and the network's is %d", t.id, fee, v.rules.fee)
	case !fits && amount != nil:
		return fmt.Errorf("the receipt of %s has another amount than %d", t.id, amount)
	case !fits:
		return fmt.Errorf("the receipt of %s has another message", t.id)
	}
	return nil
}

func (v *auditor) stake(n *node) error {
	if n.stakeLock.Sign() == 0 {
		return nil
	}
	u, err := v.user(n.nominator)
	if err != nil {
		return err
	}
	if u.operator == nil || u.operator.nominee != n.id || u.operator.stake.Cmp(n.stakeLock) != 0 {
		return fmt.Errorf("user %q has another stake", n.nominator)
	}
	v.Stakes.Add(v.Stakes, n.stakeLock)
	return nil
}

// operator demands the stake that a user says to have.
func (v *auditor) operator(u *user) error {
	p := u.operator
	switch {
	case u.stake.Sign() != 0:
		return errors.New("it has a stake on no node")
	case p == nil, p.nominee == "" && p.stake.Sign() == 0:
		return nil
	case p.nominee == "":
		return fmt.Errorf("it has a stake of %d on no node", p.stake)
	}
	n, err := v.node(p.nominee)
	if err != nil {
		return err
	}
	if n == nil || n.nominator != u.id || n.stakeLock.Cmp(p.stake) != 0 {
		return fmt.Errorf("it has a stake of %d on %q, and that has another", p.stake, p.nominee)
	}
	return nil
}

// node reads the stake on a node, nil if there is none; older ledgers have it among
// the accounts.
func (v *auditor) node(id string) (*node, error) {
	for _, key := range [][]byte{nodeKey(id), accountKey(id)} {
		text, err := v.o.store.read(key)
		if err != nil {
			return nil, err
		}
		if text == nil {
			continue
		}
		a, err := decodeAccount(text)
		if n, ok := a.(*node); ok || err != nil {
			return n, err
		}
	}
	return nil, nil
}
