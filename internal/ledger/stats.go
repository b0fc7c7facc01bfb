package ledger

import (
	"time"

	"github.com/liberdus/liberdus/internal/tally"
)

// An Outcome is what became of a transaction.
type Outcome string

// The closed set of outcomes.
const (
	OutcomeAccepted  Outcome = "accepted"  // or had been before
	OutcomeMistake   Outcome = "mistake"   // refused for what it says
	OutcomeState     Outcome = "state"     // refused by the state of the accounts
	OutcomeUndecided Outcome = "undecided" // not decided: the disk, or the time, or the ledger, ended
)

var allOutcomes = [...]Outcome{OutcomeAccepted, OutcomeMistake, OutcomeState, OutcomeUndecided}

// Stats are the counts of a [Ledger] at one moment.
type Stats struct {
	Transactions map[Outcome]uint64 // offered so far
	Batch        tally.Snapshot     // transactions that were decided together
	Sync         tally.Snapshot     // how long the disk took to have what they changed
	InHand       int                // transactions between the queue and the answer,
	MaxInHand    int                // and how many there may be
}

// counters count what happens.
type counters struct {
	transactions tally.Counts[Outcome]
	batch, sync  *tally.Histogram
}

func newCounters() counters {
	return counters{
		transactions: tally.Of(allOutcomes[:]),
		batch:        tally.Sizes(1, 2, 4, 8, 16, 32, 64, 128, 256),
		sync: tally.Times(100*time.Microsecond, 300*time.Microsecond, time.Millisecond, 3*time.Millisecond, 10*time.Millisecond,
			30*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond, time.Second, 3*time.Second, 10*time.Second),
	}
}

// note counts a transaction by its answer.
func (c counters) note(res Result, err error) {
	what := OutcomeState
	switch {
	case err != nil:
		what = OutcomeUndecided
	case res.Success:
		what = OutcomeAccepted
	case res.Status == 400:
		what = OutcomeMistake
	}
	c.transactions[what].Add(1)
}

// Stats returns the counts of this moment.
func (l *Ledger) Stats() Stats {
	return Stats{
		Transactions: l.counts.transactions.Load(), Batch: l.counts.batch.Load(), Sync: l.counts.sync.Load(),
		InHand: len(l.slots), MaxInHand: cap(l.slots),
	}
}
