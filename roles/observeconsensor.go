package roles

import (
	"errors"
	"strconv"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/shardus"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/rtc"
)

var _ operated = (*Consensor)(nil)

// view is what the operator's page shows.
func (n *Consensor) view() telemetry.View {
	v := telemetry.View{
		Role: n.name,
		Facts: []telemetry.Fact{
			{Name: "peer id", Value: n.PeerID()},
			{Name: "network", Value: n.networkID()},
			{Name: "HTTP", Value: n.Addr()},
			{Name: "UDP", Value: n.ports.UDPAddr()},
		},
		Budgets: n.budgets(), Shares: n.shares(), Checks: n.checks(),
	}
	if tcp := n.ports.TCPAddr(); tcp != "" {
		v.Facts = append(v.Facts, telemetry.Fact{Name: "TCP", Value: tcp})
	}
	for _, l := range n.links {
		state := "not joined"
		if l.joined.Load() {
			state = "joined"
		}
		v.Facts = append(v.Facts, telemetry.Fact{Name: "archiver " + l.server(), Value: state})
	}
	c := n.counts()
	v.Refused, v.Dropped = happened(c.refused), happened(c.dropped)
	return v
}

var errNotListed = errors.New("no archiver is joined")

// checks are what must be well for a node to be of use.
func (n *Consensor) checks() []telemetry.Check {
	listed, behind := errNotListed, error(nil)
	if joined, _ := n.joined(); joined > 0 {
		listed = nil
	}
	name := "disk"
	if n.node != nil {
		name, behind = "node", n.node.Healthy()
	} else {
		behind = n.ledger.Healthy()
	}
	return []telemetry.Check{check("listed", listed), check(name, behind)}
}

// joined is how many archivers the node is connected to, and how many it is not.
func (n *Consensor) joined() (joined, not int) {
	for _, l := range n.links {
		if l.joined.Load() {
			joined++
		} else {
			not++
		}
	}
	return joined, not
}

func (n *Consensor) budgets() []telemetry.Budget {
	s, most := n.peer.Stats(), n.peer.Limits()
	r, f := n.limits.Stats(), n.feed.Stats()
	open, total := n.gate.size()
	list := []telemetry.Budget{
		numberOf("sessions", s.Connections, most.MaxSessions),
		numberOf("handshakes_unchecked", s.Unchecked, most.MaxHandshakes),
		numberOf("handshakes_checked", s.Handshakes-s.Unchecked, most.MaxHandshakes),
		bytesOf("bytes_unread", s.Unread, int64(most.MaxUnread)),
		bytesOf("bytes_unsent", s.Unsent, int64(most.MaxUnsent)),
		bytesOf("bytes_of_requests", r.Held, r.MaxHeld),
		numberOf("subscriptions", f.Watchers, f.MaxWatchers),
		numberOf("watched_accounts", f.Accounts, f.MaxAccounts),
		numberOf("connections", open, total),
	}
	list = append(append(list, apiBudgets(n.api)...), n.doors.budgets()...)
	if n.node != nil {
		st := n.node.Stats()
		list = append(list, numberOf("requests_at_node", st.Busy, st.Most), numberOf("requests_waiting_for_node", st.Waiting, st.Queue))
	}
	if n.owned {
		list = append(list, ledgerBudget(n.ledger))
	}
	return list
}

// apiBudgets are those of an API's HTTP server, and of its transactions.
func apiBudgets(a *api.API) []telemetry.Budget {
	held, polls := a.PollStats()
	st := a.Stats()
	return []telemetry.Budget{numberOf("polls", held, polls), bytesOf("bytes_of_bodies", st.Bodies, st.MaxBodies), bytesOf("bytes_of_transactions", st.Injects, st.MaxInjects)}
}

