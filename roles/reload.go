package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/config"
)

// with returns parts and the one that has the settings read again, if they can be.
func (p Process) with(parts []part, log *slog.Logger) []part {
	if p.Again == nil {
		return parts
	}
	return append(parts, part{"reload", func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-p.Again:
			}
			switch changed, err := p.Reload(); {
			case errors.Is(err, context.Canceled):
			case err != nil:
				log.Error("not reloaded: all is as it was", "err", strings.ReplaceAll(err.Error(), "\n", "; "))
			default:
				log.Info("reloaded", "changed", changed)
			}
		}
	}})
}

// What can change while an archiver runs, a node, and a gateway: the keys of their
// tables. What counts for a session, or a socket, counts from its start.
var (
	archiverChanges = []string{
		"concurrent_limit", "allow_discovery", "cors", "expire_timeout", "alive_timeout", "cleanup_out_msgs", "limit_exempt", "trusted_proxy", "proxied",
		"allow_origin", "sockets_per_address", "connect_rate", "message_rate", "reserve_id", "id_grace", "allow_node", "tls_cert", "tls_key", "log_level",
	}
	consensorChanges = []string{
		"limit_exempt", "trusted_proxy", "max_sessions", "max_sessions_per_peer", "max_sessions_per_address", "max_handshakes", "requests_in_flight",
		"requests_per_second", "total_requests_per_second", "request_memory", "max_subscriptions_per_session", "max_subscriptions",
		"max_watched_accounts", "max_polls", "log_level",
	}
	gatewayChanges = []string{
		"tls_cert", "tls_key", "allow_host", "allow_origin", "limit_exempt", "trusted_proxy", "requests", "max_polls", "log_level",
	}
)

// Unchanged returns an error that names the keys which differ in two tables of one
// kind, of which none can change.
func Unchanged(old, now any) error {
	_, err := changes(old, now, nil)
	return err
}

// changes returns the keys that differ, or an error that names those which may not.
func changes(old, now any, may []string) ([]string, error) {
	keys := config.Differ(old, now)
	fixed := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(may, key) })
	if len(fixed) > 0 {
		return nil, fmt.Errorf("%s: needs a restart", strings.Join(fixed, ", "))
	}
	return keys, nil
}

// A change is what makes a part of new settings hold, once all of them are known
// to be good. It cannot fail.
type change func()

// Reload makes other settings hold, without dropping a socket, and returns the keys
// that differ: all of them, or, with an error that says why, none. The files of a
// certificate are read again in any case. One goroutine calls it.
func (a *Archiver) Reload(cfg config.Archiver) ([]string, error) {
	keys, err := changes(a.live, cfg, archiverChanges)
	if err != nil {
		return nil, err
	}
	pcfg, err := peerConfig(cfg)
	if err == nil {
		err = limit(&pcfg, cfg, a.log)
	}
	if err != nil {
		return nil, err
	}
	public, nodes, err := gatesOf(cfg, a.log)
	if err != nil {
		return nil, err
	}
	if files, known := maxFiles(); known {
		if err := fitFiles(files, &pcfg, public, nodes, a.log); err != nil {
			return nil, err
		}
	}
	all := []change{func() { a.gate.become(public); a.inner.become(nodes) }}
	peers, err := a.peers.Prepare(pcfg)
	if err != nil {
		return nil, err
	}
	lcfg, err := a.listConfig(cfg, pcfg)
	if err != nil {
		return nil, err
	}
	list, err := a.list.Prepare(lcfg)
	if err != nil {
		return nil, err
	}
	certificate, err := a.certificate(cfg)
	if err != nil {
		return nil, err
	}
	for _, apply := range append(all, peers, list, certificate) {
		apply()
	}
	if anyNode(cfg) && !anyNode(a.live) {
		a.warnAnyNode() // on loopback, too: it was otherwise
	}
	a.live = cfg
	return keys, nil
}

// certificate prepares what the public listeners show from now on.
func (a *Archiver) certificate(cfg config.Archiver) (change, error) {
	files, _ := a.certs.(*certs.Files)
	return certificateOf(files, cfg.TLSCert, cfg.TLSKey)
}

// certificateOf prepares to show other files than those that are shown now; nil
// shows none.
func certificateOf(files *certs.Files, cert, key string) (change, error) {
	switch {
	case (files != nil) != (cert != ""):
		return nil, errors.New("tls_cert, tls_key: to begin or end to speak TLS needs a restart")
	case files == nil:
		return func() {}, nil
	}
	return files.Prepare(cert, key)
}

// Reload makes other settings hold, without dropping a session, and returns the
// keys that differ: all of them, or, with an error that says why, none. One
// goroutine calls it.
func (n *Consensor) Reload(cfg config.Consensor) ([]string, error) {
	keys, err := changes(*n.live.Load(), cfg, consensorChanges)
	if err != nil {
		return nil, err
	}
	sessions := n.peer.Limits()
	if err := limitSessions(&sessions, cfg); err != nil {
		return nil, err
	}
	peer, err := n.peer.Prepare(sessions)
	if err != nil {
		return nil, err
	}
	requests, err := n.limits.Prepare(limitRequests(cfg))
	if err != nil {
		return nil, err
	}
	feed, err := n.feed.Prepare(cfg.MaxWatchedAccounts, cfg.MaxSubscriptions)
	if err != nil {
		return nil, err
	}
	gate, err := newNodeGate(cfg, n.log)
	if err != nil {
		return nil, err
	}
	if _, err := n.fit(gate); err != nil {
		return nil, err
	}
	callers, err := callersOf(cfg, n.log)
	if err != nil {
		return nil, err
	}
	for _, apply := range []change{peer, requests, feed, func() { n.gate.become(gate) }} {
		apply()
	}
	n.callers.Store(&callers)
	if cfg.MaxPolls != n.live.Load().MaxPolls {
		n.api.HoldPolls(cfg.MaxPolls)
	}
	n.live.Store(&cfg)
	return keys, nil
}
