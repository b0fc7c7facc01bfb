package ledger

import (
	"bytes"
	"errors"
	"math/big"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/liberdus/liberdus/internal/signing"
)

// OnFS returns cfg with another file system under the ledger.
func OnFS(cfg Config, fs vfs.FS) Config {
	cfg.fs = fs
	return cfg
}

// Limits that tests go up to.
const (
	MaxChats    = maxChats
	MaxTransfer = maxTalk
)

// Recode decodes a stored account and encodes it again.
func Recode(text []byte) ([]byte, error) {
	a, err := decodeAccount(text)
	if err != nil {
		return nil, err
	}
	return encodeAccount(a)
}

// ChatID is the id of the chat of two users.
var ChatID = chatID

// Chatted is the partners of a user, by their newest time, after one more chat.
func Chatted(partners map[string]int64, partner string, received int64) map[string]int64 {
	u := &user{chats: make(map[string]chatRef)}
	for p, r := range partners {
		u.chats[p] = chatRef{received: r}
	}
	u.chatted(partner, chatRef{received: received}, func(string, chatRef) bool { return true })
	after := make(map[string]int64)
	for p, c := range u.chats {
		after[p] = c.received
	}
	return after
}

// Amounts in text.
var (
	ParseWei  = parseWei
	FormatWei = formatWei
)

// ImportLine is what a line of an export puts into the store.
func ImportLine(line []byte) (key, value []byte, err error) {
	o, err := signing.ParseObject(line)
	if err != nil {
		return nil, nil, err
	}
	return importRecord(o)
}

// ExportLine is the line of an export that a record makes.
var ExportLine = exportLine

// All returns the stored accounts by id, chats without their messages, or the receipts.
func (l *Ledger) All(receipts bool) (map[string]signing.Object, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	all := make(map[string]signing.Object)
	if receipts {
		return all, l.addAll(all, 'r', "")
	}
	if err := l.addAll(all, 'a', ""); err != nil {
		return nil, err
	}
	return all, l.addAll(all, 'n', "stake on ")
}

// addAll adds what is stored under a kind of key.
func (l *Ledger) addAll(all map[string]signing.Object, kind byte, prefix string) error {
	it, err := l.store.view.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		o, err := signing.ParseObject(bytes.TrimPrefix(it.Value(), []byte{headerMark}))
		if err != nil {
			return errors.Join(err, it.Close())
		}
		all[prefix+string(it.Key()[1:])] = o
	}
	return it.Close()
}

// Misplace stores the stake on a node among the accounts, as ledgers once did.
func (l *Ledger) Misplace(id string) error {
	text, err := l.store.get(nodeKey(id))
	if err != nil {
		return err
	}
	return l.store.commit([]op{{accountKey(id), text}, {key: nodeKey(id)}})
}

// CorruptFormat overwrites the mark of the store's format.
func (l *Ledger) CorruptFormat(text string) error {
	return l.store.commit([]op{{formatKey(), []byte(text)}})
}

// InHand returns how many transactions are between queue and answer.
func (l *Ledger) InHand() int { return len(l.slots) }

// Seed stores users with a balance, without transactions.
func Seed(l *Ledger, ids []string, balance *big.Int) error {
	for batch := range slices.Chunk(ids, 1000) {
		var ops []op
		for _, id := range batch {
			u := newUser(id, 1, l.rules)
			u.balance = balance
			text, err := encodeAccount(u)
			if err != nil {
				return err
			}
			ops = append(ops, op{accountKey(id), text})
		}
		if err := l.store.commit(ops); err != nil {
			return err
		}
	}
	return nil
}
