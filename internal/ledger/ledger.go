// Package ledger is an embedded Liberdus ledger: accounts, signed transactions
// and their receipts, in one folder that one process owns.
//
// Its invariant: a transaction that was answered with success is on the disk
// together with its receipt and every account it changed, or none of it is. The
// sum of all balances, of the tolls that chats hold and of the stakes on nodes
// changes only by what a new account starts with, what "create" makes and what
// fees, the tax on tolls and the odd wei of a halved toll burn; none of them is
// ever negative.
//
// A transaction passes through three places:
//
//	Put (any number of callers)          writer (one goroutine)        store
//	─────────────────────────────        ──────────────────────        ─────────────
//	txId: answered before? ── yes ──────────────────────────────────►  first answer
//	type, network id, members,
//	signature, timestamp
//	     │ 400 refuses here
//	     └── bounded queue ──────────►   takes all that waits
//	                                     txId again, then state
//	                                     500 "PreCrack …" refuses
//	                                     applies to an overlay ─────►  one batch,
//	                                                                   one sync
//	     ◄── answers ────────────────    view moves on  ◄────────────  synced
//
// Readers look at a view that moves on after the sync, so nobody ever sees what
// a power cut could still take back.
//
// The transaction types are "register", "create", "transfer",
// "message", "toll", "read", "reclaim_toll", "update_toll_required",
// "deposit_stake" and "withdraw_stake"; any other is refused with a reason that
// names it. The reasons, the order of the checks, the
// shape of accounts and receipts, and which mistakes are found only while
// applying (those are accepted and get a receipt that says failed) are those of
// the Liberdus server, because wallets match on them.
//
// A disk that fails ends the acceptance of transactions: every later Put returns
// an error that wraps [ErrStorage] until the ledger is opened again.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// Errors that Put, Account and Receipt wrap.
var (
	ErrClosed  = errors.New("ledger is closed")
	ErrStorage = errors.New("storage failed, nothing is accepted until a restart")
	ErrInUse   = errors.New("is in use by another process or ledger") // of Open and OpenOffline
)

// NetworkAccountID is the id of the account that holds the network's parameters.
const NetworkAccountID = "0000000000000000000000000000000000000000000000000000000000000000"

const maxID = 128 // bytes of an account or transaction id; a longer one is unknown

// A Ledger is safe for use by any number of goroutines. Use [Open].
type Ledger struct {
	log       *slog.Logger
	store     *store
	networkID string           // fixed after Open
	rules     rules            // fixed after Open
	window    time.Duration    // fixed after Open
	now       func() time.Time // fixed after Open
	batch     int              // fixed after Open
	pulse     *pulse           // of the writer
	counts    counters

	slots   chan struct{} // one is held by each transaction between queue and answer
	queue   chan *job     // as many places as slots, so that sending never blocks
	closing chan struct{} // closed by Close
	stopped chan struct{} // closed by the writer when it ended

	mu      sync.Mutex
	pending map[string]*job // guarded by mu; by txId, from queue to answer
	closed  bool            // guarded by mu

	watchers []*watcher // guarded by mu; the slice itself is never changed

	closeOnce sync.Once
	closeErr  error
}

// Open opens the ledger in cfg.Dir, or creates it, and starts its writer. It
// refuses a folder that another Ledger holds, that is not a ledger, or that
// belongs to a network other than cfg.NetworkID.
func Open(cfg Config, log *slog.Logger) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	cfg = cfg.withDefaults()
	log = log.With("part", "ledger")
	st, err := openStore(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l := &Ledger{
		log: log, store: st, window: cfg.TxWindow, now: cfg.Now, batch: cfg.Batch,
		pulse: newPulse(cfg.StallAfter, log), counts: newCounters(),
		slots: make(chan struct{}, cfg.Queue), queue: make(chan *job, cfg.Queue),
		closing: make(chan struct{}), stopped: make(chan struct{}),
		pending: make(map[string]*job),
	}
	if err := l.loadNetwork(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: %s: %w", st.dir, err), st.close())
	}
	go l.write() // Close waits for it
	log.Info("ledger opened", "dir", st.dir, "networkId", l.networkID)
	return l, nil
}

