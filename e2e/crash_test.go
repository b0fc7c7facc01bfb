package e2e

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A consensor killed in the middle of a thousand injects has, after its restart, every transaction
// that it accepted, and is back on the list under the same peerId within two seconds.
func TestKill(t *testing.T) {
	t.Run("its connections end", func(t *testing.T) {
		s := newSite(t)
		archiver := s.archiver()
		crash(t, s, archiver, archiver.url(), nil)
	})
	// The archiver still holds the old connection when the new process comes.
	t.Run("its connections never end", func(t *testing.T) {
		s := newSite(t)
		line := newLine(t)
		outside := "http://" + line.Addr()
		archiver := s.archiver("--public-url", outside)
		line.Aim(archiver.addr)
		severed := 0
		crash(t, s, archiver, outside, func() { severed = line.Sever() })
		if severed == 0 {
			t.Error("the consensor had no connection through the line")
		}
	})
}

func crash(t *testing.T, s *site, archiver *role, joinAt string, sever func()) {
	const (
		count      = 1000
		killAfter  = count / 2
		backWithin = 2 * time.Second
	)
	first := s.consensor(joinAt)
	d := openDoor(t, first)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "survivor")

	burst := injectMany(d, w, count, killAfter, func() {
		if sever != nil {
			sever()
		}
		first.kill()
	})
	accepted := len(burst.accepted)
	if accepted < killAfter || accepted == count || len(burst.faults) > 0 {
		t.Fatalf("%d of %d accepted before the kill at %d; refusals: %q", accepted, count, killAfter, burst.faults)
	}

	// On the same port and with the same data, as a supervisor starts it again.
	before, began := archiver.errs.mark(), time.Now()
	second := s.ready(s.launch("consensor", "--archiver", joinAt, "--listen", first.addr, "--data", s.dir("consensor")))
	if second.peerID != first.peerID {
		t.Fatalf("peerId after the restart = %s, want %s", second.peerID, first.peerID)
	}
	// The list may have kept the old entry: only a new connection makes it true.
	archiver.wait(t, archiver.errs, before, "new connection of the consensor", func(r record) bool {
		return r.text("msg") == "peer connected" && strings.Contains(fmt.Sprint(r), first.peerID)
	})
	s.listed(archiver.url(), first.peerID, backWithin)
	if took := time.Since(began); took > backWithin {
		t.Errorf("listed again %v after its restart, want at most %v", took, backWithin)
	}

	burst.check(t, d, w)
	r := s.run("client", "account", "--archiver", archiver.url(), "--peer", first.peerID, w.id()).exits(0)
	if r.object(r.json(), "account").text("id") != w.id() {
		r.fatalf("want the account %s", w.id())
	}
}

// A burst is what became of many transactions injected at once.
type burst struct {
	mu       sync.Mutex
	sent     map[string]*big.Int // by txId: the amount it creates
	accepted []string            // txIds of those the node said yes to
	faults   []string            // refusals: none is expected
}

// injectMany sends count transactions over eight connections and calls kill once,
// when so many of them have been accepted.
func injectMany(d door, w wallet, count, killAfter int, kill func()) *burst {
	b := &burst{sent: map[string]*big.Int{}}
	next, stop := make(chan int64), make(chan struct{})
	var workers sync.WaitGroup
	var once sync.Once
	for range 8 {
		workers.Go(func() {
			for i := range next {
				if b.one(d, w, big.NewInt(1_000_000+i)); b.yes() >= killAfter {
					once.Do(func() { kill(); close(stop) })
				}
			}
		})
	}
	b.feed(next, stop, count)
	workers.Wait()
	return b
}

// feed hands out the numbers of the transactions until the node is dead.
func (b *burst) feed(next chan<- int64, stop <-chan struct{}, count int) {
	defer close(next)
	for i := range int64(count) {
		select {
		case next <- i:
		case <-stop:
			return
		}
	}
}

// one sends one transaction; no answer is no fault: the node may be dead.
func (b *burst) one(d door, w wallet, amount *big.Int) {
	text, txID, err := w.create(amount)
	if err != nil {
		b.note(func() { b.faults = append(b.faults, err.Error()) })
		return
	}
	b.note(func() { b.sent[txID] = amount })
	got, err := d.inject(text)
	if err != nil {
		return
	}
	b.note(func() {
		if got.Success {
			b.accepted = append(b.accepted, txID)
		} else {
			b.faults = append(b.faults, got.Reason)
		}
	})
}

func (b *burst) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *burst) yes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.accepted)
}

// check demands a receipt for every accepted transaction, and that the balance is exactly the sum
// of those that have a receipt: none is lost and none is counted twice.
func (b *burst) check(t *testing.T, d door, w wallet) {
	t.Helper()
	want, lost := lib(50), 0
	for txID, amount := range b.sent {
		receipt, err := d.receipt(txID)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case receipt["success"] == true:
			want.Add(want, amount)
		case slices.Contains(b.accepted, txID):
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d accepted transactions are lost", lost, len(b.accepted))
	}
	account, err := d.account(w.id())
	if err != nil {
		t.Fatal(err)
	}
	if got := balance(account); got == nil || got.Cmp(want) != 0 {
		t.Errorf("balance = %v, want %v: what the receipts add up to", got, want)
	}
	t.Logf("%d sent, %d accepted before the kill", len(b.sent), len(b.accepted))
}
