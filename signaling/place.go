package signaling

import (
	"container/list"
	"math"
	"net/netip"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A place is an address, or the /64 of an IPv6 address, and what comes from it.
type place struct {
	addr     netip.Addr
	connects meter
	calls    meter // of /id and /peers
	sockets  int   // that are open or being opened
	pending  int   // those of them that have never held an id
	holds    holdings
	blame    blame
	idle     *list.Element
}

// places limits what each place may do. It belongs to the registry and is
// guarded by its lock.
//
// Places without a socket are kept while their meters say something, at most
// limit of them; the one not seen for longest is forgotten for a new one. Who
// has more addresses than that is not stopped by counting addresses.
type places struct {
	cfg      Config            // fixed
	exempt   clientip.Networks // fixed
	crowds   clientip.Networks // fixed
	connects rate              // fixed
	calls    rate              // fixed
	sockets  int               // at most at one place; fixed
	pending  int               // at most at one place; fixed
	limit    int               // places without a socket that are kept; fixed

	known map[netip.Addr]*place
	idle  list.List // of *place, the one not seen for longest first
	all   holdings  // of all sockets; those at places that are spared have no other
}

func newPlaces(cfg Config) *places {
	p := &places{
		cfg:      cfg,
		exempt:   cfg.LimitExempt,
		crowds:   cfg.Crowds,
		connects: perSecond(cfg.ConnectRate, cfg.ConnectBurst),
		calls:    perSecond(cfg.CallRate, cfg.CallBurst),
		sockets:  cfg.SocketsPerAddress,
		pending:  cfg.PendingPerAddress,
		limit:    cfg.MaxAddresses,
		known:    make(map[netip.Addr]*place),
	}
	p.all.in.limit, p.all.out.limit, p.all.sent.limit = int64(cfg.InboundTotal), int64(cfg.OutboundTotal), math.MaxInt64
	return p
}

// spares reports whether addr is not limited: it is exempt, or not known, as
// that of a Unix socket.
func (p *places) spares(addr netip.Addr) bool { return !addr.IsValid() || p.exempt.Contains(addr) }

// enter counts a socket that is about to be opened, or says why it must not be.
// Whoever entered must leave.
func (p *places) enter(addr netip.Addr, now time.Duration) Refusal {
	if p.spares(addr) {
		return ""
	}
	pl := p.at(addr)
	defer p.rest(pl, now)
	switch {
	case pl.blame.refuses(now):
		pl.blame.knock(now)
		return RefusedGarbage
	case pl.sockets >= p.sockets:
		return RefusedSockets
	case pl.pending >= p.pending:
		return RefusedOpening
	case !pl.connects.take(now, p.connects):
		return RefusedConnects
	}
	pl.sockets++
	pl.pending++
	return ""
}

// admitted notes that a socket of addr holds an id.
func (p *places) admitted(addr netip.Addr) {
	if pl := p.of(addr); pl != nil {
		pl.pending--
	}
}

// leave forgets a socket of addr; pending is whether it was never admitted.
func (p *places) leave(addr netip.Addr, pending bool, now time.Duration) {
	pl := p.of(addr)
	if pl == nil {
		return
	}
	pl.sockets--
	if pending {
		pl.pending--
	}
	p.rest(pl, now)
}

// call counts a request for /id or /peers, and is false if it must be refused.
func (p *places) call(addr netip.Addr, now time.Duration) bool {
	if p.spares(addr) {
		return true
	}
	pl := p.at(addr)
	defer p.rest(pl, now)
	return pl.calls.take(now, p.calls)
}

// key is what addr is counted under; the zero Addr if it is spared.
func (p *places) key(addr netip.Addr) netip.Addr {
	if p.spares(addr) {
		return netip.Addr{}
	}
	return clientip.Place(addr)
}

// of returns the place of an address that has entered, nil if it is spared.
func (p *places) of(addr netip.Addr) *place {
	if p.spares(addr) {
		return nil
	}
	return p.known[clientip.Place(addr)]
}

// at returns the place of addr, taken off the idle list.
func (p *places) at(addr netip.Addr) *place {
	addr = clientip.Place(addr)
	pl := p.known[addr]
	if pl == nil {
		pl = &place{addr: addr}
		pl.holds.limit(&p.all, p.cfg)
		p.known[addr] = pl
	}
	if pl.idle != nil {
		p.idle.Remove(pl.idle)
		pl.idle = nil
	}
	return pl
}

// rest puts pl aside if it has no socket.
func (p *places) rest(pl *place, now time.Duration) {
	if pl.sockets > 0 {
		return
	}
	if pl.forgettable(now) {
		delete(p.known, pl.addr)
		return
	}
	pl.idle = p.idle.PushBack(pl)
	if p.idle.Len() > p.limit {
		p.forget(p.idle.Front())
	}
}

func (pl *place) forgettable(now time.Duration) bool {
	return pl.connects.idle(now) && pl.calls.idle(now) && pl.blame.idle(now) && pl.holds.sent.used.Load() == 0
}

// purge forgets the places of which nothing need be known any more.
func (p *places) purge(now time.Duration) {
	for e := p.idle.Front(); e != nil; {
		next := e.Next()
		if pl := e.Value.(*place); pl.forgettable(now) {
			p.forget(e)
		}
		e = next
	}
}

func (p *places) forget(e *list.Element) {
	delete(p.known, p.idle.Remove(e).(*place).addr)
}
