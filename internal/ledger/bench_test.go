//go:build unix

package ledger_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

const (
	benchUsers    = 2000
	benchInFlight = 256
)

// benchTxs signs transfers among the users, each to another one.
func benchTxs(n int) []signing.Object {
	keys := make([]*signing.UserKey, benchUsers)
	for i := range keys {
		keys[i] = userKey(i)
	}
	txs := make([]signing.Object, n)
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				from, to := i*7919%benchUsers, i*104729%benchUsers+1
				tx := transferTx(keys[from], keys[to%benchUsers].Address(), one)
				txs[i] = sign(keys[from], with(tx, signing.Object{"n": float64(i), "fee": lib(1)}))
			}
		})
	}
	wg.Wait()
	return txs
}

// BenchmarkPut is one transfer with 256 in flight, on the disk, all of it: the
// signature, the state and the sync.
func BenchmarkPut(b *testing.B) {
	l := open(b, ledger.Config{Dir: b.TempDir(), NetworkID: networkID, Now: func() time.Time { return now }})
	for i := range benchUsers {
		k := userKey(i)
		if r, err := l.Put(context.Background(), sign(k, createTx(k, lib(1_000_000)))); err != nil || !r.Success {
			b.Fatalf("Put = %+v, %v", r, err)
		}
	}
	txs := benchTxs(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	inParallel(b, benchInFlight, func(i int) {
		if r, err := l.Put(context.Background(), txs[i]); err != nil || !r.Success {
			b.Errorf("Put = %+v, %v", r, err)
		}
	})
}

// BenchmarkVerify is the signature check of the same transfers alone.
func BenchmarkVerify(b *testing.B) {
	txs := benchTxs(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	inParallel(b, runtime.GOMAXPROCS(0), func(i int) {
		if _, err := signing.VerifyTx(txs[i]); err != nil {
			b.Error(err)
		}
	})
}

// inParallel calls f for 0 to b.N-1 from n goroutines, and reports the
// processor time beside the time on the clock.
func inParallel(b *testing.B, n int, f func(i int)) {
	before := cpu()
	defer func() { b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op") }()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// cpu is the processor time this process has had.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAccount is the read of one account.
func BenchmarkAccount(b *testing.B) {
	l := open(b, config())
	k := userKey(0)
	apply(b, l, k, registerTx(k, "alice"))
	b.ReportAllocs()
	for b.Loop() {
		if text, err := l.Account(context.Background(), k.Address()); text == nil || err != nil {
			b.Fatal(err)
		}
	}
}
