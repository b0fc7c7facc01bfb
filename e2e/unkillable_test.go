package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// kills is how many consensors TestKilledUnderLoad kills.
var kills = flag.Int("kills", 20, "consensors killed under load")

// A network of three processes over one ledger loses one of the two that do not own it again
// and again, always one that the client has a session with. Those who use the client see
// nothing of it: no read fails or is long in coming, and every transaction is applied once,
// and never said to be refused when it was applied.
func TestKilledUnderLoad(t *testing.T) {
	const readers, writers, gap = 6, 2, time.Second
	s := newSite(t)
	archiver, back, fronts := s.three()
	d := openDoor(t, back)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "unkillable")

	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{archiver.url()}, s.dir("client")
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := &load{c: c, w: w, burst: &burst{sent: map[string]*big.Int{}}, refused: map[string]string{}}
	var workers sync.WaitGroup
	for range readers {
		workers.Go(func() { l.read(ctx) })
	}
	for range writers {
		workers.Go(func() { l.write(ctx) })
	}
	began := time.Now()
	for i := range *kills {
		n := i % len(fronts)
		eventually(t, eventWithin, "a session with the one to be killed", func() bool {
			return slices.ContainsFunc(c.Peers(), func(p client.PeerStat) bool { return p.Peer == fronts[n].peerID && !p.Silent })
		})
		fronts[n].kill()
		fronts[n] = s.beside(archiver.url(), back, fmt.Sprint("front", n))
	}
	took := time.Since(began)
	stop()
	workers.Wait()

	if len(l.failed) > 0 {
		t.Errorf("%d reads failed, the first: %v", len(l.failed), l.failed[0])
	}
	if longest := time.Duration(l.longest.Load()); longest >= gap {
		t.Errorf("a read took %v, want under %v", longest, gap)
	}
	l.burst.check(t, d, w)
	for txID, reason := range l.refused {
		receipt, err := d.receipt(txID)
		if err != nil {
			t.Fatal(err)
		}
		if receipt["success"] == true {
			t.Errorf("transaction %s was said to be refused (%s), and it is applied", txID, reason)
		}
	}
	if len(l.burst.accepted) < *kills || l.reads.Load() < int64(10**kills) {
		t.Errorf("%d reads and %d transactions: that is no load", l.reads.Load(), len(l.burst.accepted))
	}
	t.Logf("%d killed in %v: %d reads, the longest %v; %d transactions accepted, %d refused, %d undecided",
		*kills, took.Round(time.Millisecond), l.reads.Load(), time.Duration(l.longest.Load()).Round(time.Millisecond),
		len(l.burst.accepted), len(l.refused), len(l.undecided))
}

// A load is what asks and sends while nodes are killed.
type load struct {
	c *client.Client
	w wallet

	reads   atomic.Int64
	longest atomic.Int64 // nanoseconds of a read
	next    atomic.Int64

	burst     *burst            // its mutex guards what follows too
	failed    []error           // reads
	refused   map[string]string // by txId: why
	undecided []error
}

func (l *load) read(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		_, err := l.c.Account(ctx, l.w.id())
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.burst.note(func() { l.failed = append(l.failed, err) })
		}
		l.reads.Add(1)
		for old := l.longest.Load(); int64(took) > old && !l.longest.CompareAndSwap(old, int64(took)); old = l.longest.Load() {
		}
		rest(ctx, 5*time.Millisecond)
	}
}

// write sends one transaction after the other; the last one is finished.
func (l *load) write(ctx context.Context) {
	for ctx.Err() == nil {
		amount := big.NewInt(1_000_000 + l.next.Add(1))
		text, txID, err := l.w.create(amount)
		if err != nil {
			l.burst.note(func() { l.failed = append(l.failed, err) })
			return
		}
		l.burst.note(func() { l.burst.sent[txID] = amount })
		_, err = l.c.Inject(context.WithoutCancel(ctx), []byte(text))
		l.burst.note(func() {
			switch {
			case err == nil:
				l.burst.accepted = append(l.burst.accepted, txID)
			case errors.Is(err, client.ErrRefused):
				l.refused[txID] = err.Error()
			default:
				l.undecided = append(l.undecided, err)
			}
		})
		rest(ctx, 20*time.Millisecond)
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