// NetworkID returns the 64 hex digits that a transaction's networkId must equal.
func (l *Ledger) NetworkID() string { return l.networkID }

// Account returns the canonical text of an account, the "data" of Shardus'
// getLocalOrRemoteAccount(id), or nil if there is no such account. It is one
// look-up, except for a chat, whose messages are stored one by one; one with more
// than 4 MiB of them is refused with [ErrTooLarge].
func (l *Ledger) Account(ctx context.Context, id string) (json.RawMessage, error) {
	if len(id) > maxID {
		return nil, nil
	}
	text, err := l.stored(ctx, id)
	if err == nil && isChatHeader(text) {
		text, err = l.chatText(text)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: account %.64q: %w", id, err)
	}
	return text, nil
}

// Receipt returns the canonical text of the receipt of an accepted transaction,
// or nil if none was accepted under that id:
//
//	{"additionalInfo"?, "from", "reason"?, "success", "timestamp", "to", "transactionFee", "txId", "type"}
func (l *Ledger) Receipt(ctx context.Context, txID string) (json.RawMessage, error) {
	if len(txID) > maxID {
		return nil, nil
	}
	text, err := l.read(ctx, receiptKey(txID))
	if err != nil {
		return nil, fmt.Errorf("ledger: receipt %.64q: %w", txID, err)
	}
	return text, nil
}

func (l *Ledger) read(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return l.store.read(key)
}

// Failed is closed when the disk has failed: from then on nothing is accepted,
// and only a restart helps.
func (l *Ledger) Failed() <-chan struct{} { return l.store.failed }

// Close refuses new transactions, waits for those in hand to be synced and
// answered, and closes the store. Closing again gives the first result. It does
// not wait for a disk that does not answer: what is left to do then, is done once
// the disk goes on, or never.
func (l *Ledger) Close() error {
	l.closeOnce.Do(func() {
		l.mu.Lock()
		l.closed = true
		close(l.closing)
		close(l.queue) // sent to only under mu and while not closed
		l.mu.Unlock()
		l.closeErr = l.finish()
	})
	return l.closeErr
}

// finish closes the store once the writer has ended.
func (l *Ledger) finish() error {
	done := make(chan error, 1)
	go func() { // waited for below, but not for longer than the disk deserves
		<-l.stopped
		done <- l.store.close()
	}()
	var err error
	select {
	case err = <-done:
	case <-l.pulse.late():
		err = ErrStalled
	}
	if err != nil {
		err = fmt.Errorf("ledger: close %s: %w", l.store.dir, err)
	}
	return err
}

// loadNetwork reads the network account, or makes it in an empty store, and
// takes the network id and the rules from it.
func (l *Ledger) loadNetwork(cfg Config) error {
	text, err := l.store.get(accountKey(NetworkAccountID))
	if err != nil {
		return err
	}
	if text == nil {
		if text, err = l.create(cfg.NetworkID); err != nil {
			return err
		}
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		return fmt.Errorf("network account: %w", err)
	}
	if l.networkID, l.rules, err = readNetwork(o); err != nil {
		return fmt.Errorf("network account: %w", err)
	}
	if cfg.NetworkID != "" && cfg.NetworkID != l.networkID {
		return fmt.Errorf("this ledger belongs to network %s, not to %s: leave the network id out, or use another data folder",
			l.networkID, cfg.NetworkID)
	}
	return nil
}

func (l *Ledger) create(networkID string) ([]byte, error) {
	if networkID == "" {
		networkID = randomID()
	}
	o, err := newNetwork(networkID, l.now().UnixMilli())
	if err != nil {
		return nil, err
	}
	text, err := seal(o)
	if err != nil {
		return nil, err
	}
	l.log.Info("ledger created", "dir", l.store.dir, "networkId", networkID)
	return text, l.store.commit([]op{
		{formatKey(), []byte(format)},
		{accountKey(NetworkAccountID), text},
	})
}
