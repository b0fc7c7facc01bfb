package ledger

import (
	"context"
	"fmt"
	"math"

	"github.com/liberdus/liberdus/internal/signing"
)

// A Result is the answer to a transaction, as Shardus' put gives it. Status is
// 200 for accepted, 400 for a mistake in the transaction itself and 500 for one
// that the state of the accounts refuses now. TxID is set on success alone.
type Result struct {
	Success bool
	Reason  string
	Status  int
	TxID    string
}

const (
	reasonQueued = "Transaction queued, poll for results."
	reasonWindow = "Transaction timestamp out of range"
	precrack     = "PreCrack has failed. "
)

func accepted(txID string) Result {
	return Result{Success: true, Reason: reasonQueued, Status: 200, TxID: txID}
}

func refused(reason string) Result { return Result{Reason: reason, Status: 400} }

func refusedByState(reason string) Result { return Result{Reason: precrack + reason, Status: 500} }

// Put validates and applies one signed transaction ("shardus.put"), and returns
// when the result is synced to disk. Success means accepted: what a Liberdus
// node would find out only while applying shows in the receipt, which is there
// at once. A transaction that was accepted before gets its first answer again.
// What sign has beside owner and sig is neither looked at nor kept.
//
// An error means that it could not be decided: ctx ended before the transaction
// was handed to the writer, the ledger is closed ([ErrClosed]), the disk failed
// ([ErrStorage]) or does not answer ([ErrStalled]). Once it is handed over, ctx
// only ends the wait, with an [Undecided] error: the receipt will tell.
func (l *Ledger) Put(ctx context.Context, tx signing.Object) (Result, error) {
	signed, err := signing.NewTx(vouched(tx))
	if err != nil {
		res := refused(clip("Transaction has no canonical text: " + err.Error()))
		l.counts.note(res, nil)
		return res, nil
	}
	id := signed.ID()
	res, err := l.put(ctx, id, &signed)
	l.counts.note(res, err)
	if err != nil {
		return Result{}, fmt.Errorf("ledger: put %s: %w", id, err)
	}
	return res, nil
}

func (l *Ledger) put(ctx context.Context, id string, tx *signing.Tx) (Result, error) {
	if err := l.store.failure(); err != nil {
		return Result{}, err
	}
	if j := l.inHand(id); j != nil {
		return j.wait(ctx)
	}
	// The writer looks whether it was accepted before; here only what it will not
	// see is looked up, and what is cheaper to look up than to check.
	timely := l.inWindow(tx.Object)
	if !timely {
		if before, err := l.store.has(receiptKey(id)); before || err != nil {
			return answered(id, before), err
		}
	}
	t, reason := l.check(id, tx)
	if reason != "" {
		before, err := l.store.has(receiptKey(id))
		if before || err != nil {
			return answered(id, before), err
		}
		return refused(reason), nil
	}
	if !timely {
		return l.late(t)
	}
	j, err := l.hand(ctx, &job{id: id, tx: t, done: make(chan struct{})})
	if err != nil {
		return Result{}, err
	}
	return j.wait(ctx)
}

// answered is the first answer to a transaction that was accepted.
func answered(id string, before bool) Result {
	if !before {
		return Result{}
	}
	return accepted(id)
}

// inWindow reports whether the transaction's timestamp is a number near enough
// to the clock. It compares as float64, since a stranger may have written 1e300.
func (l *Ledger) inWindow(tx signing.Object) bool {
	ts, ok := number(tx["timestamp"])
	return ok && math.Abs(float64(l.now().UnixMilli())-math.Floor(ts)) <= float64(l.window.Milliseconds())
}

// late words the refusal of a transaction outside the window: a Liberdus node
// looks at the state before it looks at the clock. What is late is never
// applied, so the view is state enough and the writer is left alone.
func (l *Ledger) late(t transaction) (Result, error) {
	s := l.newState(l.store.read)
	reason := t.precheck(s)
	switch {
	case s.err != nil:
		return Result{}, s.err
	case reason != "":
		return refusedByState(reason), nil
	}
	return refused(reasonWindow), nil
}
