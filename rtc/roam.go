package rtc

import (
	"net/netip"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/stun"
)

// A roamer moves an accepted session to another address of its peer, when a NAT
// has forgotten the old one or the peer's phone has changed networks. Pion asks
// it about every STUN request that has shown the session's password, from within
// the agent, whose only goroutine it is called by.
type roamer struct {
	quiet time.Duration // of the address in use, before another takes its place

	home *ice.CandidatePair // in use, as far as requests have shown
}

// consider says whether to send to the request's address from now on.
func (r *roamer) consider(m *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
	switch {
	case pair == nil:
		return false
	case m.Contains(stun.AttrUseCandidate): // the peer chose, and pion follows
		r.home = pair
		return false
	case r.home == nil, r.home == pair, time.Since(r.home.Remote.LastReceived()) < r.quiet:
		return false
	}
	r.home = pair
	return true
}

// stranded returns an error when the address from which the session was dialled
// is no longer one of this machine: nothing can come through any more, and to
// wait until that shows would only keep the caller waiting.
func (c *conn) stranded() error {
	if !c.local.IsValid() || c.p.interfaces.has(c.local) {
		return nil
	}
	return errStranded
}

// localAddr returns the address of this machine that ICE uses now.
func (c *conn) localAddr() netip.Addr {
	pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(pair.Local.Address)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}
