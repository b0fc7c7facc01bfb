package roles

import (
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/telemetry"
)

var _ operated = (*Gateway)(nil)

// view is what the operator's page shows.
func (g *Gateway) view() telemetry.View {
	v := telemetry.View{
		Role:    "gateway",
		Facts:   []telemetry.Fact{{Name: "url", Value: g.URL()}},
		Budgets: g.budgets(), Shares: g.shares(), Checks: g.checks(),
	}
	peers := g.client.Peers()
	v.Facts = append(v.Facts, telemetry.Fact{Name: "sessions", Value: fmt.Sprintf("%d; %d are to be open", len(peers), g.sessions)})
	for _, s := range peers {
		text := fmt.Sprintf("%v a request, %d in hand, %.0f %% failed of late", s.Trip.Round(100*time.Microsecond), s.InHand, 100*s.Errors)
		if s.Silent {
			text += "; it says nothing"
		}
		v.Facts = append(v.Facts, telemetry.Fact{Name: "session with " + s.Peer, Value: text})
	}
	v.Facts = append(v.Facts, certificateFacts(g.terms())...)
	c := g.counts()
	v.Refused, v.Dropped = happened(c.refused), happened(c.dropped)
	return v
}

// checks are what must be well for a gateway to be of use.
func (g *Gateway) checks() []telemetry.Check {
	var err error
	if why := g.unreached.Load(); why != nil {
		err = *why
	}
	return append([]telemetry.Check{check("nodes", err)}, certificateChecks(g.terms())...)
}

// terms is what callers are shown.
func (g *Gateway) terms() terms {
	if g.certs == nil {
		return nil
	}
	return g.certs
}

func (g *Gateway) budgets() []telemetry.Budget {
	room := g.asker.room.Load()
	watched, accounts := g.polls.accounts()
	open, total := g.gate.size()
	list := []telemetry.Budget{
		numberOf("requests_in_hand", len(room.all), cap(room.all)), numberOf("polled_accounts", watched, accounts), numberOf("connections", open, total),
	}
	return append(append(list, apiBudgets(g.api)...), g.doors.budgets()...)
}

// shares are what each address may have a part of.
func (g *Gateway) shares() []telemetry.Share {
	return append(apiShares(g.api),
		shareOf("requests_in_hand", g.asker.room.Load().shares.Fullest), shareOf("watching_polls", g.polls.shares.Load().Fullest), shareOf("connections", g.gate.fullest))
}

func (g *Gateway) groups() []telemetry.Group {
	return []telemetry.Group{
		g.nodesGroup(), certificateGroup(g.terms()), apiGroup(g.api), g.doors.group(), sharesGroup(g.shares), refusedGroup(g.counts), budgetGroup(g.budgets), checksGroup(g.checks),
	}
}

// nodesGroup tells how the gateway does with the nodes.
func (g *Gateway) nodesGroup() telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("state", []string{"silent", "well"}, one(telemetry.Gauge, "gateway_sessions", "Sessions with nodes.")),
			one(telemetry.Gauge, "gateway_waiting", "Requests that wait for the replies of nodes."),
			by("outcome", telemetry.Names(g.asker.counts), one(telemetry.Counter, "gateway_asked_total", "Requests over HTTP for which nodes were to be asked.")),
			one(telemetry.Counter, "gateway_sent_total", "Requests that were given to a session, of which one over HTTP may take several."),
			by("reason", []string{"failed", "silent", "slow"}, one(telemetry.Counter, "gateway_hedged_total", "Times that one was given to another session, too, or again.")),
			one(telemetry.Counter, "gateway_opened_total", "Sessions with nodes that were opened."),
			by("reason", []string{"lost", "silent", "worn"}, one(telemetry.Counter, "gateway_ended_total", "Sessions with nodes that ended, or are being replaced.")),
		},
		Read: func(s *telemetry.Samples) {
			silent, well, waiting := 0, 0, 0
			for _, p := range g.client.Peers() {
				waiting += p.InHand
				if p.Silent {
					silent++
				} else {
					well++
				}
			}
			s.Set("gateway_sessions", float64(silent), "silent")
			s.Set("gateway_sessions", float64(well), "well")
			s.Set("gateway_waiting", float64(waiting))
			telemetry.Counts(s, "gateway_asked_total", g.asker.counts.Load())
			st := g.client.Stats()
			s.Set("gateway_sent_total", float64(st.Requests))
			s.Set("gateway_hedged_total", float64(st.Again), "failed")
			s.Set("gateway_hedged_total", float64(st.Silent), "silent")
			s.Set("gateway_hedged_total", float64(st.Slow), "slow")
			s.Set("gateway_opened_total", float64(st.Opened))
			s.Set("gateway_ended_total", float64(st.Lost), "lost")
			s.Set("gateway_ended_total", float64(st.GivenUp), "silent")
			s.Set("gateway_ended_total", float64(st.Worn), "worn")
		},
	}
}
