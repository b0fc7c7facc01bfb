package roles

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// A gate limits the connections on which HTTP is spoken, or nothing yet: one
// that says nothing costs a goroutine and its buffers until its header is late.
// A WebSocket is no longer the gate's; the peer server counts those.
//
// A gate that is full does not shut newcomers out, or few addresses could keep
// all others away: who holds the most gives a connection up.
type gate struct {
	// Fixed.
	remedy   string // that whoever reads of refusals is told
	log      *slog.Logger
	name     string              // by which it is told from others in refusals
	refusals *telemetry.Refusals // nil: nobody looks

	mu sync.Mutex

	// Guarded by mu.
	total      int               // connections at once
	perAddress int               // of them, of one address; an IPv6 /64 is one address
	idle       int               // of those, between two requests
	spared     clientip.Networks // not counted
	proxies    clientip.Networks // limited in all, but not by address: they speak for many

	conns  map[net.Conn]*held    // guarded by mu
	places map[netip.Addr]*place // guarded by mu: those that hold any

	refused, evicted atomic.Uint64
	full             seldom
}

// A place is what one address holds. Guarded by the gate's mu.
type place struct {
	addr    netip.Addr
	proxy   bool
	conns   map[*held]struct{}
	waiting int // of conns: no request is in hand
	idle    int // of those: one was
}

// A held connection. Guarded by the gate's mu.
type held struct {
	conn  net.Conn
	place *place
	state http.ConnState // new, active or idle
	since time.Time      // that it is
}

// maxConns and maxNodeConns are how many connections a gate lets be open at
// once, maxIdle how many one address may keep for later.
const (
	maxConns     = 4096
	maxNodeConns = 1024
	maxIdle      = 64
)

func newGate(total, perAddress int, spared, proxies clientip.Networks, log *slog.Logger) *gate {
	return &gate{
		total: total, perAddress: perAddress, idle: min(maxIdle, perAddress), spared: spared, proxies: proxies, log: log,
		name: "connections", remedy: "name a proxy that speaks for many with --trusted-proxy, or raise --sockets-per-address",
		conns: make(map[net.Conn]*held), places: make(map[netip.Addr]*place),
	}
}

// watch is told what becomes of each connection. Those it closes are told
// nothing: an answer would cost what the gate is to save.
func (g *gate) watch(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		g.enter(c)
	case http.StateHijacked, http.StateClosed:
		g.leave(c)
	default:
		g.turn(c, state)
	}
}

// enter counts a connection, or closes it or another where that is one too many.
func (g *gate) enter(c net.Conn) {
	addr := remote(c)
	if spared, _ := g.networks(); spared.Contains(addr) {
		return
	}
	in, out := g.admit(c, addr)
	switch {
	case !in:
		g.refused.Add(1)
		g.refusals.NoteAddr(g.name, "connections", addr)
		cut(c)
	case out != nil:
		g.evicted.Add(1)
		g.refusals.NoteAddr(g.name, "gave way", remote(out))
		cut(out)
	default:
		return
	}
	if n, ok := g.full.due(time.Now()); ok {
		total, perAddress := g.limits()
		g.log.Warn("too many connections: some are refused, or closed for others", "times", n, "addr", addr, "most", total, "mostOfAnAddress", perAddress,
			"remedy", g.remedy)
	}
}

// networks are those that are spared, and those of proxies.
func (g *gate) networks() (spared, proxies clientip.Networks) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.spared, g.proxies
}

// limits are how many connections there may be, and of one address.
func (g *gate) limits() (total, perAddress int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total, g.perAddress
}

// become takes the limits of another gate, which nobody uses. Those who are in
// stay, and count as they came in.
func (g *gate) become(o *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total, g.perAddress, g.idle, g.spared, g.proxies = o.total, o.perAddress, o.idle, o.spared, o.proxies
}

