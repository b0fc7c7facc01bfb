//go:build unix

package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
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
	benchUsers    = 100_000
	benchInFlight = 256
)

// schemes are how users sign: as Ethereum's do, and as wallets did before.
var schemes = []string{"secp256k1", "ed25519"}

// benchKey is a user's key; it makes the same one for the same number.
func benchKey(b *testing.B, scheme string, n int) signing.Key {
	if scheme == "secp256k1" {
		return userKey(n)
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	secret := ed25519.NewKeyFromSeed(seed[:])
	k, err := signing.NodeKeyFromSecret(hex.EncodeToString(secret))
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// benchTxs signs n transfers between users drawn uniformly, and gives all users' addresses.
func benchTxs(b *testing.B, scheme string, n int) (txs []signing.Object, ids []string) {
	keys, ids, txs := make([]signing.Key, benchUsers), make([]string, benchUsers), make([]signing.Object, n)
	onAllCores(benchUsers, func(i int) { keys[i] = benchKey(b, scheme, i); ids[i] = keys[i].Address() })
	onAllCores(n, func(i int) {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		k, to := keys[r.IntN(benchUsers)], ids[r.IntN(benchUsers)]
		txs[i] = sign(k, with(transferTx(k, to, one), signing.Object{"n": float64(i), "fee": lib(1)}))
	})
	return txs, ids
}

// onAllCores calls f for 0 to n-1 on all processors.
func onAllCores(n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkPut is one transfer between two of 100,000 users with 256 in flight,
// on the disk, all of it: the signature, the state and the sync.
func BenchmarkPut(b *testing.B) {
	for _, scheme := range schemes {
		b.Run(scheme, func(b *testing.B) {
			l := open(b, ledger.Config{Dir: b.TempDir(), NetworkID: networkID, Now: func() time.Time { return now }})
			txs, ids := benchTxs(b, scheme, b.N)
			if err := ledger.Seed(l, ids, lib(1_000_000)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			inParallel(b, benchInFlight, func(i int) {
				if r, err := l.Put(context.Background(), txs[i]); err != nil || !r.Success {
					b.Errorf("Put = %+v, %v", r, err)
				}
			})
		})
	}
}

// BenchmarkVerify is the signature check of the same transfers alone.
func BenchmarkVerify(b *testing.B) {
	for _, scheme := range schemes {
		b.Run(scheme, func(b *testing.B) {
			txs, _ := benchTxs(b, scheme, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			inParallel(b, runtime.GOMAXPROCS(0), func(i int) {
				if _, err := signing.VerifyTx(txs[i]); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkStore opens ledgers of different sizes and reads accounts of them
// drawn uniformly.
func BenchmarkStore(b *testing.B) {
	for _, users := range []int{10_000, 100_000, 1_000_000} {
		ids := make([]string, users)
		for i := range ids {
			ids[i] = signing.Hash(binary.BigEndian.AppendUint64(nil, uint64(i)))
		}
		cfg := ledger.Config{Dir: b.TempDir(), NetworkID: networkID}
		l := open(b, cfg)
		if err := ledger.Seed(l, ids, one); err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("open/%d", users), func(b *testing.B) {
			for b.Loop() {
				l := open(b, cfg)
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("read/%d", users), func(b *testing.B) {
			l := open(b, cfg)
			defer l.Close()
			inParallel(b, 1, func(i int) {
				if text, err := l.Account(context.Background(), ids[rand.IntN(users)]); text == nil || err != nil {
					b.Fatal(err)
				}
			})
		})
	}
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
