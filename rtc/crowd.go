package rtc

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// handshakeGrace is how long a handshake may show nothing before another may
	// take its place: an honest one takes a round trip or two.
	handshakeGrace = 1500 * time.Millisecond
	// recordAge is for how long it is remembered what came of a peer id's handshake.
	recordAge = time.Minute
	// offerGap is how long a patient peer waits before it offers again.
	offerGap = time.Second
)

// A crowd is the handshakes of those who dialled us. Offers cost nothing, and
// peer ids next to nothing, so it tells who is likely to be honest by what they
// do: an id that has held a place lately and shown nothing for it, that holds
// one now, or that has only just offered has one only while there is room. Those who have shown,
// by a STUN request with the password of our answer, that they have read the
// answer have places of their own. It has no lock of its own.
type crowd struct {
	max     int          // of each stage
	fresh   []*handshake // that have shown nothing yet, the oldest first
	checked []*handshake // whose path is being used, the oldest first
	records map[connPeer]record
	swept   time.Time     // when old ones were last forgotten
	most    int           // records there have been in the table
	pace    *rate.Limiter // of the spare ones
}

// A handshake is a conn's part of the crowd.
type handshake struct {
	c     *conn
	who   connPeer
	since time.Time
	spare bool         // it makes room first
	group netip.Prefix // of its peer's address, once it is checked
	heard atomic.Bool  // a STUN request with the right password came
}

// A record is what an id did last.
type record struct {
	offered time.Time // an offer
	ended   time.Time // a handshake ended; zero if none did
	good    bool      // in a session
}

func newCrowd(places int) *crowd {
	return &crowd{max: places, records: make(map[connPeer]record), pace: rate.NewLimiter(rate.Limit(places), places)}
}

// admit gives h a place. It returns the one that has to make room for it, if
// any, or false if there is no place.
func (w *crowd) admit(h *handshake, now time.Time) (victim *handshake, ok bool) {
	h.since = now
	h.spare = w.suspect(h.who, now) || slices.ContainsFunc(w.fresh, func(o *handshake) bool { return o.who == h.who })
	w.note(h.who, now, func(r *record) { r.offered = now })
	if h.spare && !w.pace.AllowN(now, 1) {
		return nil, false
	}
	if len(w.fresh) >= w.max {
		i := w.superfluous(h, now)
		if i < 0 {
			return nil, false
		}
		victim = w.fresh[i]
		w.fresh = slices.Delete(w.fresh, i, i+1)
	}
	w.fresh = append(w.fresh, h)
	return victim, true
}

// superfluous returns which of the fresh ones makes room for h, or -1.
func (w *crowd) superfluous(h *handshake, now time.Time) int {
	old := func(o *handshake) bool { return now.Sub(o.since) >= handshakeGrace }
	i := slices.IndexFunc(w.fresh, func(o *handshake) bool { return o.spare && !o.heard.Load() && (!h.spare || old(o)) })
	if i < 0 && !h.spare {
		i = slices.IndexFunc(w.fresh, func(o *handshake) bool { return !o.heard.Load() && old(o) })
	}
	return i
}

// check moves h to those who have shown that they read our answer. It returns
// the one that has to make room for it there, which may be h.
func (w *crowd) check(h *handshake, group netip.Prefix, now time.Time) (victim *handshake) {
	i := slices.Index(w.fresh, h)
	if i < 0 {
		return nil // it has left, or has made room
	}
	w.fresh = slices.Delete(w.fresh, i, i+1)
	h.group = group
	w.checked = append(w.checked, h)
	if len(w.checked) <= w.max {
		return nil
	}
	i = w.ofMost(h, now)
	victim = w.checked[i]
	w.checked = slices.Delete(w.checked, i, i+1)
	return victim
}

// ofMost returns the oldest of the address that has most places. It is the
// newcomer h that goes if its own is that address, and the others are young.
func (w *crowd) ofMost(h *handshake, now time.Time) int {
	of := make(map[netip.Prefix]int)
	most := 0
	for _, o := range w.checked {
		of[o.group]++
		most = max(most, of[o.group])
	}
	i := slices.IndexFunc(w.checked, func(o *handshake) bool { return of[o.group] == most })
	if of[h.group] == most && now.Sub(w.checked[i].since) < handshakeGrace {
		return len(w.checked) - 1
	}
	return i
}

// leave notes that the handshake of h is over, and whether it came to a session.
func (w *crowd) leave(h *handshake, good bool, now time.Time) {
	is := func(o *handshake) bool { return o == h }
	w.fresh, w.checked = slices.DeleteFunc(w.fresh, is), slices.DeleteFunc(w.checked, is)
	w.note(h.who, now, func(r *record) {
		if !good && r.good && !r.ended.Before(h.since) {
			return // the peer has a session, from another offer that it made meanwhile
		}
		r.ended, r.good = now, good
	})
}

// note changes the record of who.
func (w *crowd) note(who connPeer, now time.Time, change func(*record)) {
	r, known := w.records[who]
	if !known && (len(w.records) >= maxBuckets || now.Sub(w.swept) >= recordAge/4) {
		w.sweep(now)
	}
	change(&r)
	w.records[who] = r
}

// sweep forgets what is old, and if that makes no room, a quarter of the rest:
// to look through all for each newcomer would be dear.
func (w *crowd) sweep(now time.Time) {
	w.swept, w.most = now, max(w.most, len(w.records))
	defer func() { w.records = shrunk(w.records, &w.most) }()
	for who, r := range w.records {
		if now.Sub(r.ended) > recordAge && now.Sub(r.offered) > recordAge {
			delete(w.records, who)
		}
	}
	if len(w.records) < maxBuckets {
		return
	}
	for who := range w.records { // any: too many ids for memory to tell them apart
		if len(w.records) <= maxBuckets*3/4 {
			return
		}
		delete(w.records, who)
	}
}

// suspect says whether who has just offered, or has had a place for nothing and
// has not given up offering since.
func (w *crowd) suspect(who connPeer, now time.Time) bool {
	r, ok := w.records[who]
	fruitless := !r.ended.IsZero() && !r.good && (now.Sub(r.ended) <= recordAge || now.Sub(r.offered) <= recordAge)
	return ok && !r.good && (fruitless || now.Sub(r.offered) < offerGap)
}

// resize gives both stages so many places. Who has one keeps it.
func (w *crowd) resize(places int) {
	w.max = places
	w.pace.SetLimit(rate.Limit(places))
	w.pace.SetBurst(places)
}

// count returns how many handshakes there are.
func (w *crowd) count() int { return len(w.fresh) + len(w.checked) }
