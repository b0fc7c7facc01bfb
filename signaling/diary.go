package signaling

import (
	"log/slog"
	"sync"
	"time"
)

// A diary logs who comes and goes. Strangers who do so all the time must not
// fill the disk, nor hide what else the log says: after a burst only some are
// named, and the rest are counted in one line. Nodes have a rate of their own,
// and exempt addresses none.
type diary struct {
	log    *slog.Logger                // fixed
	spares func(e event) (always bool) // fixed

	mu            sync.Mutex
	nodes, others meter
	connected     int           // not named since the last summary
	disconnected  int           // the same
	summed        time.Duration // when that was
}

const (
	diaryRate  = 20               // lines a second, for nodes and for others,
	diaryBurst = 200              // and at once
	diaryEvery = 10 * time.Second // between two summaries
)

// note logs e, or counts it.
func (d *diary) note(e event, now time.Duration) {
	if e.kind == eventLeft || !d.named(e, now) {
		return
	}
	if e.kind == eventConnected {
		d.log.Info("peer connected", "peer", e.peer.ID, "remote", e.from)
		return
	}
	d.log.Info("peer disconnected", "peer", e.peer.ID, "remote", e.from, "reason", e.end)
}

// named reports whether e gets a line of its own.
func (d *diary) named(e event, now time.Duration) bool {
	if d.spares(e) {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &d.others
	if e.peer.Proven || e.peer.Node {
		m = &d.nodes
	}
	if m.take(now, perSecond(diaryRate, diaryBurst)) {
		return true
	}
	if e.kind == eventConnected {
		d.connected++
	} else {
		d.disconnected++
	}
	return false
}

// sum logs how many were not named, if any were, at most every diaryEvery
// unless it is the end.
func (d *diary) sum(now time.Duration, end bool) {
	d.mu.Lock()
	in, out := d.connected, d.disconnected
	if in+out == 0 || !end && now-d.summed < diaryEvery {
		d.mu.Unlock()
		return
	}
	d.connected, d.disconnected, d.summed = 0, 0, now
	d.mu.Unlock()
	d.log.Info("peers come and go too fast for a line each", "connected", in, "disconnected", out)
}
