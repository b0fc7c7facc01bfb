package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// An answer is what a Put in the background came back with.
type answer struct {
	r   ledger.Result
	err error
}

func (a answer) String() string { return fmt.Sprintf("%+v, %v", a.r, a.err) }

// putting puts in the background.
func putting(ctx context.Context, l *ledger.Ledger, tx signing.Object) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		r, err := l.Put(ctx, tx)
		c <- answer{r, err}
	}()
	return c
}

// TestSameTransactionWhileInHand: the copy that comes while the first is being
// synced, even when it would be too late by itself, gets the same answer.
func TestSameTransactionWhileInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, clock := newDisk(), now
		cfg := d.config()
		cfg.Now = func() time.Time { return clock }
		l := open(t, cfg)
		k := userKey(0)
		tx := sign(k, createTx(k, one))
		release := d.hold()
		first := putting(t.Context(), l, tx)
		synctest.Wait()
		clock = now.Add(time.Minute)
		second := putting(t.Context(), l, tx)
		synctest.Wait()
		if len(first)+len(second) != 0 {
			t.Errorf("%d answers before the disk had it", len(first)+len(second))
		}
		if a := account(t, l, k.Address()); a != nil {
			t.Errorf("an account is visible before the disk has it: %v", a)
		}
		release()
		a, b := <-first, <-second
		if !a.r.Success || a != b {
			t.Errorf("answers %v and %v, want the same success", a, b)
		}
		if got, want := balance(t, l, k.Address()), lib(51); got.Cmp(want) != 0 {
			t.Errorf("balance = %d, want %d", got, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBatch: what waits while the disk is busy shares one sync, in order, each on
// top of the others.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := open(t, d.config())
		a, b := userKey(0), userKey(1)
		release := d.hold()
		first := putting(t.Context(), l, sign(userKey(2), createTx(userKey(2), one)))
		synctest.Wait() // the writer is at the disk
		var rest []<-chan answer
		for _, tx := range []signing.Object{
			sign(a, registerTx(a, "alice")),
			sign(b, registerTx(b, "bob")),
			sign(a, transferTx(a, b.Address(), lib(40))),
			sign(b, transferTx(b, a.Address(), lib(80))), // has that only by the one before
			sign(b, registerTx(b, "alice")),
			sign(a, transferTx(a, b.Address(), lib(100))),
		} {
			rest = append(rest, putting(t.Context(), l, tx))
			synctest.Wait()
		}
		release()
		<-first
		for i, c := range rest {
			got := <-c
			if want := i < 5; got.err != nil || got.r.Success != want {
				t.Errorf("transaction %d: %v, want success %t", i, got, want)
			}
		}
		want := new(big.Int).Sub(lib(90), fee)
		if got := balance(t, l, a.Address()); got.Cmp(want) != 0 {
			t.Errorf("a has %d, want %d", got, want)
		}
		checkSum(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestContext: a caller that waits for a place in the queue can leave, and then
// nothing was accepted; of one that was handed over
// nobody knows then; the disk takes it.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg := d.config()
		cfg.Queue = 1
		l := open(t, cfg)
		k := userKey(0)
		release := d.hold()
		ctx, cancel := context.WithCancelCause(t.Context())
		inHand := putting(ctx, l, sign(k, createTx(k, one)))
		synctest.Wait()
		waiting := sign(k, createTx(k, lib(2)))
		outside := putting(ctx, l, waiting)
		synctest.Wait()
		why := errors.New("the caller went home")
		cancel(why)
		if a := <-outside; !errors.Is(a.err, why) {
			t.Errorf("outside the queue: %v, want %v", a, why)
		}
		var undecided *ledger.Undecided
		if a := <-inHand; !errors.As(a.err, &undecided) || !errors.Is(a.err, why) {
			t.Fatalf("in the queue: %v, want that it is undecided", a)
		}
		release()
		if r := accept(t, l, sign(k, createTx(k, one))); r["txId"] != undecided.TxID { // the same again
			t.Errorf("in the queue: receipt %v, want that of %s", r, undecided.TxID)
		}
		id, _ := signing.TxID(waiting)
		if text, err := l.Receipt(t.Context(), id); text != nil || err != nil {
			t.Errorf("Receipt = %s, %v, want none", text, err)
		}
		if _, err := l.Put(ctx, waiting); !errors.Is(err, why) {
			t.Errorf("Put = %v, want %v", err, why)
		}
		if _, err := l.Account(ctx, k.Address()); !errors.Is(err, why) {
			t.Errorf("Account = %v, want %v", err, why)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseWaits: Close lets what is in hand finish, and refuses the rest.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg := d.config()
		cfg.Queue = 2
		cfg.Batch = 1
		l := open(t, cfg)
		k := userKey(0)
		release := d.hold()
		var puts []<-chan answer
		for i := range 3 { // one at the disk, one in the queue, one outside
			puts = append(puts, putting(t.Context(), l, sign(k, createTx(k, lib(int64(i)+1)))))
			synctest.Wait()
		}
		closed := make(chan error, 1)
		go func() { closed <- l.Close() }()
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("Close returned with work in hand")
		}
		if a := <-puts[2]; !errors.Is(a.err, ledger.ErrClosed) {
			t.Errorf("outside the queue: %v, want %v", a, ledger.ErrClosed)
		}
		release()
		for _, p := range puts[:2] {
			if a := <-p; a.err != nil || !a.r.Success {
				t.Errorf("in hand: %v, want success", a)
			}
		}
		if err := <-closed; err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close = %v", err)
		}
		if _, err := l.Put(t.Context(), sign(k, createTx(k, one))); !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("Put = %v, want %v", err, ledger.ErrClosed)
		}
		if _, err := l.Account(t.Context(), k.Address()); !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("Account = %v, want %v", err, ledger.ErrClosed)
		}
	})
}

// TestLimits: the queue and the batch are as large as they are said to be.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg := d.config()
		cfg.Queue, cfg.Batch = 5, 3
		l := open(t, cfg)
		release := d.hold()
		var puts []<-chan answer
		for i := range 9 {
			k := userKey(i)
			puts = append(puts, putting(t.Context(), l, sign(k, registerTx(k, "user"+strconv.Itoa(i)))))
			synctest.Wait()
		}
		if l.InHand() != 5 {
			t.Errorf("%d in hand, want 5", l.InHand())
		}
		release()
		for i, p := range puts {
			if a := <-p; a.err != nil || !a.r.Success {
				t.Errorf("%d: %v", i, a)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}
