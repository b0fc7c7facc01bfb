package signaling

import (
	"time"

	"github.com/gorilla/websocket"
)

// expire ends the queues that are too old and tells each sender once.
func (r *registry) expire(now time.Duration) {
	for r.expireSome(now) {
	}
}

// expireMost is how many queues expire until others are let to the registry.
const expireMost = 64

// expireSome reports whether more may be too old.
func (r *registry) expireSome(now time.Duration) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range expireMost {
		q := r.queues.takeExpired(now - r.cfg.get().ExpireTimeout)
		if q == nil {
			return false
		}
		r.stats.drop(DropExpired, len(q.frames))
		for _, w := range q.senders {
			r.sayGone(q.dst, w)
		}
	}
	return true
}

// forget drops what need not be remembered any more: tokens that have expired, and
// addresses and ids whose time is over.
func (r *registry) forget(clock time.Time, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used.purge(clock, now)
	r.places.purge(now)
	r.issued.purge(now)
	r.lost.purge(now)
}

// watch pings the sockets whose turn it is, and ends those not heard from and
// those that began a message and do not come to its end. It looks at a few, and
// reports whether there are more: a message that arrives meanwhile is seen only
// when all their pings are written.
func (r *registry) watch(now time.Duration) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	few := r.few(now)
	r.watched, r.behind = now, false
	for range few {
		s := r.wheel.take(now)
		if s == nil {
			return false
		}
		if now-s.lastSeen() >= r.patience(s) {
			r.detach(s, EndSilent)
			s.close(0)
			continue
		}
		if began := time.Duration(s.began.Load()); began != 0 && now-began >= r.cfg.get().ReadTimeout {
			r.detach(s, EndSlowSender)
			s.close(websocket.ClosePolicyViolation)
			continue
		}
		if now >= s.nextPing {
			r.ping(s, now)
		}
		r.wheel.add(s, r.due(s))
	}
	r.behind = true
	return true
}

// Between two looks at a few sockets others are served.
const (
	watchLeast = 3
	watchRest  = time.Millisecond
)

// few is how many sockets to look at now: as many as come due in all since the
// last look, twice over. A machine with much to do lets the rest between two looks
// last longer, and must not fall behind for that: who is pinged late is taken for
// dead. It must be called with mu held.
func (r *registry) few(now time.Duration) int {
	rest := watchRest
	if r.behind {
		rest = now - r.watched
	}
	cfg, twice := r.cfg.get(), 2*int64(len(r.sockets))*int64(rest)
	return watchLeast + int(twice/int64(cfg.PingInterval)+twice/int64(cfg.AliveTimeout))
}

// pingLeast is how many intervals between pings there are at most: proxies close
// what a server says nothing on, often after 30 seconds.
const pingLeast = 4

// ping pings s, unless it speaks by itself all the time, as PeerJS does, and may
// still be pinged in time should it fall silent.
func (r *registry) ping(s *session, now time.Duration) {
	every := r.cfg.get().PingInterval
	s.nextPing = now + every
	silent := now - s.lastSeen()
	if s.speaks() && silent < every && silent+2*every <= r.patience(s) && s.skipped < pingLeast-1 {
		s.skipped++
		return
	}
	s.skipped = 0
	s.ping()
}

// patience is the silence after which s is taken for dead.
func (r *registry) patience(s *session) time.Duration {
	if s.proven || s.marked.Load() {
		return min(r.cfg.get().PongTimeout, r.cfg.get().AliveTimeout)
	}
	return r.cfg.get().AliveTimeout
}

// due is when s must be looked at next.
func (r *registry) due(s *session) time.Duration {
	return min(s.nextPing, s.lastSeen()+r.patience(s))
}
