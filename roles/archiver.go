package roles

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/internal/web"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/signaling"
)

// An Archiver hosts the PeerJS server and keeps the signed list of nodes. Use
// [NewArchiver], then [Archiver.Run].
type Archiver struct {
	cfg    config.Archiver // at the start
	log    *slog.Logger
	data   *dataDir
	key    *signing.NodeKey
	public []*doorway
	nodes  net.Listener // nil: no listener for nodes
	http01 net.Listener // for an ACME server; nil: none
	certs  certificates // nil: the public listeners speak plain HTTP
	site   sitemap
	files  *web.Files
	peers  *signaling.Server
	list   *nodelist.List
	gate   *gate // of the public listeners and that of http01
	inner  *gate // of the listener for nodes
	doors  doors // of all of them

	ops      *opsPort            // nil: none, or it is another's
	refusals *telemetry.Refusals // nil: nobody looks
	process  Process             // set by Within
	live     config.Archiver     // that holds now; owned by Reload
}

// NewArchiver opens everything an archiver needs, the ports included. Close
// gives it back, after Run if that was called.
func NewArchiver(cfg config.Archiver, log *slog.Logger) (*Archiver, error) {
	ops, err := openOps(cfg.Ops)
	if err != nil {
		return nil, err
	}
	a, err := newArchiver(cfg, ops.last(), log)
	if err != nil {
		ops.close()
		return nil, err
	}
	a.ops = ops
	return a, nil
}

// Within tells the archiver of the process that it runs in. It comes before Run.
func (a *Archiver) Within(p Process) { a.process = p }

// newArchiver is NewArchiver without the operator's port: what it refuses it tells.
func newArchiver(cfg config.Archiver, refusals *telemetry.Refusals, log *slog.Logger) (_ *Archiver, err error) {
	pcfg, err := peerConfig(cfg)
	if err != nil {
		return nil, err
	}
	log = log.With("role", "archiver")
	if err := limit(&pcfg, cfg, log); err != nil {
		return nil, &UsageError{Err: err}
	}
	a := &Archiver{cfg: cfg, log: log, site: newSitemap(pcfg.Base()), refusals: refusals, live: cfg}
	if a.gate, a.inner, err = gatesOf(cfg, log); err != nil {
		return nil, &UsageError{Err: err}
	}
	a.gate.refusals, a.inner.refusals = refusals, refusals
	if files, known := maxFiles(); known {
		if err := fitFiles(files, &pcfg, a.gate, a.inner, log); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.files, err = web.New(); err != nil {
		return nil, err
	}
	if a.data, err = openDataDir(cfg.Data, "archiver"); err != nil {
		return nil, err
	}
	if a.key, err = a.data.nodeKey("", "archiver"); err != nil {
		return nil, err
	}
	for _, addr := range cfg.PublicAddrs() {
		l, err := listen(addr)
		if err != nil {
			return nil, err
		}
		a.public = append(a.public, a.doors.open("public", l, a.log))
	}
	if addr := cfg.NodeAddr(); addr != "" {
		l, err := listen(addr)
		if err != nil {
			return nil, err
		}
		a.nodes = a.doors.open("nodes", l, a.log)
	}
	if err = a.secure(); err != nil {
		return nil, err
	}
	pcfg.Directions = a.directions
	if a.peers, err = signaling.NewServer(pcfg, a.hooks(), a.log); err != nil {
		return nil, err
	}
	lcfg, err := a.listConfig(cfg, pcfg)
	if err != nil {
		return nil, err
	}
	if a.list, err = nodelist.New(lcfg, presence{a.peers}, a.log); err != nil {
		return nil, err
	}
	return a, nil
}

// hooks tie the peer server to the list. They are called after New.
func (a *Archiver) hooks() signaling.Hooks {
	return signaling.Hooks{
		Proof:        func(id, token string) (time.Time, error) { return a.list.VerifyToken(id, token) },
		Connected:    func(p signaling.Peer) { a.list.Changed(p.ID) },
		Disconnected: func(p signaling.Peer) { a.list.Changed(p.ID) },
		Left:         func(p signaling.Peer) { a.list.Left(p.ID) },
		Refused: func(remote string, why signaling.Refusal) {
			a.refusals.Note("PeerJS server", string(why), hostOf(remote))
		},
		Ended: func(remote string, why signaling.End) {
			if slices.Contains(endedByLimit, why) {
				a.refusals.Note("sockets", string(why), hostOf(remote))
			}
		},
	}
}

// presence shows the list the sockets of the peer server.
type presence struct{ peers *signaling.Server }

var _ nodelist.Presence = presence{}

func (p presence) Peer(id string) (nodelist.Socket, bool) {
	peer, ok := p.peers.Peer(id)
	if !ok {
		return nodelist.Socket{}, false
	}
	return nodelist.Socket{TokenHash: peer.TokenHash, Proven: peer.Proven, LastSeen: peer.LastSeen, Addr: peer.Addr}, true
}

func (p presence) MarkNode(id string) bool { return p.peers.MarkNode(id) }

func (a *Archiver) listConfig(cfg config.Archiver, peers signaling.Config) (nodelist.Config, error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nodelist.Config{}, err
	}
	var own net.Listener = a.public[0]
	if a.nodes != nil {
		own = a.nodes
	}
	host, port := hostPort(own)
	var from nodelist.Archiver
	if cfg.NodesFrom != "" {
		if from, err = nodelist.ParseArchiver(cfg.NodesFrom); err != nil {
			return nodelist.Config{}, &UsageError{Err: fmt.Errorf("--nodes-from: %w", err)}
		}
	}
	rtc, err := a.rtc(peers)
	if err != nil {
		return nodelist.Config{}, err
	}
	return nodelist.Config{
		Key:       a.key,
		NetworkID: cfg.NetworkID,
		AllowNode: cfg.AllowNode,
		NodesFrom: from, NodesFromFile: filepath.Join(cfg.Data, "nodes-from.json"),
		StateFile:   filepath.Join(cfg.Data, "nodelist.json"),
		RTC:         rtc,
		IP:          reachable(host),
		Port:        port,
		Version:     Version,
		LimitExempt: exempt,
		ClientAddr:  peers.ClientAddr,
		Refused:     func(from netip.Addr, why nodelist.Refusal) { a.refusals.NoteAddr("node list", string(why), from) },
	}, nil
}

