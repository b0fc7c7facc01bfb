package signaling

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A registry knows who holds which id and what waits for whom.
//
// Its one lock makes registering (with OPEN and the queue's messages) and
// routing (to a socket or into a queue) atomic towards each other. While it is
// held nothing is written: messages are only put into outboxes, whose locks
// nest inside it. Times are durations since the server's start.
type registry struct {
	cfg    *settings // changed under mu
	stats  *counters
	events notifier // flush after unlocking mu
	keyed  bool     // whether key ids need a proof; fixed
	served moment   // when a message was last passed on
	misled moment   // when a socket was last closed for garbage

	mu      sync.Mutex
	stopped bool                  // no more sockets
	sockets map[*session]struct{} // all that are open
	fading  fading                // those of them that have no id any more, or were refused one
	peers   map[string]*session   // those that hold an id
	seq     uint64
	queues  *queueSet
	used    usedTokens
	wheel   *wheel
	watched time.Duration // when watch was last called,
	behind  bool          // and that it left sockets for later
	opening int           // sockets that have entered and are not in sockets yet
	places  *places
	issued  *holds // by GET /id
	lost    *holds // by their holders
}

func newRegistry(live *settings, keyed bool, tell func(event)) *registry {
	cfg := live.get()
	grain := min(cfg.PingInterval, cfg.AliveTimeout, cfg.PongTimeout) / 20
	return &registry{
		cfg:     live,
		stats:   newCounters(),
		events:  notifier{tell: tell},
		keyed:   keyed,
		sockets: make(map[*session]struct{}),
		peers:   make(map[string]*session),
		queues:  newQueueSet(queueLimits{messages: cfg.QueueMessages, bytes: cfg.QueueBytes, total: cfg.QueueTotalBytes, count: cfg.MaxQueues, sender: share{cfg.SenderQueues, cfg.SenderMessages, cfg.SenderBytes}}),
		used:    newUsedTokens(cfg.MaxUsedTokens),
		places:  newPlaces(live),
		issued:  newHolds(cfg.ReserveID, cfg.MaxHeld),
		lost:    newHolds(cfg.IDGrace, cfg.MaxHeld),
		wheel:   newWheel(min(max(grain, time.Millisecond), maxGrain), cfg.PingInterval),
	}
}

// enter makes room for a socket from addr, or says why there is none. It returns
// where the socket counts, nil if nowhere. Whoever entered calls open or cancel.
func (r *registry) enter(addr netip.Addr, now time.Duration) (*place, Refusal) {
	pl, late, why := r.makeRoom(addr, now)
	if late != nil {
		late.wire.cut()
	}
	return pl, why
}

// makeRoom is enter but for closing the connection of late, who gives way: it has
// had no id for longest, and is only there still to read that. A crowd of those must
// not keep newcomers out.
func (r *registry) makeRoom(addr netip.Addr, now time.Duration) (pl *place, late *session, why Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, nil, RefusedStopping
	}
	if pl, why = r.places.enter(addr, now); why != "" {
		return nil, nil, why
	}
	if r.opening+len(r.sockets)-len(r.peers) >= r.cfg.get().MaxPending {
		if late = r.fading.oldest(); late == nil {
			r.places.leave(pl, true, now)
			return nil, nil, RefusedPending
		}
		r.forgetSocket(late, now)
	}
	r.opening++
	return pl, late, ""
}

// fade notes that s was refused an id.
func (r *registry) fade(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fading.add(s)
}

// cancel gives the room of a socket back that was not opened.
func (r *registry) cancel(pl *place, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening--
	r.places.leave(pl, true, now)
}

// open notes a socket that has entered and starts it, which stop then cannot
// miss. Whoever opens a socket closes it with gone. It is false if the server
// has stopped meanwhile.
func (r *registry) open(s *session, start func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.opening--
	r.sockets[s] = struct{}{}
	start()
	return true
}

// holdings are those of the sockets of a place, or of all.
func (r *registry) holdings(pl *place) *holdings {
	if pl != nil {
		return &pl.holds
	}
	return &r.places.all
}

// gone ends s and forgets its socket.
func (r *registry) gone(s *session, why End, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detach(s, why)
	r.forgetSocket(s, now)
}

// forgetSocket counts the socket of s no more. It must be called with mu held.
func (r *registry) forgetSocket(s *session, now time.Duration) {
	if _, open := r.sockets[s]; !open {
		return // was evicted
	}
	delete(r.sockets, s)
	r.fading.remove(s)
	r.places.leave(s.place, !s.admitted, now)
}

// call counts a request from addr, and is false if it must be refused.
func (r *registry) call(addr netip.Addr, now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.places.call(addr, now)
}

// issue gives an id to somebody at addr, for whom it is then kept. It is false
// if the id is not free.
func (r *registry) issue(id string, addr netip.Addr, now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	pl := clientip.Place(addr)
	if h := r.issued.of(id, now); r.peers[id] != nil || r.lost.of(id, now) != nil || h != nil && h.place != pl {
		return false
	}
	r.issued.add(hold{id: id, place: pl}, now)
	return true
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
	if why.keepsID() && !s.proven {
		r.lost.add(hold{id: s.id, token: s.token}, r.watched)
	}
	r.wheel.remove(s)
	if _, open := r.sockets[s]; open {
		r.fading.add(s)
	}
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
	s.marked.Store(true)
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
	return Peer{ID: s.id, Addr: s.addr, TokenHash: s.token, Proven: s.proven, Node: s.marked.Load()}
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

// fullest is that of the places, as a part of what one may have.
func (r *registry) fullest() (places int, part float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	places, most := r.places.fullest()
	return places, float64(most) / float64(r.places.cfg.get().SocketsPerAddress)
}

func (r *registry) fill(s *Stats) {
	r.stats.fill(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Sockets, s.Peers = len(r.sockets), len(r.peers)
	s.Addresses, s.Held = len(r.places.known), len(r.issued.byID)+len(r.lost.byID)
	s.Queues, s.QueuedBytes = len(r.queues.byDst), r.queues.bytes
	s.Pending, s.UsedTokens = r.opening+len(r.sockets)-len(r.peers), len(r.used.tokens)
	s.OutboundBytes, s.InboundBytes = r.places.all.out.used.Load(), r.places.all.in.used.Load()
}
