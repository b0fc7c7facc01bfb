package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/shardus"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
)

// defaultStart is how long a consensor tries to reach its first archiver before
// it gives up.
const defaultStart = 10 * time.Second

// A Consensor serves the node's API over data channels and HTTP. Use
// [NewConsensor], then [Consensor.Run], then [Consensor.Close].
type Consensor struct {
	// Fixed after NewConsensor.
	cfg    config.Consensor // at the start
	name   string           // by which the operator's port tells it from others
	log    *slog.Logger
	data   *dataDir
	key    *signing.NodeKey
	ledger *ledger.Ledger // nil beside a node
	owned  bool           // the ledger is closed with the consensor
	node   *shardus.Node  // nil: the ledger answers
	http   net.Listener
	doors  doors // of http
	gate   *gate // of http; fixed
	api    *api.API
	feed   *feed.Hub
	told   signing.Object // of nodeInfo, what does not change; fixed, nil beside a node
	ports  *rtc.Ports
	limits *rpc.Limits
	peer   *rtc.Peer
	links  []*link
	host   string
	port   int

	unwatch func() // ends what the ledger tells feed; nil if it tells nothing

	live    atomic.Pointer[config.Consensor] // that holds now
	callers atomic.Pointer[callerOf]         // over HTTP, that hold now

	ops      *opsPort            // nil: none, or it is another's
	refusals *telemetry.Refusals // nil: nobody looks
	limited  *limited            // requests, by all doors; fixed
	process  Process             // set by Within

	startTime time.Duration // to reach the first archiver

	first  sync.Once
	online chan struct{} // closed when the first archiver has been joined
	// hopeless gets the error of a link that waiting cannot mend.
	hopeless chan error
	began    time.Time
}

// NewConsensor opens everything a consensor needs, the port included. A ledger
// that is given is shared with others; nil opens the one in the data folder.
// Beside a node there is none.
func NewConsensor(cfg config.Consensor, shared *ledger.Ledger, log *slog.Logger) (*Consensor, error) {
	ops, err := openOps(cfg.Ops)
	if err != nil {
		return nil, err
	}
	n, err := newConsensor("consensor", cfg, shared, ops.last(), log)
	if err != nil {
		ops.close()
		return nil, err
	}
	n.ops = ops
	return n, nil
}

// Within tells the node of the process that it runs in. It comes before Run.
func (n *Consensor) Within(p Process) { n.process = p }

// newConsensor is NewConsensor without the operator's port: what it refuses it tells.
func newConsensor(name string, cfg config.Consensor, shared *ledger.Ledger, refusals *telemetry.Refusals, log *slog.Logger) (_ *Consensor, err error) {
	given := cfg
	cfg.Listen = cfg.ListenAddr()
	n := &Consensor{cfg: cfg, name: name, refusals: refusals, log: log.With("role", "consensor"), startTime: defaultStart, online: make(chan struct{}), hopeless: make(chan error, 1), began: time.Now()}
	n.live.Store(&given)
	n.limited = newLimited("requests of "+name, refusals)
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	archivers, err := parseArchivers(cfg.Archiver)
	if err != nil {
		return nil, err // before anything is made for them
	}
	if n.data, err = openDataDir(cfg.Data, "consensor"); err != nil {
		return nil, err
	}
	if n.key, err = n.data.nodeKey(cfg.Key, "consensor"); err != nil {
		return nil, err
	}
	l, err := listen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	n.http = n.doors.open("http", l, n.log)
	if err = n.openBehind(shared); err != nil {
		return nil, err
	}
	if err = n.countCallers(); err != nil {
		return nil, err
	}
	if err = n.locate(); err != nil {
		return nil, err
	}
	if n.gate, err = newNodeGate(cfg, n.log); err != nil {
		return nil, &UsageError{Err: err}
	}
	n.gate.name, n.gate.refusals = "connections of "+n.name, refusals
	tcp, err := n.fit(n.gate)
	if err != nil {
		return nil, err
	}
	if n.ports, err = n.openPorts(tcp); err != nil {
		return nil, err
	}
	if n.limits, err = newLimits(cfg); err != nil {
		return nil, err
	}
	if n.peer, err = n.newPeer(); err != nil {
		return nil, err
	}
	if err = n.newLinks(archivers); err != nil {
		return nil, err
	}
	return n, nil
}

// locate finds the address under which others reach the node.
func (n *Consensor) locate() error {
	n.host, n.port = hostPort(n.http)
	n.host = reachable(n.host)
	if n.cfg.External == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(n.cfg.External)
	if err != nil {
		return &UsageError{Err: fmt.Errorf("--external: %w", err)}
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return &UsageError{Err: fmt.Errorf("--external: %w", err)}
	}
	n.host = host
	if p != 0 {
		n.port = p
	}
	return nil
}

func (n *Consensor) newPeer() (*rtc.Peer, error) {
	cfg := rtc.DefaultConfig()
	cfg.Signer = identity.Signer{Key: n.key, NetworkID: n.networkID}
	cfg.Ports = n.ports
	cfg.Serve = n.serveSession
	cfg.Ended = func(peer string, why rtc.End) {
		if slices.Contains(unserved, why) {
			n.refusals.Note("sessions of "+n.name, string(why), peer)
		}
	}
	cfg.Declined = func(peer string, why rtc.Decline) { n.refusals.Note("offers of "+n.name, string(why), peer) }
	if err := limitSessions(&cfg, n.cfg); err != nil {
		return nil, err
	}
	return rtc.New(cfg, n.log)
}

func parseArchivers(texts []string) ([]nodelist.Archiver, error) {
	out := make([]nodelist.Archiver, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = nodelist.ParseArchiver(text); err != nil {
			return nil, &UsageError{Err: fmt.Errorf("--archiver: %w", err)}
		}
	}
	return out, nil
}

