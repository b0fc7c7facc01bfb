package roles

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/signaling"
)

// gatesOf returns the gates of an archiver's public listeners and of that for
// nodes: a crowd before the one does not stand before the other.
func gatesOf(cfg config.Archiver, log *slog.Logger) (public, nodes *gate, err error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nil, nil, err
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, nil, err
	}
	public = newGate(maxConns, cfg.SocketsPerAddress, exempt, proxies, log.With("part", "gate"))
	nodes = newGate(maxNodeConns, min(cfg.SocketsPerAddress, maxNodeConns/4), exempt, proxies, log.With("part", "node gate"))
	return public, nodes, nil
}

// shuns reports whether a connection from addr may be closed unheard. A trusted
// proxy's may not: who misbehaves behind it has another address, if any.
func (a *Archiver) shuns(addr netip.Addr) bool {
	_, proxies := a.gate.networks()
	return !proxies.Contains(addr) && a.peers.Shuns(addr)
}

// newNodeGate returns the gate of a node's HTTP server. Clients come by data
// channels; by HTTP come other nodes, monitors and few programs.
func newNodeGate(cfg config.Consensor, log *slog.Logger) (*gate, error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nil, err
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, err
	}
	// Whom limits by address spare counts in all, as a proxy does: the ledger needs
	// files, whoever has the others.
	g := newGate(maxNodeConns, maxNodeConns/4, nil, slices.Concat(exempt, proxies), log.With("part", "gate"))
	g.remedy = "name a proxy that speaks for many with --trusted-proxy, or a monitor with --limit-exempt"
	return g, nil
}

// How long a connection is kept for a further request. A stranger's may be
// short, for clients open another without a word; a proxy's is worth keeping.
const (
	idleTime      = 10 * time.Second
	idleTimeProxy = 2 * time.Minute
)

func keep(cfg config.Archiver) time.Duration {
	if cfg.Proxied || len(cfg.TrustedProxy) > 0 {
		return idleTimeProxy
	}
	return idleTime
}

// limit puts into p what one address, and one connection, may do.
func limit(p *signaling.Config, cfg config.Archiver, log *slog.Logger) error {
	proxies, err := cfg.Proxies()
	if err != nil {
		return err
	}
	exempt, err := cfg.Exempt()
	if err != nil {
		return err
	}
	f := &front{proxies: proxies, log: log}
	p.ClientAddr, p.LimitExempt, p.Crowds = f.addrOf, exempt, proxies
	p.AllowOrigin = cfg.AllowedOrigins()
	if len(cfg.CORS) == 0 {
		p.CORS = p.AllowOrigin // whoever may not connect need not read answers either
	}
	p.SocketsPerAddress = cfg.SocketsPerAddress
	p.ConnectRate, p.ConnectBurst = cfg.ConnectRate, 10*cfg.ConnectRate
	p.CallRate, p.CallBurst = cfg.ConnectRate, 10*cfg.ConnectRate
	p.MessageRate, p.MessageBurst = cfg.MessageRate, 4*cfg.MessageRate
	p.ReserveID, p.IDGrace = time.Duration(cfg.ReserveID), time.Duration(cfg.IDGrace)
	return p.Validate()
}
