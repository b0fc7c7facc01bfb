package nodelist

import (
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/tally"
)

// Stats say how a [List] stands at one moment.
type Stats struct {
	Active, Syncing int           // nodes, as published
	Total           int           // how many there may be
	Epoch           uint64        // as published
	Age             time.Duration // of what is published
	Behind          time.Duration // for how long changes could not be published; 0: they are
	Borrowed        bool          // the nodes of another archiver may be listed,
	BorrowedAge     time.Duration // whose list was had so long ago, or never since the start
	Joined          uint64        // joins that were taken, those of listed nodes included
	Refused         map[Refusal]uint64
}

// counters count joins.
type counters struct {
	joined  atomic.Uint64
	refused tally.Counts[Refusal]
}

// Fullest returns of how many addresses nodes are listed that count, and which
// part of what one may have the one has that has the most.
func (l *List) Fullest() (addresses int, part float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, n := range l.roster.addresses {
		most = max(most, n)
	}
	return len(l.roster.addresses), float64(most) / float64(l.cfg.PerAddress)
}

// Stats returns how the list stands.
func (l *List) Stats() Stats {
	d := l.docs.Load()
	var behind time.Duration
	if since := l.behind.Load(); since != nil {
		behind = time.Since(*since)
	}
	s := Stats{
		Active: d.active, Syncing: d.syncing, Total: l.cfg.Total, Epoch: d.epoch, Age: time.Since(d.signed), Behind: behind,
		Joined: l.counts.joined.Load(), Refused: l.counts.refused.Load(),
	}
	if at := l.lentAt.Load(); at != nil {
		s.Borrowed, s.BorrowedAge = true, time.Since(*at)
	}
	return s
}