// apiShares are those of an API's HTTP server.
func apiShares(a *api.API) []telemetry.Share {
	bodies, polls, ofBodies, ofPolls := a.Fullest()
	return []telemetry.Share{{Of: "bytes_of_bodies", Addresses: bodies, Fullest: ofBodies}, {Of: "polls", Addresses: polls, Fullest: ofPolls}}
}

// shares are what each address may have a part of.
func (n *Consensor) shares() []telemetry.Share {
	list := append(apiShares(n.api), shareOf("sessions", n.peer.Fullest), shareOf("subscriptions", n.feed.Fullest), shareOf("connections", n.gate.fullest))
	if n.node != nil {
		for _, way := range []shardus.Way{shardus.WayRead, shardus.WayInject} {
			list = append(list, shareOf("node_"+string(way), func() (int, float64) { return n.node.Fullest(way) }))
		}
	}
	return list
}

func (n *Consensor) groups() []telemetry.Group {
	groups := []telemetry.Group{
		n.linksGroup(), rtcGroup(n.peer), portsGroup(n.ports), rpcGroup(n.limits), apiGroup(n.api), n.feedGroup(), n.doors.group(), sharesGroup(n.shares), refusedGroup(n.counts), budgetGroup(n.budgets), checksGroup(n.checks),
	}
	if n.node != nil {
		groups = append(groups, nodeGroup(n.node))
	}
	if n.owned {
		groups = append(groups, ledgerGroup(n.ledger))
	}
	return groups
}

func nodeGroup(node *shardus.Node) telemetry.Group {
	st := node.Stats()
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("way", telemetry.Names(st.Took), one(telemetry.Histogram, "node_request_seconds", "How long requests were at the node behind this one, from when they had their turn.")),
			by("outcome", telemetry.Names(st.Ended), one(telemetry.Counter, "node_requests_total", "Requests to the node behind this one.")),
		},
		Read: func(s *telemetry.Samples) {
			st := node.Stats()
			telemetry.Counts(s, "node_requests_total", st.Ended)
			for way, took := range st.Took {
				s.Histogram("node_request_seconds", took, string(way))
			}
		},
	}
}

func (n *Consensor) linksGroup() telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{by("state", []string{"joined", "not_joined"}, one(telemetry.Gauge, "archivers", "Archivers that the node is to join."))},
		Read: func(s *telemetry.Samples) {
			joined, not := n.joined()
			s.Set("archivers", float64(joined), "joined")
			s.Set("archivers", float64(not), "not_joined")
		},
	}
}

func rtcGroup(peer *rtc.Peer) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("state", []string{"handshake", "open"}, one(telemetry.Gauge, "rtc_sessions", "WebRTC connections.")),
			one(telemetry.Gauge, "rtc_peer_connections", "Connections of the WebRTC library that are not wholly closed."),
			one(telemetry.Counter, "rtc_opened_total", "Sessions that were opened."),
			one(telemetry.Counter, "rtc_worn_total", "Sessions that were to be replaced for their age or their datagrams."),
			by("phase", telemetry.Names(peer.Stats().Phases), one(telemetry.Histogram, "rtc_phase_seconds", "How long connections took for a phase of the handshake that they passed.")),
			by("reason", telemetry.Names(peer.Stats().Ended), one(telemetry.Counter, "rtc_ended_total", "Connections that ended, in their handshake or after.")),
		},
		Read: func(s *telemetry.Samples) {
			st := peer.Stats()
			s.Set("rtc_sessions", float64(st.Handshakes), "handshake")
			s.Set("rtc_sessions", float64(st.Sessions), "open")
			s.Set("rtc_peer_connections", float64(st.PeerConnections))
			s.Set("rtc_opened_total", float64(st.Opened))
			s.Set("rtc_worn_total", float64(st.Worn))
			telemetry.Counts(s, "rtc_ended_total", st.Ended)
			for phase, took := range st.Phases {
				s.Histogram("rtc_phase_seconds", took, string(phase))
			}
		},
	}
}

