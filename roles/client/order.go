package client

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// An Order says what transaction to build, in a user's words: amounts are in
// LIB. Which fields count depends on Kind, the transaction's type.
type Order struct {
	// Kind is register, create, transfer, message, read, toll,
	// update_toll_required, reclaim_toll, deposit_stake or withdraw_stake.
	Kind string
	// Alias is the name to register.
	Alias string
	// To is the address of the other user: of transfer, message, read,
	// update_toll_required and reclaim_toll.
	To string
	// Node is the public key of the node to stake on.
	Node string
	// Amount is what to create, transfer or stake, the toll that a message pays
	// at most (empty = none), or the toll to ask.
	Amount string
	// Unit is that of the toll to ask: LIB or USD; empty = LIB.
	Unit string
	// Fee is the most to pay the network; empty = [NetworkFee]. For transfer,
	// message, read, toll and update_toll_required.
	Fee string
	// Memo goes with a transfer; may be empty.
	Memo string
	// Message is the text of a message.
	Message string
	// Required is what update_toll_required asks of the other user: 0 no toll,
	// 1 a toll, 2 nothing at all: the user is blocked.
	Required int
	// Force is of withdraw_stake.
	Force bool
}

// maxMemo is how many characters a memo may have.
const maxMemo = 140

// A part is a member or several of a transaction, and how an order fills it in.
// It adds to tx, which is nil if the order is only looked at.
type part func(o Order, key Key, tx signing.Object) error

// kinds says of what parts the transactions are made.
var kinds = map[string][]part{
	"register":             {alias},
	"create":               {from, amount("amount", false)},
	"transfer":             {from, to, amount("amount", false), fee, memo},
	"message":              {from, to, amount("amount", true), fee, message},
	"read":                 {from, to, fee},
	"toll":                 {from, amount("toll", true), unit, fee},
	"update_toll_required": {from, to, required, fee},
	"reclaim_toll":         {from, to},
	"deposit_stake":        {stakers, amount("stake", false)},
	"withdraw_stake":       {stakers, force},
}

// Validate reports every mistake that shows without asking anybody.
func (o Order) Validate() error {
	parts, known := kinds[o.Kind]
	if !known {
		return fmt.Errorf("%q is not the type of a transaction", o.Kind)
	}
	var c []error
	for _, p := range parts {
		c = append(c, p(o, nil, signing.Object{}))
	}
	return errors.Join(c...)
}

// build makes the transaction of a valid order.
func (o Order) build(key Key, networkID string, at time.Time) (signing.Object, error) {
	tx := signing.Object{"type": o.Kind, "networkId": networkID, "timestamp": at.UnixMilli()}
	for _, p := range kinds[o.Kind] {
		if err := p(o, key, tx); err != nil {
			return nil, err
		}
	}
	return tx, nil
}

func from(_ Order, key Key, tx signing.Object) error {
	if key != nil {
		tx["from"] = key.Address()
	}
	return nil
}

func alias(o Order, key Key, tx signing.Object) error {
	notPlain := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if o.Alias == "" || len(o.Alias) > 20 || strings.ContainsFunc(o.Alias, notPlain) {
		return fmt.Errorf("--alias %q: a name has 1 to 20 lower-case letters and digits", o.Alias)
	}
	tx["alias"], tx["aliasHash"], tx["private"] = o.Alias, signing.Hash([]byte(o.Alias)), false
	if key != nil {
		tx["from"], tx["publicKey"] = key.Address(), key.PublicKey()
	}
	return nil
}

// to names the other user, and the chat of the two.
func to(o Order, key Key, tx signing.Object) error {
	if !nodelist.IsKey(o.To) {
		return fmt.Errorf("--to %q: an address has 64 lower-case hex digits", o.To)
	}
	tx["to"] = o.To
	if key != nil {
		tx["chatId"] = chatID(key.Address(), o.To)
	}
	return nil
}

// amount reads the amount into a member. None at all is as good as nothing
// where that may be.
func amount(member string, mayBeNothing bool) part {
	return func(o Order, _ Key, tx signing.Object) error {
		if mayBeNothing && o.Amount == "" {
			tx[member] = new(big.Int)
			return nil
		}
		wei, err := ParseLIB(o.Amount)
		if err == nil && wei.Sign() == 0 && !mayBeNothing {
			err = errors.New("nothing is not an amount")
		}
		if err != nil {
			return fmt.Errorf("--amount: %w", err)
		}
		tx[member] = wei
		return nil
	}
}

func fee(o Order, _ Key, tx signing.Object) error {
	wei := NetworkFee
	if o.Fee != "" {
		var err error
		if wei, err = ParseLIB(o.Fee); err != nil {
			return fmt.Errorf("--fee: %w", err)
		}
	}
	tx["fee"] = wei
	return nil
}

func memo(o Order, _ Key, tx signing.Object) error {
	if len([]rune(o.Memo)) > maxMemo {
		return fmt.Errorf("--memo has over %d characters", maxMemo)
	}
	if o.Memo != "" {
		tx["memo"] = o.Memo
	}
	return nil
}

func message(o Order, _ Key, tx signing.Object) error {
	if o.Message == "" {
		return errors.New("--message: there is no text")
	}
	tx["message"] = o.Message
	return nil
}

func unit(o Order, _ Key, tx signing.Object) error {
	switch o.Unit {
	case "", "LIB":
		tx["tollUnit"] = "LIB"
	case "USD":
		tx["tollUnit"] = "USD"
	default:
		return fmt.Errorf("--unit %q: it is LIB or USD", o.Unit)
	}
	return nil
}

func required(o Order, _ Key, tx signing.Object) error {
	if o.Required < 0 || o.Required > 2 {
		return fmt.Errorf("--required %d: it is 0 (no toll), 1 (a toll) or 2 (blocked)", o.Required)
	}
	tx["required"] = o.Required
	return nil
}

func stakers(o Order, key Key, tx signing.Object) error {
	if !nodelist.IsKey(o.Node) {
		return fmt.Errorf("--node %q: a node's public key has 64 lower-case hex digits", o.Node)
	}
	tx["nominee"] = o.Node
	if key != nil {
		tx["nominator"] = key.Address()
	}
	return nil
}

func force(o Order, _ Key, tx signing.Object) error {
	tx["force"] = o.Force
	return nil
}

// chatID names the chat of two users: the hash of their addresses in order.
func chatID(a, b string) string {
	pair := []string{a, b}
	slices.Sort(pair)
	return signing.Hash([]byte(pair[0] + pair[1]))
}
