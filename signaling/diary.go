package signaling

import (
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A diary logs who comes and goes. Strangers who do so all the time must not
// fill the disk, nor hide what else the log says: after a burst only some are
// named, and the rest are counted in one line. Nodes have a rate of their own,
// and exempt addresses none. Some lines more are kept for addresses of which few
// were named so, lest one flooder hide all others.
type diary struct {
	log    *slog.Logger                // fixed
	spares func(e event) (always bool) // fixed

	mu            sync.Mutex
	nodes, others ration
	connected     int           // not named since the last summary
	disconnected  int           // the same
	summed        time.Duration // when that was
}

const (
	diaryRate  = 20               // lines a second, for nodes and for others,
	diaryBurst = 200              // and at once
	diaryEvery = 10 * time.Second // between two summaries

	restRate   = 10              // lines a second more, for nodes and for others,
	restBurst  = 100             // and at once,
	shareEvery = 5 * time.Second // of which an address gets one each,
	shareBurst = 4               // and at once
)

// A ration is how many lines there are for one kind of peers. It is guarded by
// the diary's lock.
type ration struct {
	all, rest meter
	places    map[netip.Addr]meter // of what they had of the rest, while that says something
}

// take takes a line for somebody at addr, if there is one.
func (r *ration) take(addr netip.Addr, now time.Duration) bool {
	if r.all.take(now, perSecond(diaryRate, diaryBurst)) {
		return true
	}
	place := clientip.Place(addr)
	had := r.places[place]
	if !had.take(now, rate{every: shareEvery, burst: shareBurst}) || !r.rest.take(now, perSecond(restRate, restBurst)) {
		return false
	}
	if r.places == nil {
		r.places = make(map[netip.Addr]meter)
	}
	r.places[place] = had
	return true
}

func (r *ration) purge(now time.Duration) {
	maps.DeleteFunc(r.places, func(_ netip.Addr, had meter) bool { return had.idle(now) })
}

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
	lines := &d.others
	if e.peer.Proven || e.peer.Node {
		lines = &d.nodes
	}
	if lines.take(e.peer.Addr, now) {
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
	d.nodes.purge(now)
	d.others.purge(now)
	in, out := d.connected, d.disconnected
	if in+out == 0 || !end && now-d.summed < diaryEvery {
		d.mu.Unlock()
		return
	}
	d.connected, d.disconnected, d.summed = 0, 0, now
	d.mu.Unlock()
	d.log.Info("peers come and go too fast for a line each", "connected", in, "disconnected", out)
}
