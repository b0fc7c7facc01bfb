package rtc

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// unsent bounds what all sessions have to send and their peers have not
// received. While all of it is taken, each may have its share and those over it
// wait, and who has been over it for long is closed. A session that has next to
// nothing waits for nobody.
type unsent struct {
	most   int64        // fixed
	queued atomic.Int64 // weight of what waits in pion
	held   atomic.Int64 // bytes of messages that wait to be written

	mu     sync.Mutex
	looked time.Time
	share  int64
}

// full says whether there is more than there may be.
func (u *unsent) full() bool { return u.queued.Load()+u.held.Load() > u.most }

// weigh returns the weight of what waits in pion for the peer of s.
func (s *Session) weigh(step int64) (queued int64) {
	return s.out.weigh(s.dc.BufferedAmount(), step)
}

// roomy says whether s may write another frame.
func (s *Session) roomy() bool {
	queued, u := s.weigh(unsentStep), &s.c.p.unsent
	switch {
	case queued >= int64(s.c.p.cfg.MaxBuffered):
		return false
	case !u.full():
		return true
	}
	share := s.c.p.makeRoom(time.Now())
	return queued <= share || u.queued.Load() <= u.most
}

// makeRoom looks at all sessions, unless that was done just now, and closes
// those that have been over their share for too long, the longest first, until
// there is room. It returns the share of each.
func (p *Peer) makeRoom(now time.Time) (share int64) {
	u := &p.unsent
	u.mu.Lock()
	if now.Sub(u.looked) < unsentLook {
		defer u.mu.Unlock()
		return u.share
	}
	u.looked = now
	u.mu.Unlock()
	holders := p.holders(now)
	share = max(freeUnsent, u.most/int64(max(1, len(holders))))
	u.mu.Lock()
	u.share = share
	u.mu.Unlock()
	for _, h := range holders {
		if !u.full() || now.Sub(h.since) < p.cfg.SendTimeout/graceShare {
			break
		}
		if h.weight > share {
			h.s.out.stop()
			h.s.c.cancel(h.s.c.fail(errUnsent))
		}
	}
	return share
}

// A holder is a session that has more unsent than nothing worth mentioning.
type holder struct {
	s      *Session
	weight int64
	since  time.Time
}

// holders returns the holders, those first that have held theirs longest.
func (p *Peer) holders(now time.Time) (list []holder) {
	p.mu.Lock()
	conns := make([]*conn, 0, len(p.conns))
	for _, c := range p.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	for _, c := range conns {
		s := c.channel.Load()
		if s == nil {
			continue
		}
		if weight := s.weigh(1) + s.out.held.Load(); weight > freeUnsent {
			list = append(list, holder{s, weight, s.out.oldest(now)})
		}
	}
	slices.SortFunc(list, func(a, b holder) int { return a.since.Compare(b.since) })
	return list
}
