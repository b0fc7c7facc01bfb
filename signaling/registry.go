package signaling

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A registry knows who holds which id and what waits for whom.
//
// Its one lock makes registering (with OPEN and the queue's messages) and
// routing (to a socket or into a queue) atomic towards each other. While it is
// held nothing is written: messages are only put into outboxes, whose locks
// nest inside it. Times are durations since the server's start.
type registry struct {
	cfg    Config // fixed
	stats  *counters
	events notifier // flush after unlocking mu
	keyed  bool     // whether key ids need a proof; fixed

	mu      sync.Mutex
	stopped bool                  // no more sockets
	sockets map[*session]struct{} // all that are open
	peers   map[string]*session   // those that hold an id
	seq     uint64
	queues  *queueSet
	used    usedTokens
	wheel   *wheel
}

func newRegistry(cfg Config, keyed bool, tell func(event)) *registry {
	grain := min(cfg.PingInterval, cfg.AliveTimeout, cfg.PongTimeout) / 20
	return &registry{
		cfg:     cfg,
		stats:   newCounters(),
		events:  notifier{tell: tell},
		keyed:   keyed,
		sockets: make(map[*session]struct{}),
		peers:   make(map[string]*session),
		queues:  newQueueSet(queueLimits{messages: cfg.QueueMessages, bytes: cfg.QueueBytes, total: cfg.QueueTotalBytes, count: cfg.MaxQueues}),
		used:    usedTokens{limit: cfg.MaxUsedTokens, expiry: make(map[[32]byte]usedToken), byAddr: make(map[netip.Addr]int)},
		wheel:   newWheel(min(max(grain, time.Millisecond), maxGrain), cfg.PingInterval),
	}
}

// mayOpen says whether one more socket may be opened.
func (r *registry) mayOpen() (Refusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.room()
}

// open notes a socket and starts it, which stop then cannot miss. Whoever opens
// a socket closes it with gone.
func (r *registry) open(s *session, start func()) (Refusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	why, ok := r.room()
	if ok {
		r.sockets[s] = struct{}{}
		start()
	}
	return why, ok
}

func (r *registry) room() (Refusal, bool) {
	switch {
	case r.stopped:
		return RefusedStopping, false
	case len(r.sockets)-len(r.peers) >= r.cfg.MaxPending:
		return RefusedPending, false
	}
	return "", true
}

// gone ends s and forgets its socket.
func (r *registry) gone(s *session, why End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detach(s, why)
	delete(r.sockets, s)
}

// end makes s give up its id, if it holds it: what an older socket of the same
// id does changes nothing.
func (r *registry) end(s *session, why End) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.detach(s, why)
}

// detach is end with mu held.
func (r *registry) detach(s *session, why End) bool {
	if r.peers[s.id] != s {
		return false
	}
	delete(r.peers, s.id)
	r.wheel.remove(s)
	r.stats.ended[why].Add(1)
	r.events.add(event{kind: eventDisconnected, peer: s.peer(), from: s.remote, end: why})
	return true
}

// mark makes the socket that holds id now subject to PongTimeout.
func (r *registry) mark(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.peers[id]
	if s == nil {
		return false
	}
	s.marked = true
	r.wheel.remove(s)
	r.wheel.add(s, r.due(s)) // sooner than it was
	return true
}

func (r *registry) lookup(id string) (p Peer, seen time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.peers[id]
	if s == nil {
		return Peer{}, 0, false
	}
	return s.peer(), s.lastSeen(), true
}

// peer describes s. It must be called with mu held. LastSeen is left out.
func (s *session) peer() Peer {
	return Peer{ID: s.id, Addr: s.addr, TokenHash: s.token, Proven: s.proven, Node: s.marked}
}

func (r *registry) registered(id string) bool {
	_, _, ok := r.lookup(id)
	return ok
}

// ids returns the registered ids in the order of registration.
func (r *registry) ids() []string {
	r.mu.Lock()
	held := make([]*session, 0, len(r.peers))
	for _, s := range r.peers {
		held = append(held, s)
	}
	r.mu.Unlock()
	slices.SortFunc(held, func(a, b *session) int { return cmp.Compare(a.seq, b.seq) })

	ids := make([]string, len(held))
	for i, s := range held {
		ids[i] = s.id
	}
	return ids
}

// stop refuses sockets from now on and begins to close those that are open.
func (r *registry) stop(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for s := range r.sockets {
		r.detach(s, EndStopped)
		s.close(code)
	}
}

// abort gives up the sockets that are still open.
func (r *registry) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sockets {
		s.wire.abort()
	}
}

func (r *registry) fill(s *Stats) {
	r.stats.fill(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Sockets, s.Peers = len(r.sockets), len(r.peers)
	s.Queues, s.QueuedBytes = len(r.queues.byDst), r.queues.bytes
}
