package nodelist

import (
	"sync/atomic"
	"time"
)

// Stats say how a [List] stands at one moment.
type Stats struct {
	Active, Syncing int           // nodes, as published
	Total           int           // how many there may be
	Epoch           uint64        // as published
	Age             time.Duration // of what is published
	Joined          uint64        // joins that were taken, those of listed nodes included
	Refused         uint64        // joins that were not
}

// counters count joins.
type counters struct{ joined, refused atomic.Uint64 }

// Stats returns how the list stands.
func (l *List) Stats() Stats {
	d := l.docs.Load()
	return Stats{
		Active: d.active, Syncing: d.syncing, Total: l.cfg.Total, Epoch: d.epoch, Age: time.Since(d.signed),
		Joined: l.counts.joined.Load(), Refused: l.counts.refused.Load(),
	}
}
