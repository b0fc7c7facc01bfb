package roles

import (
	"fmt"
	"slices"

	"github.com/liberdus/liberdus/internal/config"
)

// A gatewayLive is what of a gateway's settings holds until others do. It does not
// change.
type gatewayLive struct {
	cfg     config.Gateway
	origins []string // whose pages may use it; none: any
	callers callerOf
}

// live makes of settings what they say of those who come.
func (g *Gateway) prepareLive(cfg config.Gateway) (*gatewayLive, *gate, error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nil, nil, &UsageError{Err: fmt.Errorf("--limit-exempt: %w", err)}
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, nil, &UsageError{Err: fmt.Errorf("--trusted-proxy: %w", err)}
	}
	// Those who are exempt count in all, though not by their addresses: a browser's
	// pages all come from loopback.
	door := newGate(maxGatewayConns, maxGatewayConns/4, nil, slices.Concat(exempt, proxies), g.log.With("part", "gate"))
	door.remedy = "name a proxy that speaks for many with --trusted-proxy"
	return &gatewayLive{cfg, cfg.AllowedOrigins(), placesOf(exempt, proxies, g.log)}, door, nil
}

// Reload makes other settings hold, without dropping a connection or a poll, and
// returns the keys that differ: all of them, or, with an error that says why, none.
// The files of a certificate are read again in any case. One goroutine calls it.
func (g *Gateway) Reload(cfg config.Gateway) ([]string, error) {
	was := g.live.Load().cfg
	keys, err := changes(was, cfg, gatewayChanges)
	if err != nil {
		return nil, err
	}
	live, door, err := g.prepareLive(cfg)
	if err != nil {
		return nil, err
	}
	certificate, err := certificateOf(g.certs, cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return nil, err
	}
	certificate()
	g.gate.become(door)
	if cfg.Requests != was.Requests {
		g.asker.room.Store(newAskRoom(cfg.Requests))
	}
	if cfg.MaxPolls != was.MaxPolls {
		g.polls.hold(cfg.MaxPolls)
		g.api.HoldPolls(cfg.MaxPolls)
	}
	g.live.Store(live)
	return keys, nil
}
