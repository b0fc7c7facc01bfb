package roles

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/signaling"
)

// SetStartTime shortens how long n tries to reach its first archiver.
func SetStartTime(n *Consensor, d time.Duration) { n.startTime = d }

// NextLead is nextLead.
var NextLead = nextLead

// Tokens returns a maker of one link's tokens: given how far the archiver's
// clock is ahead, it returns how far ahead of that clock the token expires.
func Tokens(key *signing.NodeKey) func(skew time.Duration) time.Duration {
	l := &link{key: key}
	return func(skew time.Duration) time.Duration {
		token := l.token(nodelist.Signalling{Info: nodelist.Info{Skew: skew}})
		unix, err := strconv.ParseInt(strings.Split(token, ".")[1], 10, 64)
		if err != nil {
			panic(err)
		}
		return time.Until(time.Unix(unix, 0).Add(-skew))
	}
}

// NetworkID returns the id of d's network.
func NetworkID(d *Devnet) string { return d.ledger.NetworkID() }

// Waits returns what one link waits between attempts that fail so, one after the other.
func Waits(err error) func() time.Duration {
	l := new(link)
	return func() time.Duration { return l.wait(err) }
}

// A Gate is a gate of connections that a test makes.
type Gate struct{ g *gate }

// NewGate returns a gate with networks that are spared and that are proxies.
func NewGate(total, perAddress int, spared, proxies string, log *slog.Logger) Gate {
	nets := func(text string) clientip.Networks {
		n, err := clientip.Parse([]string{text})
		if err != nil {
			panic(err)
		}
		return n
	}
	return Gate{newGate(total, perAddress, nets(spared), nets(proxies), log)}
}

// Watch is watch.
func (g Gate) Watch(c net.Conn, state http.ConnState) { g.g.watch(c, state) }

// Left returns what is still counted: connections, and their addresses.
func (g Gate) Left() (conns, addresses int) { return len(g.g.conns), len(g.g.places) }

// MaxIdle is maxIdle.
const MaxIdle = maxIdle

// Front returns what tells whom a request comes from.
func Front(trusted []string, log *slog.Logger) (func(*http.Request) netip.Addr, error) {
	proxies, err := clientip.Parse(trusted)
	return (&front{proxies: proxies, log: log}).addrOf, err
}

// Tally runs a tally of counts that the caller changes while it waits.
func Tally(ctx context.Context, refused, dropped map[string]uint64, log *slog.Logger) error {
	return tally(func() counts { return counts{maps.Clone(refused), maps.Clone(dropped)} }, log).run(ctx)
}

// Declined returns what n has declined, and what it ended, so far.
func Declined(n *Consensor) (declined, ended map[string]uint64) {
	c := n.counts()
	return c.refused, c.dropped
}

// Refused returns what a has refused so far.
func Refused(a *Archiver) map[string]uint64 { return a.counts().refused }

// Dropped returns what a has dropped so far.
func Dropped(a *Archiver) map[string]uint64 { return a.counts().dropped }

// Narrow lets fewer connections be open at a's public listeners.
func Narrow(a *Archiver, total int) {
	a.gate.mu.Lock()
	defer a.gate.mu.Unlock()
	a.gate.total = total
}

// Idle returns how many connections of an address a keeps for later.
func Idle(a *Archiver, addr string) int {
	a.gate.mu.Lock()
	defer a.gate.mu.Unlock()
	if p := a.gate.places[clientip.Place(netip.MustParseAddr(addr))]; p != nil {
		return p.idle
	}
	return 0
}

// NarrowNode lets fewer connections of one address be open at n's HTTP server.
func NarrowNode(n *Consensor, perAddress int) {
	n.gate.mu.Lock()
	defer n.gate.mu.Unlock()
	n.gate.perAddress, n.gate.idle = perAddress, perAddress
}

// PeerServer returns the peer server of a.
func PeerServer(a *Archiver) *signaling.Server { return a.peers }

// Socket returns what d's peer server knows of the socket that holds id.
func Socket(d *Devnet, id string) (signaling.Peer, bool) { return d.Archiver.peers.Peer(id) }

// PeerConfig is peerConfig.
var PeerConfig = peerConfig

// NodeAddr returns the address of a's listener for nodes.
func NodeAddr(a *Archiver) string { return a.nodes.Addr().String() }

// Online is closed when n has joined its first archiver.
func Online(n *Consensor) <-chan struct{} { return n.online }

// NewDoorway is newDoorway.
func NewDoorway(l net.Listener, log *slog.Logger) net.Listener { return newDoorway(l, log) }