// admit says whether c may stay, and which other must go for it.
func (g *gate) admit(c net.Conn, addr netip.Addr) (in bool, out net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.place(addr)
	if !p.proxy && len(p.conns) >= g.perAddress {
		return false, nil
	}
	if len(g.conns) >= g.total {
		victim := g.victim(len(p.conns))
		if victim == nil {
			g.tidy(p)
			return false, nil
		}
		g.drop(victim)
		out = victim.conn
	}
	g.places[p.addr] = p // which drop may have taken away
	h := &held{conn: c, place: p}
	g.conns[c] = h
	p.conns[h] = struct{}{}
	p.turn(h, http.StateNew)
	return true, out
}

// place returns where addr is counted.
func (g *gate) place(addr netip.Addr) *place {
	at := clientip.Place(addr)
	p := g.places[at]
	if p == nil {
		p = &place{addr: at, proxy: g.proxies.Contains(addr), conns: make(map[*held]struct{})}
		g.places[at] = p
	}
	return p
}

// victim chooses who goes for a newcomer whose address holds some connections:
// the one that waits longest, of the address with the most that wait. Where
// none waits it is the request in hand for longest, if its address holds more
// than the newcomer's would. Proxies come last.
func (g *gate) victim(newcomer int) *held {
	var waits, works *place
	for _, p := range g.places {
		if p.waiting > 0 && (waits == nil || p.before(waits, p.waiting-waits.waiting)) {
			waits = p
		}
		if works == nil || p.before(works, len(p.conns)-len(works.conns)) {
			works = p
		}
	}
	switch {
	case waits != nil:
		return waits.oldest(func(h *held) bool { return h.state != http.StateActive })
	case works != nil && len(works.conns) > newcomer+1:
		return works.oldest(func(*held) bool { return true })
	}
	return nil
}

// before reports whether p gives up a connection before q, with that many more.
func (p *place) before(q *place, more int) bool {
	if p.proxy != q.proxy {
		return q.proxy
	}
	return more > 0
}

func (p *place) oldest(of func(*held) bool) (found *held) {
	for h := range p.conns {
		if of(h) && (found == nil || h.since.Before(found.since)) {
			found = h
		}
	}
	return found
}

// turn notes that a request begins on a connection, or has ended. An address
// keeps only so many for later.
func (g *gate) turn(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	h := g.conns[c]
	if h == nil {
		g.mu.Unlock()
		return
	}
	p := h.place
	p.turn(h, state)
	var out net.Conn
	if !p.proxy && p.idle > g.idle {
		victim := p.oldest(func(h *held) bool { return h.state == http.StateIdle })
		g.drop(victim)
		out = victim.conn
	}
	g.mu.Unlock()
	if out != nil {
		g.evicted.Add(1)
		cut(out)
	}
}

// turn counts h, new or known, under another state.
func (p *place) turn(h *held, state http.ConnState) {
	p.count(h, -1)
	h.state, h.since = state, time.Now()
	p.count(h, 1)
}

func (p *place) count(h *held, n int) {
	if h.since.IsZero() { // is in no state yet
		return
	}
	if h.state != http.StateActive {
		p.waiting += n
	}
	if h.state == http.StateIdle {
		p.idle += n
	}
}

func (g *gate) leave(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.conns[c]; h != nil {
		g.drop(h)
	}
}

// drop forgets h, at once: what becomes of its connection is not waited for.
// It is called with mu held.
func (g *gate) drop(h *held) {
	delete(g.conns, h.conn)
	h.place.count(h, -1)
	delete(h.place.conns, h)
	g.tidy(h.place)
}

func (g *gate) tidy(p *place) {
	if len(p.conns) == 0 {
		delete(g.places, p.addr)
	}
}

// cut closes c without a goodbye, which would wait for a peer that reads nothing.
func cut(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	c.Close()
}

// remote is the address that c comes from; the zero Addr if it is no TCP.
func remote(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}