func portsGroup(ports *rtc.Ports) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("reason", telemetry.Names(ports.Drops()), one(telemetry.Counter, "rtc_lost_total", "Packets, and TCP connections, that reached no session.")),
		},
		Read: func(s *telemetry.Samples) { telemetry.Counts(s, "rtc_lost_total", ports.Drops()) },
	}
}

func apiGroup(a *api.API) telemetry.Group {
	st := a.Stats()
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("class", telemetry.Names(st.Answered[api.DoorHTTP]), by("door", telemetry.Names(st.Answered), one(telemetry.Counter, "api_answers_total", "Answers, by the door and the first digit of their status."))),
			by("class", telemetry.Names(st.Answered[api.DoorHTTP]), by("route", a.Patterns(), one(telemetry.Counter, "api_requests_total", "Answers, by any door, of routes that were asked for."))),
			by("route", a.Patterns(), one(telemetry.Histogram, "api_request_seconds", "How long answers took, of routes that were asked for. Long polls wait for news.")),
		},
		Read: func(s *telemetry.Samples) {
			st := a.Stats()
			for door, classes := range st.Answered {
				for class, n := range classes {
					s.Set("api_answers_total", float64(n), string(door), string(class))
				}
			}
			for route, classes := range st.ByRoute {
				for class, n := range classes {
					s.Set("api_requests_total", float64(n), route, string(class))
				}
			}
			for route, took := range st.Took {
				s.Histogram("api_request_seconds", took, route)
			}
		},
	}
}

func rpcGroup(limits *rpc.Limits) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			one(telemetry.Counter, "rpc_messages_total", "Messages of sessions, of any kind."),
			one(telemetry.Counter, "rpc_delayed_total", "Requests that were delayed to keep a pace."),
			by("reason", []string{"bytes", "malformed", "rate", "too_large", "total_rate"}, one(telemetry.Counter, "rpc_refused_total", "Messages of sessions that were answered with a fault.")),
		},
		Read: func(s *telemetry.Samples) {
			st := limits.Stats()
			s.Set("rpc_messages_total", float64(st.Requests))
			s.Set("rpc_delayed_total", float64(st.Delayed))
			s.Set("rpc_refused_total", float64(st.RefusedRate), "rate")
			s.Set("rpc_refused_total", float64(st.RefusedTotal), "total_rate")
			s.Set("rpc_refused_total", float64(st.RefusedBytes), "bytes")
			s.Set("rpc_refused_total", float64(st.TooLarge), "too_large")
			s.Set("rpc_refused_total", float64(st.Malformed), "malformed")
		},
	}
}

func (n *Consensor) feedGroup() telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{one(telemetry.Gauge, "feed_due", "Watched accounts that wait to be looked at.")},
		Read:    func(s *telemetry.Samples) { s.Set("feed_due", float64(n.feed.Stats().Due)) },
	}
}

func ledgerBudget(l *ledger.Ledger) telemetry.Budget {
	st := l.Stats()
	return numberOf("transactions_in_hand", st.InHand, st.MaxInHand)
}

func ledgerGroup(l *ledger.Ledger) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("outcome", telemetry.Names(l.Stats().Transactions), one(telemetry.Counter, "ledger_transactions_total", "Transactions that were offered.")),
			one(telemetry.Histogram, "ledger_batch_size", "Transactions that were decided together."),
			one(telemetry.Histogram, "ledger_sync_seconds", "How long the disk took to have what a batch changed."),
		},
		Read: func(s *telemetry.Samples) {
			st := l.Stats()
			telemetry.Counts(s, "ledger_transactions_total", st.Transactions)
			s.Histogram("ledger_batch_size", st.Batch)
			s.Histogram("ledger_sync_seconds", st.Sync)
		},
	}
}

// consensorName is what the i-th consensor of a process is called.
func consensorName(i int) string { return "consensor" + strconv.Itoa(i) }