// FitFiles returns what an archiver that may open so many files lets be open,
// where so many ids are wanted: sockets with an id and without, connections to
// the public listeners, and to that for nodes.
func FitFiles(files, ids int, log *slog.Logger) (most [4]int, err error) {
	p := signaling.DefaultConfig()
	p.ConcurrentLimit = ids
	public, nodes, err := gatesOf(config.Default().Archiver, log)
	if err == nil {
		err = fitFiles(files, &p, public, nodes, log)
	}
	return [4]int{p.ConcurrentLimit, p.MaxPending, public.total, nodes.total}, err
}

// FitNode returns what a consensor that may open so many files lets be open: HTTP
// connections, and those of data channels over TCP, of which so many are wanted.
func FitNode(files, tcp int, log *slog.Logger) (http, overTCP int, err error) {
	g, err := newNodeGate(config.Default().Consensor, log)
	if err == nil {
		err = fitNode(files, g, &tcp, log)
	}
	return g.total, tcp, err
}

// Polled returns how many polls g holds, and of how many accounts it is told.
func Polled(g *Gateway) (watchers, accounts int) {
	g.polls.mu.Lock()
	defer g.polls.mu.Unlock()
	for _, t := range g.polls.topics {
		watchers += len(t.watchers)
	}
	return watchers, len(g.polls.topics)
}

// Asking returns how many requests g asks nodes for.
func Asking(g *Gateway) int { return len(g.asker.room.Load().all) }

// InHand returns how many connections of g have a request in hand.
func InHand(g *Gateway) (n int) {
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	for _, h := range g.gate.conns {
		if h.state == http.StateActive {
			n++
		}
	}
	return n
}

// OpsURL returns where the operator's port of d, a or n is.
func OpsURL(role any) string {
	var o *opsPort
	switch r := role.(type) {
	case *Devnet:
		o = r.ops
	case *Archiver:
		o = r.ops
	case *Consensor:
		o = r.ops
	case *Gateway:
		o = r.ops
	}
	return "http://" + o.listener.Addr().String()
}

// CloseSessions closes n's sessions for good, as n itself does when it stops.
func CloseSessions(n *Consensor) { n.peer.Close() }

// Metrics returns what all roles tell on their operator's ports: those of a devnet, a
// gateway, a node beside another, and an archiver with TLS, which need not run.
func Metrics(d *Devnet, g *Gateway, beside *Consensor, secure *Archiver) ([]telemetry.Metric, error) {
	r := telemetry.NewRegistry(Version)
	err := r.Add("", logGroup(noLog{}))
	for _, role := range append(d.operated(), g, beside) {
		name := role.view().Role
		for _, group := range role.groups() {
			err = errors.Join(err, r.Add(name, group))
		}
	}
	for _, group := range secure.groups() {
		err = errors.Join(err, r.Add("an archiver with TLS", group)) // d has one, too
	}
	return r.Metrics(), err
}

// ArchiverChanges, ConsensorChanges and GatewayChanges are the keys that can change while they run.
var ArchiverChanges, ConsensorChanges, GatewayChanges = archiverChanges, consensorChanges, gatewayChanges

// Settings returns those of a that hold.
func Settings(a *Archiver) config.Archiver { return a.live }

// SettingsOfNode returns those of n that hold.
func SettingsOfNode(n *Consensor) config.Consensor { return *n.live.Load() }

// SettingsOfGateway returns those of g that hold.
func SettingsOfGateway(g *Gateway) config.Gateway { return g.live.Load().cfg }

// APIOf returns the API of n or g.
func APIOf(role any) *api.API {
	if n, ok := role.(*Consensor); ok {
		return n.api
	}
	return role.(*Gateway).api
}

// SessionLimits are how many sessions of a peer, and handshakes, n lets be.
func SessionLimits(n *Consensor) (perPeer, handshakes int) {
	most := n.peer.Limits()
	return most.MaxSessionsPerPeer, most.MaxHandshakes
}

// A lastTold keeps the time of the chat that it was told of last.
type lastTold struct{ chat int64 }

func (l *lastTold) Changed(e rpc.Event) { l.chat = e.ChatTimestamp }
func (l *lastTold) Ended(string)        {}

// PollsTold tells polls of an account what nodes tell a gateway, and returns what
// one that comes now is told, and what one was told last that has waited.
func PollsTold(clock func() time.Time) (tell func(client.Event), newest func() (comes, waits int64)) {
	f := newPollFeed(nil, 1, slog.New(slog.DiscardHandler))
	f.now = clock
	t := &polled{account: "a", watchers: make(map[*pollWatch]struct{})}
	f.topics["a"] = t
	comes, waits := &lastTold{}, &lastTold{}
	f.admit(t, &pollWatch{waits})
	return func(e client.Event) { f.changed(t, e) }, func() (int64, int64) {
		f.admit(t, &pollWatch{comes})
		return comes.chat, waits.chat
	}
}

// GateOf is of how many addresses g has connections, and which part of what one may have the one
// has that has the most: those that are limited in all alone have none.
func GateOf(g *Gateway) (addresses int, part float64) { return g.gate.fullest() }
