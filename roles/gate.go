package roles

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A gate limits the connections on which HTTP is spoken, or nothing yet: one
// that says nothing costs a goroutine and its buffers until its header is late.
// A WebSocket is no longer the gate's; the peer server counts those.
type gate struct {
	perAddress int               // an IPv6 /64 is one address; fixed
	total      int               // fixed
	spared     clientip.Networks // not counted; fixed
	proxies    clientip.Networks // limited in all, but not by address: they speak for many; fixed

	mu   sync.Mutex
	open map[netip.Addr]int // guarded by mu
	all  int                // guarded by mu

	refused atomic.Uint64
}

// maxConns is how many connections the gate lets be open at once: less than the
// files that a process may usually have, with room for the WebSockets.
const maxConns = 4096

func newGate(perAddress int, spared, proxies clientip.Networks) *gate {
	return &gate{perAddress: perAddress, total: maxConns, spared: spared, proxies: proxies, open: make(map[netip.Addr]int)}
}

// watch is told what becomes of each connection; it closes those too many, who
// are then told no more: an answer would cost what the gate is to save.
func (g *gate) watch(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !g.enter(remote(c)) {
			g.refused.Add(1)
			c.Close()
		}
	case http.StateHijacked, http.StateClosed:
		g.leave(remote(c))
	}
}

// enter counts a connection, and is false if it is one too many. It counts in
// any case until it leaves.
func (g *gate) enter(addr netip.Addr) bool {
	if g.spared.Contains(addr) {
		return true
	}
	place := clientip.Place(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[place]++
	g.all++
	return g.all <= g.total && (g.open[place] <= g.perAddress || g.proxies.Contains(addr))
}

func (g *gate) leave(addr netip.Addr) {
	if g.spared.Contains(addr) {
		return
	}
	place := clientip.Place(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.open[place]--; g.open[place] == 0 {
		delete(g.open, place)
	}
}

func remote(c net.Conn) netip.Addr {
	ap, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return ap.Addr()
}
