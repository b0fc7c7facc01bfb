package roles

import (
	"github.com/liberdus/liberdus/internal/rpc"
	counting "github.com/liberdus/liberdus/internal/tally"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// shareOf makes a share of what tells how full the fullest is.
func shareOf(of string, fullest func() (addresses int, part float64)) telemetry.Share {
	n, part := fullest()
	return telemetry.Share{Of: of, Addresses: n, Fullest: part}
}

// sharesGroup tells of what each address may have a part: of how many addresses
// anything is known, and how full the fullest part is. Whose it is it does not tell.
func sharesGroup(read func() []telemetry.Share) telemetry.Group {
	var of []string
	for _, s := range read() {
		of = append(of, s.Of)
	}
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("of", of, one(telemetry.Gauge, "share_addresses", "Addresses that have something of what each may have a part.")),
			by("of", of, one(telemetry.Gauge, "share_fullest_ratio", "Which part of what one address may have the one has that has the most.")),
		},
		Read: func(s *telemetry.Samples) {
			for _, share := range read() {
				s.Set("share_addresses", float64(share.Addresses), share.Of)
				s.Set("share_fullest_ratio", share.Fullest, share.Of)
			}
		},
	}
}

// fullest is how many addresses have connections, and which part of what one may
// have the one has that has the most. Proxies have no such part.
func (g *gate) fullest() (addresses int, part float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	most := 0
	for _, p := range g.places {
		if !p.proxy {
			most = max(most, len(p.conns))
		}
	}
	return len(g.places), float64(most) / float64(g.perAddress)
}

// A limited counts requests that limits have refused, and notes the last of them.
type limited struct {
	counts   counting.Counts[rpc.Limit] // fixed
	part     string                     // that refused them; fixed
	refusals *telemetry.Refusals        // nil: nobody looks
}

func newLimited(part string, refusals *telemetry.Refusals) *limited {
	return &limited{counting.Of(rpc.AllLimits()), part, refusals}
}

// note takes note of a request of whoever that is.
func (l *limited) note(who string, by rpc.Limit) {
	l.counts[by].Add(1)
	l.refusals.Note(l.part, string(by), who)
}

// into adds the counts to those of a role, under the names of the limits.
func (l *limited) into(refused map[string]uint64) {
	for by, n := range l.counts.Load() {
		refused[string(by)] = n
	}
}
