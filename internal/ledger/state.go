package ledger

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/liberdus/liberdus/internal/signing"
)

// A state is what transactions are checked against and applied to: the stored
// accounts with the changes of the batch on top. The first failure to read or
// to write an account stays in err and makes the whole state worthless, so that
// the transactions themselves need not look at errors of the disk.
type state struct {
	load     func(key []byte) ([]byte, error) // nil, nil if there is no such key
	rules    rules
	now      int64              // ms; when the batch began
	accounts map[string]account // nil value: known to be absent
	changed  map[string]bool    // ids in accounts that differ from the store
	stakes
	ops      []op            // receipts and messages, in order
	receipts map[string]bool // txIds in ops
	err      error
}

// An account is a *user, *alias, *chat or *network; a *node has a place of its own.
type account interface {
	// object gives the account's members, with an empty hash; canonical order spares
	// sorting them.
	object() any
}

func (l *Ledger) newState(load func([]byte) ([]byte, error)) *state {
	return &state{
		load: load, rules: l.rules, now: l.now().UnixMilli(),
		accounts: make(map[string]account), changed: make(map[string]bool), receipts: make(map[string]bool),
		stakes: newStakes(),
	}
}

// execute decides about one transaction.
func (s *state) execute(id string, t transaction) Result {
	if s.receipts[id] || s.get(receiptKey(id)) != nil {
		return accepted(id)
	}
	if reason := t.precheck(s); reason != "" {
		return refusedByState(reason)
	}
	r := t.apply(s)
	if s.err != nil {
		return Result{}
	}
	text, err := signing.Canonical(r)
	if err != nil {
		s.keep(fmt.Errorf("receipt of %s: %w", id, err))
		return Result{}
	}
	s.receipts[id] = true
	s.ops = append(s.ops, op{receiptKey(id), text})
	return accepted(id)
}

func (s *state) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *state) get(key []byte) []byte {
	value, err := s.load(key)
	if err != nil {
		s.keep(err)
		return nil
	}
	return value
}

// account returns the account as the batch has left it so far, or nil.
func (s *state) account(id string) account {
	a, known := s.accounts[id]
	if known {
		return a
	}
	if text := s.get(accountKey(id)); text != nil {
		var err error
		if a, err = decodeAccount(text); err != nil {
			s.keep(fmt.Errorf("account %s: %w", id, err))
			return nil
		}
	}
	if n, old := a.(*node); old {
		s.foundOld(n)
		a = nil
	}
	s.accounts[id] = a
	return a
}

// save records that the account under id is now a.
func (s *state) save(id string, a account) {
	if c, ok := a.(*chat); ok {
		c.at = s.now
	}
	s.accounts[id] = a
	s.changed[id] = true
}

// changes returns everything that has to be written. Each changed account is
// hashed and put into text once, however often the batch changed it.
func (s *state) changes() []op {
	if s.err != nil {
		return nil
	}
	ops := s.ops
	for id := range s.changed {
		text, err := encodeAccount(s.accounts[id])
		if err != nil {
			s.keep(fmt.Errorf("account %s: %w", id, err))
			return nil
		}
		ops = append(ops, op{accountKey(id), text})
	}
	return append(ops, s.stakeChanges()...)
}

func decodeAccount(text []byte) (account, error) {
	if isChatHeader(text) {
		return decodeChat(text)
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		return nil, err
	}
	switch o["type"] {
	case typeUser:
		return decodeUser(o)
	case typeAlias:
		return decodeAlias(o)
	case typeNode:
		return decodeNode(o)
	case typeNetwork:
		return &network{members: o}, nil
	}
	return nil, fmt.Errorf("unknown type %v", o["type"])
}

func encodeAccount(a account) ([]byte, error) {
	if c, ok := a.(*chat); ok {
		return c.header()
	}
	return seal(a.object())
}

// seal returns the canonical text of an account, whose hash is empty, with its
// hash in place.
func seal(object any) ([]byte, error) {
	text, err := signing.Canonical(object)
	if err != nil {
		return nil, err
	}
	return sealText(text), nil
}

// sealText puts the hash of an account's text into the text, where it is empty.
// No account has another member of that name before it in canonical order, and
// a quoted one would have its quotes escaped.
func sealText(text []byte) []byte {
	const empty = `"hash":"`
	at := bytes.Index(text, []byte(empty+`"`))
	if at < 0 {
		return text
	}
	return slices.Insert(text, at+len(empty), []byte(signing.Hash(text))...)
}
