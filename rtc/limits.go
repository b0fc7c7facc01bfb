package rtc

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/pion/webrtc/v3"
	"golang.org/x/time/rate"
)

// errAddress ends a connection whose address has as many as it may.
var errAddress = errors.New("too many connections of this address")

// A declined is why an offer is not answered.
type declined struct {
	why  Decline
	text string
}

func (d *declined) Error() string { return d.text }

func decline(why Decline, format string, args ...any) error {
	return &declined{why, fmt.Sprintf(format, args...)}
}

// maxBuckets is how many peer ids are remembered for their offers.
const maxBuckets = 8192

// A gate lets each peer id make some offers at once and others at a steady
// pace. It has no lock of its own.
type gate struct {
	perSecond rate.Limit
	burst     int
	buckets   map[connPeer]*rate.Limiter
	next      int           // buckets at which to look for those that can be forgotten
	most      int           // buckets there have been in the table
	overflow  *rate.Limiter // shared by the ids for which there is no room
}

// connPeer is who makes an offer.
type connPeer struct{ server, peer string }

func newGate(perSecond float64, burst int) *gate {
	return &gate{
		perSecond: rate.Limit(perSecond), burst: burst,
		buckets:  make(map[connPeer]*rate.Limiter),
		overflow: rate.NewLimiter(rate.Limit(perSecond), burst),
	}
}

// pass says whether who may make an offer now.
func (g *gate) pass(who connPeer, now time.Time) bool {
	b := g.buckets[who]
	if b == nil {
		if len(g.buckets) >= g.next {
			g.sweep(now)
			g.next = min(maxBuckets, max(64, 2*len(g.buckets)))
		}
		if len(g.buckets) >= maxBuckets {
			return g.overflow.AllowN(now, 1)
		}
		b = rate.NewLimiter(g.perSecond, g.burst)
		g.buckets[who] = b
	}
	return b.AllowN(now, 1)
}

// sweep forgets the ids that have been quiet long enough to make no difference.
func (g *gate) sweep(now time.Time) {
	g.most = max(g.most, len(g.buckets))
	defer func() { g.buckets = shrunk(g.buckets, &g.most) }()
	for who, b := range g.buckets {
		if b.TokensAt(now) >= float64(g.burst) {
			delete(g.buckets, who)
		}
	}
}

// shrunk returns m, or what is left of it in a table of its own where most, what
// there has been in it, is far more: maps never get smaller, and one flood would
// be paid for ever after.
func shrunk[K comparable, V any](m map[K]V, most *int) map[K]V {
	if *most < 64 || len(m) >= *most/4 {
		return m
	}
	small := make(map[K]V, len(m))
	maps.Copy(small, m)
	*most = len(m)
	return small
}

// count counts c under the address that ICE has found, which is proven, unlike
// those that a description names. An address may not have more connections
// than the limit, handshakes included.
func (p *Peer) count(c *conn, addr netip.Addr) error {
	group := network(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.group.IsValid() || p.exempt(addr) {
		return nil
	}
	if n := p.perAddress[group]; n >= p.cfg.MaxSessionsPerAddress {
		return fmt.Errorf("%w: %d from %s", errAddress, n, group)
	}
	c.group = group
	p.perAddress[group]++
	return nil
}

// uncount undoes count. The caller holds mu.
func (p *Peer) uncount(c *conn) {
	if !c.group.IsValid() {
		return
	}
	if p.perAddress[c.group]--; p.perAddress[c.group] == 0 {
		delete(p.perAddress, c.group)
	}
	c.group = netip.Prefix{}
}

// thisMachine stands for every address of a peer on this very machine.
var thisMachine = netip.MustParseAddr("127.0.0.1")

// limitAddr returns the address under which the limits count the peer. A peer
// that uses our own address, or comes in over loopback, is on this machine.
func limitAddr(pair *webrtc.ICECandidatePair) netip.Addr {
	if pair == nil {
		return netip.Addr{}
	}
	local, err := netip.ParseAddr(pair.Local.Address)
	if err == nil && (local.IsLoopback() || pair.Local.Address == pair.Remote.Address) {
		return thisMachine
	}
	remote, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil {
		return netip.Addr{}
	}
	return remote
}

// exempt says whether limits by address spare addr. The caller holds mu.
func (p *Peer) exempt(addr netip.Addr) bool {
	for _, prefix := range p.cfg.LimitExempt {
		if prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// network returns what one user has of addresses: an IPv4 address, or a /64.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // the bits are never too many
	return prefix
}
