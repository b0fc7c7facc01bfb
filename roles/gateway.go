package roles

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/config"
	counting "github.com/liberdus/liberdus/internal/tally"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles/client"
)

// A Gateway answers a node's paths over HTTP by asking the nodes of a network
// over WebRTC. Use [NewGateway], then [Gateway.Run], then [Gateway.Close].
//
//	wallet ── HTTP ──► door ──► internal/api ──► client ── data channels ──► nodes
type Gateway struct {
	// Fixed after NewGateway.
	log    *slog.Logger
	http   net.Listener
	certs  *certs.Files // nil: plain HTTP
	client *client.Client
	asker  *asker
	polls  *pollFeed
	api    *api.API
	gate   *gate
	doors  doors // of http

	strangers strangers
	limited   *limited // requests
	sessions  int      // to keep open

	live      atomic.Pointer[gatewayLive] // that holds now
	unreached atomic.Pointer[error]       // why no node can be reached; nil: one can

	ops      *opsPort            // nil: none
	refusals *telemetry.Refusals // nil: nobody looks
	process  Process             // set by Within
}

// Within tells the gateway of the process that it runs in. It comes before Run.
func (g *Gateway) Within(p Process) { g.process = p }

// errNotYet is what is known of the nodes before the first was asked.
var errNotYet = errors.New("no node has been reached yet")

// maxGatewayConns is how many connections a gateway lets be open at once; one
// address may have a quarter.
const maxGatewayConns = 2048

// NewGateway opens the port of a gateway to the network of cc, which it asks for
// nothing yet.
func NewGateway(cfg config.Gateway, cc client.Config, log *slog.Logger) (_ *Gateway, err error) {
	g := &Gateway{log: log.With("role", "gateway"), sessions: cc.Sessions}
	g.unreached.Store(new(errNotYet))
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if g.ops, err = openOps(cfg.Ops); err != nil {
		return nil, err
	}
	g.refusals = g.ops.last()
	g.limited, g.strangers = newLimited("requests", g.refusals), strangers{counting.Of([]string{"host", "origin"}), g.refusals}
	live, door, err := g.prepareLive(cfg)
	if err != nil {
		return nil, err
	}
	g.live.Store(live)
	g.gate = door
	g.gate.refusals = g.refusals
	if cfg.TLSCert != "" {
		if g.certs, err = certs.OpenFiles(cfg.TLSCert, cfg.TLSKey, g.log); err != nil {
			return nil, &UsageError{Err: err}
		}
	}
	cc.Log = g.log
	if g.client, err = client.New(cc); err != nil {
		return nil, err
	}
	l, err := listen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	g.http = g.doors.open("http", l, g.log)
	g.asker = newAsker(g.client, cfg.Requests)
	g.polls = newPollFeed(g.client, cfg.MaxPolls, g.log)
	g.api = api.NewGateway(g.asker, g.log)
	g.api.Polls(g.polls, cfg.MaxPolls)
	g.api.Callers(func(r *http.Request) netip.Addr { return g.live.Load().callers(r) })
	g.api.Limited(g.limited.note)
	return g, nil
}

// URL returns where the gateway is.
func (g *Gateway) URL() string {
	host, port := hostPort(g.http)
	o := origin{g.certs != nil, reachable(host), port}
	if o.secure {
		o.host = g.certs.Host(o.host)
	}
	return o.String()
}

// Run serves until ctx ends or a part fails; then nothing of the gateway is
// running but its sessions. A clean stop is nil. The function ready is called once
// there is a session with a node, or none could be had at first.
func (g *Gateway) Run(ctx context.Context, ready func()) error {
	parts := []part{
		serveHTTP("http", g.listener(), g.door(), g.gate, idleTimeProxy, g.log),
		{"polls", g.polls.run},
		{"nodes", func(ctx context.Context) error { return g.reach(ctx, ready) }},
		tally(g.counts, g.log),
	}
	if g.certs != nil {
		parts = append(parts, part{"certificate", g.certs.Run})
	}
	parts, err := g.ops.with(g.process.with(parts, g.log), g.process, g.log, g)
	if err != nil {
		return err
	}
	g.warn()
	return runParts(ctx, g.log, parts...)
}

// listener is what HTTP is served on.
func (g *Gateway) listener() net.Listener {
	if g.certs == nil {
		return g.api.Listener(g.http)
	}
	return certs.NewListener(g.http, g.certs.TLS(), "This port speaks TLS: use "+g.URL()+"\n")
}

// reach says "ready" once it is known whether a node can be reached, and keeps
// sessions open. Without a node the gateway stays: one may come.
func (g *Gateway) reach(ctx context.Context, ready func()) error {
	o := &outage{c: g.client, log: g.log, told: g.reached}
	switch err := g.client.Connect(ctx); {
	case ctx.Err() != nil:
		return nil
	case isUsage(err):
		return err
	case err != nil:
		o.begins(err)
	default:
		g.reached(nil)
	}
	g.client.Keep()
	g.log.Info("ready", append(g.ops.attrs(), "addr", g.http.Addr().String(), "url", g.URL())...)
	ready()
	o.run(ctx)
	return nil
}

// reached keeps why no node can be reached; nil: one can.
func (g *Gateway) reached(err error) {
	if err == nil {
		g.unreached.Store(nil)
		return
	}
	g.unreached.Store(&err)
}

func isUsage(err error) bool {
	_, ok := errors.AsType[*UsageError](err)
	return ok
}

// warn says what is open to others.
func (g *Gateway) warn() {
	host, _ := hostPort(g.http)
	if isLoopback(host) {
		return
	}
	addr := g.http.Addr().String()
	g.log.Warn("whoever reaches this address can use the gateway: it has no password, and nodes see its callers' reads and transactions come from this machine",
		"addr", addr, "remedy", "--listen 127.0.0.1:PORT, or a firewall")
	if g.certs == nil {
		g.log.Warn("what is asked and answered travels in the clear, and https pages cannot use it", "addr", addr, "remedy", "--tls-cert FILE --tls-key FILE")
	}
}

// counts are the connections and requests that were not served.
func (g *Gateway) counts() counts {
	c := counts{
		refused: g.strangers.counts.Load(),
		dropped: map[string]uint64{"connections": g.gate.evicted.Load()},
	}
	c.refused["connections"], c.refused["files"] = g.gate.refused.Load(), g.doors.refused()
	g.limited.into(c.refused)
	return c
}

// Close gives back what NewGateway opened, and ends the sessions.
func (g *Gateway) Close() {
	g.ops.close()
	if g.http != nil {
		g.http.Close()
	}
	if g.client != nil {
		g.client.Close()
	}
}
