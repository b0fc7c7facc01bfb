package roles

import (
	"fmt"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/signaling"
)

var _ operated = (*Archiver)(nil)

const (
	listStale  = 90 * time.Second // how old a signed list may be: it is signed anew every 30 s
	listBehind = 10 * time.Second // for how long changes may be kept back: a disk is slow at times
)

// view is what the operator's page shows.
func (a *Archiver) view() telemetry.View {
	var addrs []string
	for _, l := range a.public {
		addrs = append(addrs, l.Addr().String())
	}
	v := telemetry.View{
		Role: "archiver",
		Facts: []telemetry.Fact{
			{Name: "url", Value: a.told().String()},
			{Name: "public listeners", Value: strings.Join(addrs, " ")},
			{Name: "public key", Value: a.key.Public()},
			{Name: "network", Value: a.list.NetworkID()},
		},
		Budgets: a.budgets(), Shares: a.shares(), Checks: a.checks(),
	}
	if a.nodes != nil {
		v.Facts = append(v.Facts, telemetry.Fact{Name: "listener for nodes", Value: a.nodes.Addr().String()})
	}
	v.Facts = append(v.Facts, certificateFacts(a.terms())...)
	c := a.counts()
	v.Refused, v.Dropped = happened(c.refused), happened(c.dropped)
	return v
}

// checks are what must be well for an archiver to be of use.
func (a *Archiver) checks() []telemetry.Check {
	var bad error
	switch s := a.list.Stats(); {
	case s.Age > listStale:
		bad = fmt.Errorf("the list was signed %v ago, which clients refuse: see the log", s.Age.Round(time.Second))
	case s.Behind > listBehind:
		bad = fmt.Errorf("changes of the list could not be kept on disk for %v, and are not published: see the log", s.Behind.Round(time.Second))
	}
	return append([]telemetry.Check{check("list", bad)}, certificateChecks(a.terms())...)
}

// terms is what the public listeners show.
func (a *Archiver) terms() terms {
	if a.certs == nil {
		return nil
	}
	return a.certs
}

func (a *Archiver) budgets() []telemetry.Budget {
	p, l := a.peers.Stats(), a.list.Stats()
	most := a.peers.Limits()
	open, total := a.gate.size()
	openNodes, totalNodes := a.inner.size()
	return append([]telemetry.Budget{
		numberOf("peers", p.Peers, most.ConcurrentLimit),
		numberOf("sockets_without_id", p.Pending, most.MaxPending),
		numberOf("connections", open, total),
		numberOf("connections_of_nodes", openNodes, totalNodes),
		numberOf("listed_nodes", l.Active+l.Syncing, l.Total),
		numberOf("absent_peers", p.Queues, most.MaxQueues),
		bytesOf("bytes_for_absent_peers", int64(p.QueuedBytes), int64(most.QueueTotalBytes)),
		bytesOf("bytes_to_write", p.OutboundBytes, int64(most.OutboundTotal)),
		bytesOf("bytes_being_read", p.InboundBytes, int64(most.InboundTotal)),
		numberOf("tokens", p.UsedTokens, most.MaxUsedTokens),
		numberOf("ids_held", p.Held, 2*most.MaxHeld),
	}, a.doors.budgets()...)
}

// shares are what each address may have a part of.
func (a *Archiver) shares() []telemetry.Share {
	return []telemetry.Share{
		shareOf("sockets", a.peers.Fullest), shareOf("connections", a.gate.fullest), shareOf("connections_of_nodes", a.inner.fullest),
		shareOf("listed_nodes", a.list.Fullest),
	}
}

func (a *Archiver) groups() []telemetry.Group {
	return []telemetry.Group{signalingGroup(a.peers), a.listGroup(), certificateGroup(a.terms()), a.doors.group(), sharesGroup(a.shares), refusedGroup(a.counts), budgetGroup(a.budgets), checksGroup(a.checks)}
}

func signalingGroup(peers *signaling.Server) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			one(telemetry.Gauge, "signaling_sockets", "Open WebSockets of the PeerJS server, with an id or without."),
			one(telemetry.Gauge, "signaling_addresses", "Addresses of which something is remembered."),
			one(telemetry.Counter, "signaling_connected_total", "Peers that got their id, reconnects included."),
			one(telemetry.Counter, "signaling_relayed_total", "Messages handed to the destination's socket."),
			one(telemetry.Counter, "signaling_delayed_total", "Times that a sender had to wait for room in that socket's outbox."),
			one(telemetry.Counter, "signaling_paced_total", "Times that a sender had to wait because it says too much."),
			one(telemetry.Counter, "signaling_queued_total", "Messages that had to wait for an absent destination."),
			one(telemetry.Counter, "signaling_expired_total", "EXPIREs sent."),
			by("reason", telemetry.Names(peers.Stats().Ended), one(telemetry.Counter, "signaling_ended_total", "Peers that lost their id.")),
		},
		Read: func(s *telemetry.Samples) {
			st := peers.Stats()
			s.Set("signaling_sockets", float64(st.Sockets))
			s.Set("signaling_addresses", float64(st.Addresses))
			s.Set("signaling_connected_total", float64(st.Connected))
			s.Set("signaling_relayed_total", float64(st.Relayed))
			s.Set("signaling_delayed_total", float64(st.Delayed))
			s.Set("signaling_paced_total", float64(st.Paced))
			s.Set("signaling_queued_total", float64(st.Queued))
			s.Set("signaling_expired_total", float64(st.Expired))
			telemetry.Counts(s, "signaling_ended_total", st.Ended)
		},
	}
}

func (a *Archiver) listGroup() telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("state", []string{"active", "syncing"}, one(telemetry.Gauge, "nodelist_nodes", "Nodes on the list.")),
			one(telemetry.Gauge, "nodelist_epoch", "The list's epoch: it grows with every change."),
			one(telemetry.Gauge, "nodelist_age_seconds", "How long ago the list was signed."),
			one(telemetry.Gauge, "nodelist_behind_seconds", "For how long changes of the list could not be kept on disk, and so were not published."),
			one(telemetry.Gauge, "nodelist_borrowed_age_seconds", "How long ago the list of nodes_from was had. Only with that."),
			one(telemetry.Counter, "nodelist_joins_total", "Nodes that joined or joined again."),
			by("reason", telemetry.Names(a.list.Stats().Refused), one(telemetry.Counter, "nodelist_joins_refused_total", "Joins that were refused.")),
		},
		Read: func(s *telemetry.Samples) {
			st := a.list.Stats()
			s.Set("nodelist_nodes", float64(st.Active), "active")
			s.Set("nodelist_nodes", float64(st.Syncing), "syncing")
			s.Set("nodelist_epoch", float64(st.Epoch))
			s.Set("nodelist_age_seconds", st.Age.Seconds())
			s.Set("nodelist_behind_seconds", st.Behind.Seconds())
			if st.Borrowed {
				s.Set("nodelist_borrowed_age_seconds", st.BorrowedAge.Seconds())
			}
			s.Set("nodelist_joins_total", float64(st.Joined))
			telemetry.Counts(s, "nodelist_joins_refused_total", st.Refused)
		},
	}
}