// Key returns the archiver's public key.
func (a *Archiver) Key() string { return a.key.Public() }

// Run serves until ctx ends or a part fails; then nothing of the archiver is
// running. A clean stop is nil.
func (a *Archiver) Run(ctx context.Context) error {
	parts := []part{{"node list", a.list.Run}, {"peer server", a.peers.Run}, tally(a.counts, a.log)}
	var addrs []string
	if a.cfg.NodesFrom != "" {
		parts = append(parts, part{"nodes of the other archiver", a.list.Follow})
	}
	if a.certs != nil {
		parts = append(parts, part{"certificate", a.certs.Run})
	}
	if a.http01 != nil {
		parts = append(parts, serveHTTP("acme listener", a.http01, a.http01Handler(), a.gate, idleTime, a.log))
	}
	for i, l := range a.public {
		parts = append(parts, serveHTTP("listener "+strconv.Itoa(i+1), a.secured(newStile(l, a.shuns, a.peers.Busy, &l.came)), a.publicHandler(), a.gate, keep(a.cfg), a.log))
		addrs = append(addrs, l.Addr().String())
	}
	ready := []any{"addr", strings.Join(addrs, ",")}
	if a.nodes != nil {
		parts = append(parts, serveHTTP("node listener", a.nodes, a.nodeHandler(), a.inner, idleTimeProxy, a.log))
		ready = append(ready, "nodeAddr", a.nodes.Addr().String())
	}
	if a.http01 != nil {
		ready = append(ready, "acmeAddr", a.http01.Addr().String())
	}
	parts = a.process.with(parts, a.log)
	parts, err := a.ops.with(parts, a.process, a.log, a)
	if err != nil {
		return err
	}
	ready = append(ready, a.ops.attrs()...)
	a.warn()
	a.announce()
	a.log.Info("ready", append(ready, "publicKey", a.key.Public(), "url", a.URL())...)
	return runParts(ctx, a.log, parts...)
}

// Close gives back what NewArchiver opened.
func (a *Archiver) Close() {
	a.data.close()
	for _, l := range a.public {
		l.Close()
	}
	if a.nodes != nil {
		a.nodes.Close()
	}
	if a.http01 != nil {
		a.http01.Close()
	}
	a.ops.close()
}