// newLinks prepares the connection to each archiver.
func (n *Consensor) newLinks(archivers []nodelist.Archiver) error {
	known, err := nodelist.OpenKnownKeys(filepath.Join(n.cfg.Data, "archivers.json"))
	if err != nil {
		return err
	}
	taken := new(claims)
	for _, a := range archivers {
		c := nodelist.NewClient(a, nodelist.ClientConfig{KnownKeys: known, Log: n.log})
		if w := c.Warning(); w != "" {
			n.log.Warn(w)
		}
		n.links = append(n.links, &link{
			archiver: c, key: n.key, peer: n.peer,
			join:  nodelist.JoinRequest{IP: n.host, Port: n.port, PeerID: n.PeerID(), NetworkID: n.networkID()},
			log:   n.log.With("archiver", a.URL),
			taken: taken,
			hopeless: func(err error) {
				select {
				case n.hopeless <- err:
				default:
				}
			},
			opened: func() { n.first.Do(func() { close(n.online) }) },
		})
	}
	return nil
}

// PeerID returns the node's id on every signalling server: its public key.
func (n *Consensor) PeerID() string { return n.key.Public() }

// Addr returns the address of the node's HTTP server.
func (n *Consensor) Addr() string { return n.http.Addr().String() }

// Run serves until ctx ends or a part fails; then nothing of the consensor is
// running but its ledger. A clean stop is nil. A consensor that reaches no
// archiver at its start fails.
func (n *Consensor) Run(ctx context.Context) error {
	parts := []part{
		serveHTTP("http", n.api.Listener(n.http), n.api, n.gate, idleTimeProxy, n.log),
		{"sessions", n.runSessions},
		{"feed", n.feed.Run},
		{"start", n.announce},
		n.watchBehind(),
		tally(n.counts, n.log),
	}
	for _, l := range n.links {
		parts = append(parts, n.keepLink(l))
	}
	if n.owned {
		parts = append(parts, serveExports(n.ledger, n.cfg.Data, n.log))
	}
	parts = n.process.with(parts, n.log)
	parts, err := n.ops.with(parts, n.process, n.log, n)
	if err != nil {
		return err
	}
	return runParts(ctx, n.log, parts...)
}

// announce says "ready" once the node can be found, or fails.
func (n *Consensor) announce(ctx context.Context) error {
	if err := n.awaitNode(ctx); err != nil {
		return err
	}
	n.compareKeys()
	select {
	case <-n.online:
		n.log.Info("ready", n.places(append(n.ops.attrs(), "peerId", n.PeerID(), "networkId", n.networkID())...)...)
	case err := <-n.hopeless:
		return err
	case <-time.After(n.startTime):
		return n.unreachable()
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// watchLedger fails when the ledger's disk does: a node that can accept nothing
// must leave the list, and be seen to have failed.
func (n *Consensor) watchLedger(ctx context.Context) error {
	select {
	case <-n.ledger.Failed():
		return errors.New("the disk failed; see the log, make room or mend it, and start again")
	case <-ctx.Done():
		return nil
	}
}

// unreachable says why no archiver could be joined.
func (n *Consensor) unreachable() error {
	err := fmt.Errorf("no archiver could be joined within %v", n.startTime)
	for _, l := range n.links {
		if last := l.lastErr.Load(); last != nil {
			err = fmt.Errorf("%w; %s: %w", err, l.archiver.Archiver().URL, *last)
		}
	}
	return err
}

// serveSession answers one client until it goes, or until the node stops: then
// what is in hand is answered first. What a client has sent before it went is
// done, whether or not there is somebody to answer.
func (n *Consensor) serveSession(ctx context.Context, s *rtc.Session) {
	cfg := rpc.DefaultServerConfig(n.PeerID())
	live := n.live.Load()
	cfg.InFlight, cfg.Limits, cfg.Exempt = live.RequestsInFlight, n.limits, s.Exempt()
	cfg.Work = workOf(s)
	cfg.Refused = func(by rpc.Limit) { n.limited.note(s.PeerID(), by) }
	cfg.Feed, cfg.Subscriptions = n.feed, live.MaxSubscriptionsPerSession
	cfg.End = func(err error) string { return subscriptionsEnd(s, err) }
	cfg.TooLarge = func(err error) bool { return errors.Is(err, rtc.ErrTooLarge) }
	cfg.Malformed = func(err error) bool { return errors.Is(err, rtc.ErrMalformed) }
	err := rpc.Serve(ctx, s, cfg, n.handler(s), n.log)
	if s.Err() == nil && (errors.Is(err, rtc.ErrStopped) || errors.Is(err, rtc.ErrClosed)) {
		flush, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := s.Flush(flush); err != nil {
			n.log.Debug("flush", "peer", s.PeerID(), "err", err)
		}
	}
}

// Close gives back what NewConsensor opened.
func (n *Consensor) Close() error {
	defer n.data.close()
	n.ops.close()
	if n.http != nil {
		n.http.Close()
	}
	if n.peer != nil {
		n.peer.Close()
	}
	if n.unwatch != nil {
		n.unwatch()
	}
	if n.ports != nil {
		n.ports.Close()
	}
	if n.node != nil {
		n.node.Close()
	}
	if n.owned {
		return closeLedger(n.ledger)
	}
	return nil
}

// closeLedger closes l, and does not wait for a failed disk for ever.
func closeLedger(l *ledger.Ledger) error {
	if err := noLonger(stopTime, l.Close); !errors.Is(err, errDiskHangs) {
		return err
	}
	return errors.New("ledger: the disk does not let it close; what was accepted is safe")
}
