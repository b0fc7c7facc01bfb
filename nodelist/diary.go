package nodelist

import (
	"log/slog"
	"sync"
	"time"
)

// A diary logs who is listed and who no longer is. Whoever has many addresses
// may join and vanish all the time, and must neither fill the disk nor hide what
// else the log says: after a burst only some are named, and the rest are counted
// in one line. Nodes that are or were active have a rate of their own, so that
// strangers who never connect do not hide them; exempt addresses have none.
type diary struct {
	log *slog.Logger // fixed

	mu              sync.Mutex
	actives, others bucket
	unnamed         map[string]int // by what happened, since the last summary
	summed          time.Time      // when that was
}

const (
	diaryEvery = 50 * time.Millisecond // between two lines, for active nodes and for others,
	diaryBurst = 200                   // but so many at once
	diarySum   = 10 * time.Second      // between two summaries
)

// A bucket is the time until which lines are paid for; the zero bucket is full.
type bucket time.Time

// take reports whether there may be a line now.
func (b *bucket) take(now time.Time) bool {
	until := time.Time(*b)
	if until.Before(now) {
		until = now
	}
	if until.Sub(now) > (diaryBurst-1)*diaryEvery {
		return false
	}
	*b = bucket(until.Add(diaryEvery))
	return true
}

// note logs e, or counts it.
func (d *diary) note(e event, now time.Time) {
	if !d.named(e, now) {
		return
	}
	attrs := []any{"peerId", e.node.PeerID, "publicKey", e.node.PublicKey, "ip", e.node.IP, "port", e.node.Port}
	if e.reason != "" {
		attrs = append(attrs, "reason", e.reason)
	}
	d.log.Info(e.what, attrs...)
}

// named reports whether e gets a line of its own.
func (d *diary) named(e event, now time.Time) bool {
	if e.exempt {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b := &d.others
	if e.active {
		b = &d.actives
	}
	if b.take(now) {
		return true
	}
	if d.unnamed == nil {
		d.unnamed = make(map[string]int)
	}
	d.unnamed[e.what]++
	return false
}

// sum logs how many were not named, if any were, at most every diarySum unless
// it is the end.
func (d *diary) sum(now time.Time, end bool) {
	d.mu.Lock()
	unnamed := d.unnamed
	if len(unnamed) == 0 || !end && now.Sub(d.summed) < diarySum {
		d.mu.Unlock()
		return
	}
	d.unnamed, d.summed = nil, now
	d.mu.Unlock()
	d.log.Info("nodes come and go too fast for a line each", "joined", unnamed[nodeJoined], "active", unnamed[nodeActive], "left", unnamed[nodeLeft])
}
