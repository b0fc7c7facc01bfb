package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cockroachdb/pebble/v2"

	"github.com/liberdus/liberdus/internal/signing"
)

// ErrBooks is wrapped by Verify's error about a ledger that is not sound.
var ErrBooks = errors.New("the ledger is not sound")

// Books are what a ledger holds, amounts in wei. It is sound if Balances + Tolls
// + Stakes = Made - Burnt.
type Books struct {
	Accounts, Chats, Messages, Receipts int

	Balances *big.Int // of users
	Tolls    *big.Int // held by chats
	Stakes   *big.Int // locked on nodes
	Made     *big.Int // what users started with, and "create"
	Burnt    *big.Int // fees, the tax on tolls, and the odd wei of halved ones
}

// An auditor goes through a ledger once.
type auditor struct {
	Books
	o       *Offline
	counted int // messages that chats say they have

	networkID string // that transactions have to be of
	rules     rules  // that they followed
}

// Verify reads the whole ledger and makes every hash and the sum of everything
// anew. What it finds first wraps [ErrBooks] and names the record.
func (o *Offline) Verify(ctx context.Context, progress func(records int)) (Books, error) {
	v := &auditor{o: o, Books: Books{
		Balances: new(big.Int), Tolls: new(big.Int), Stakes: new(big.Int), Made: new(big.Int), Burnt: new(big.Int),
	}}
	if err := v.findNetwork(); err != nil {
		return Books{}, fmt.Errorf("ledger: verify %s: %w: %w", o.store.dir, ErrBooks, err)
	}
	n := 0
	err := o.store.view.each(ctx, func(key, value []byte) error {
		if n++; n%1000 == 0 {
			progress(n)
		}
		if reason := v.record(key, value); reason != nil {
			return fmt.Errorf("%w: record %q: %w", ErrBooks, key, reason)
		}
		return nil
	})
	if err == nil {
		err = v.balance()
	}
	if err != nil {
		return Books{}, fmt.Errorf("ledger: verify %s: %w", o.store.dir, err)
	}
	return v.Books, nil
}

func (v *auditor) findNetwork() error {
	text, err := v.o.store.read(accountKey(NetworkAccountID))
	if err != nil {
		return err
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		return fmt.Errorf("network account: %w", err)
	}
	v.networkID, v.rules, err = readNetwork(o)
	return err
}

func (v *auditor) balance() error {
	have := new(big.Int).Add(v.Balances, v.Tolls)
	have.Add(have, v.Stakes)
	if want := new(big.Int).Sub(v.Made, v.Burnt); have.Cmp(want) != 0 {
		return fmt.Errorf("%w: balances, tolls and stakes are %d wei, and %d were made and not burnt", ErrBooks, have, want)
	}
	if v.Messages != v.counted {
		return fmt.Errorf("%w: there are %d messages, and chats have %d", ErrBooks, v.Messages, v.counted)
	}
	return nil
}

func (v *auditor) record(key, value []byte) error {
	switch id := string(key[1:]); key[0] {
	case kindFormat:
		return nil
	case kindMessage:
		v.Messages++
		return v.message(key, value)
	case kindReceipt:
		v.Receipts++
		return v.receipt(id, value)
	case kindAccount, kindNode:
		return v.account(key[0], id, value)
	}
	return errors.New("it is of no kind that this program knows")
}

func (v *auditor) account(kind byte, id string, value []byte) error {
	a, err := decodeAccount(value)
	if err != nil {
		return err
	}
	again, err := encodeAccount(a)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, value) {
		return errors.New("its hash or its text is not what its members give")
	}
	if _, isNode := a.(*node); kind == kindNode && !isNode {
		return errors.New("it is not a stake")
	}
	own := ""
	switch a := a.(type) {
	case *user:
		own, err = a.id, v.operator(a)
		v.Balances.Add(v.Balances, a.balance) // no stored amount is negative: it could not be read
		v.Made.Add(v.Made, startBalance())
	case *alias:
		own, err = a.id, v.alias(a)
	case *node:
		own, err = a.id, v.stake(a)
	case *chat:
		own, err = a.id, v.chat(a)
	case *network:
		own, _ = a.members["id"].(string)
	}
	if own != id {
		return fmt.Errorf("the account says that it is %q", own)
	}
	if _, chats := a.(*chat); !chats {
		v.Accounts++
	}
	return err
}

// user reads another account, which must be a user.
func (v *auditor) user(id string) (*user, error) {
	text, err := v.o.store.read(accountKey(id))
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fmt.Errorf("there is no user %q", id)
	}
	a, err := decodeAccount(text)
	if err != nil {
		return nil, err
	}
	u, ok := a.(*user)
	if !ok {
		return nil, fmt.Errorf("%q is not a user", id)
	}
	return u, nil
}

func (v *auditor) alias(a *alias) error {
	u, err := v.user(a.address)
	if err == nil && (u.alias == nil || *u.alias != a.inbox) {
		err = fmt.Errorf("user %q has another name", a.address)
	}
	return err
}

// chat counts the tolls, and demands that the messages are those the header has.
func (v *auditor) chat(c *chat) error {
	v.Chats++
	v.counted += int(c.next - c.first)
	for who := range 2 {
		v.Tolls.Add(v.Tolls, c.held(who))
	}
	it, err := v.o.store.view.NewIter(&pebble.IterOptions{
		LowerBound: messageKey(c.id, uint64(c.first)), UpperBound: messageKey(c.id, uint64(c.next)),
	})
	if err != nil {
		return err
	}
	count := int64(0)
	for it.First(); it.Valid(); it.Next() {
		count++
	}
	if err := it.Close(); err != nil {
		return err
	}
	if count != c.next-c.first {
		return fmt.Errorf("it has %d messages, and %d are there", c.next-c.first, count)
	}
	return nil
}

func (v *auditor) receipt(id string, value []byte) error {
	o, err := signing.ParseObject(value)
	if err != nil {
		return err
	}
	r := &record{members: o}
	if own := r.text("txId"); own != id {
		return fmt.Errorf("the receipt says that it is of %q", own)
	}
	fee, made, tax, toll := r.amount("transactionFee"), new(big.Int), new(big.Int), new(big.Int)
	if _, has := o["additionalInfo"]; has && r.flag("success") {
		info := r.object("additionalInfo")
		switch o["type"] {
		case "create":
			made = info.amount("amount")
		case "read":
			tax = info.amount("networkTollTaxFee")
		case "message":
			tax, toll = info.amount("networkTollTaxFee"), info.amount("tollFee")
		}
		r.err = errors.Join(r.err, info.err)
	}
	if r.err != nil {
		return r.err
	}
	v.Made.Add(v.Made, made)
	v.Burnt.Add(v.Burnt, fee)
	v.Burnt.Add(v.Burnt, tax)
	if tax.Sign() == 0 { // the toll was paid, not earned
		v.Burnt.Add(v.Burnt, new(big.Int).And(toll, big.NewInt(1)))
	}
	return nil
}
