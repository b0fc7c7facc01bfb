package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
)

// stalling is a ledger with a user, whose disk does not answer since a
// transaction that nobody waits for any more.
func stalling(t *testing.T) (l *ledger.Ledger, release func(), undecided *ledger.Undecided) {
	t.Helper()
	d, k := newDisk(), userKey(0)
	cfg := d.config()
	cfg.StallAfter = 20 * time.Millisecond
	l = open(t, cfg)
	apply(t, l, k, registerTx(k, "alice"))
	if err := l.Healthy(); err != nil {
		t.Fatal(err)
	}
	release = d.hold()
	t.Cleanup(release)
	ctx, gone := context.WithCancel(t.Context())
	go func() { // ends with what it waits for
		_ = l.Await(t.Context(), false)
		gone()
	}()
	_, err := l.Put(ctx, sign(k, createTx(k, one)))
	if !errors.As(err, &undecided) || !errors.Is(err, context.Canceled) {
		t.Fatalf("Put = %v, want an undecided one, canceled", err)
	}
	return l, release, undecided
}

// TestStall: a disk that does not answer keeps nobody waiting, shows in the
// ledger's health, and is forgiven once it goes on.
func TestStall(t *testing.T) {
	l, release, undecided := stalling(t)
	if err := l.Healthy(); !errors.Is(err, ledger.ErrStalled) {
		t.Errorf("Healthy = %v, want %v", err, ledger.ErrStalled)
	}
	k := userKey(1)
	if _, err := l.Put(t.Context(), sign(k, createTx(k, one))); !errors.Is(err, ledger.ErrStalled) {
		t.Errorf("Put meanwhile = %v, want %v", err, ledger.ErrStalled)
	}
	if got := balance(t, l, userKey(0).Address()); got.Cmp(lib(50)) != 0 {
		t.Errorf("balance meanwhile = %d, want 50 LIB: what is not on the disk shows nowhere", got)
	}
	release()
	if err := l.Await(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r := accept(t, l, sign(userKey(0), createTx(userKey(0), one)))
	if r["txId"] != undecided.TxID || r["success"] != true || l.Healthy() != nil {
		t.Errorf("afterwards: receipt %v and health %v, want that of %s", r, l.Healthy(), undecided.TxID)
	}
	if got := balance(t, l, userKey(0).Address()); got.Cmp(lib(51)) != 0 {
		t.Errorf("balance = %d, want 51 LIB: once", got)
	}
}

// TestCloseWhileStalled: it ends, and what is left to do is done once the disk
// goes on.
func TestCloseWhileStalled(t *testing.T) {
	l, _, _ := stalling(t)
	if err := l.Close(); !errors.Is(err, ledger.ErrStalled) {
		t.Errorf("Close = %v, want %v", err, ledger.ErrStalled)
	}
}
