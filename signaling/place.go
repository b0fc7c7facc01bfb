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
	cfg *settings // changed under the registry's lock

	known map[netip.Addr]*place
	idle  list.List   // of *place, the one not seen for longest first
	crowd map[int]int // how many places have so many open sockets, of those that have any
	all   holdings    // of all sockets; those at places that are spared have no other
}

func newPlaces(live *settings) *places {
	p := &places{cfg: live, known: make(map[netip.Addr]*place), crowd: make(map[int]int)}
	cfg := live.get()
	p.all.in.limit, p.all.out.limit, p.all.sent.limit = int64(cfg.InboundTotal), int64(cfg.OutboundTotal), math.MaxInt64
	return p
}

// spares reports whether addr is not limited: it is exempt, or not known, as
// that of a Unix socket.
func (p *places) spares(addr netip.Addr) bool {
	return !addr.IsValid() || clientip.Networks(p.cfg.get().LimitExempt).Contains(addr)
}

// enter counts a socket that is about to be opened at the place it returns, nil
// for one that is spared, or says why it must not be. Whoever entered must leave.
func (p *places) enter(addr netip.Addr, now time.Duration) (*place, Refusal) {
	if p.spares(addr) {
		return nil, ""
	}
	pl, cfg := p.at(addr), p.cfg.get()
	defer p.rest(pl, now)
	switch {
	case pl.blame.refuses(now):
		pl.blame.knock(now)
		return nil, RefusedGarbage
	case pl.sockets >= cfg.SocketsPerAddress:
		return nil, RefusedSockets
	case pl.pending >= cfg.PendingPerAddress:
		return nil, RefusedOpening
	case !pl.connects.take(now, perSecond(cfg.ConnectRate, cfg.ConnectBurst)):
		return nil, RefusedConnects
	}
	p.count(pl, 1)
	pl.pending++
	return pl, ""
}

// admitted notes that a socket which entered there holds an id.
func (pl *place) admitted() {
	if pl != nil {
		pl.pending--
	}
}

// ids is how many of its sockets hold an id, or have held one a moment ago.
func (pl *place) ids() int {
	if pl == nil {
		return 0
	}
	return pl.sockets - pl.pending
}

// leave forgets a socket that entered there; pending is whether it was never admitted.
func (p *places) leave(pl *place, pending bool, now time.Duration) {
	if pl == nil {
		return
	}
	p.count(pl, -1)
	if pending {
		pl.pending--
	}
	p.rest(pl, now)
}

// count notes that a place has a socket more, or less.
func (p *places) count(pl *place, more int) {
	if p.crowd[pl.sockets]--; p.crowd[pl.sockets] <= 0 {
		delete(p.crowd, pl.sockets)
	}
	if pl.sockets += more; pl.sockets > 0 {
		p.crowd[pl.sockets]++
	}
}

// fullest returns how many places have sockets, and how many the one has that
// has the most. It looks at none of them: there may be very many.
func (p *places) fullest() (places, most int) {
	for sockets, n := range p.crowd {
		places += n
		most = max(most, sockets)
	}
	return places, most
}

// call counts a request for /id or /peers, and is false if it must be refused.
func (p *places) call(addr netip.Addr, now time.Duration) bool {
	if p.spares(addr) {
		return true
	}
	pl := p.at(addr)
	defer p.rest(pl, now)
	cfg := p.cfg.get()
	return pl.calls.take(now, perSecond(cfg.CallRate, cfg.CallBurst))
}

// key is the address under which what comes from there counts; the zero Addr if
// it is spared.
func (pl *place) key() netip.Addr {
	if pl == nil {
		return netip.Addr{}
	}
	return pl.addr
}

// at returns the place of addr, taken off the idle list.
func (p *places) at(addr netip.Addr) *place {
	addr = clientip.Place(addr)
	pl := p.known[addr]
	if pl == nil {
		pl = &place{addr: addr}
		pl.holds.limit(&p.all, *p.cfg.get())
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
	if p.idle.Len() > p.cfg.get().MaxAddresses {
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
