package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// maxTries is how many listed nodes a client dials before it gives up.
const maxTries = 3

// A Client talks to a consensor over WebRTC. Use [NewClient].
type Client struct {
	// Fixed after NewClient.
	cfg       config.Client
	log       *slog.Logger
	archivers []*nodelist.Client
	tune      func(*rtc.Config) // for tests; nil changes nothing
	// Progress, if set, is told in a few words what the client waits for.
	Progress func(what string)
}

// NewClient checks the settings. It asks nothing yet.
func NewClient(cfg config.Client, log *slog.Logger) (*Client, error) {
	if len(cfg.Archiver) == 0 {
		return nil, &UsageError{errors.New("no archiver: give one with --archiver URL, such as http://127.0.0.1:6080")}
	}
	c := &Client{cfg: cfg, log: log, Progress: func(string) {}}
	known, err := openKnownKeys(cfg.Data, log)
	if err != nil {
		return nil, err
	}
	for _, text := range cfg.Archiver {
		a, err := nodelist.ParseArchiver(text)
		if err != nil {
			return nil, &UsageError{fmt.Errorf("--archiver: %w", err)}
		}
		n := nodelist.NewClient(a, nodelist.ClientConfig{KnownKeys: known, Log: log})
		if w := n.Warning(); w != "" {
			log.Warn(w)
		}
		c.archivers = append(c.archivers, n)
	}
	return c, nil
}

// openKnownKeys opens what is remembered of archivers in the data folder, by
// default a folder of the user's. Where there is neither, nothing is kept.
func openKnownKeys(data string, log *slog.Logger) (*nodelist.KnownKeys, error) {
	named := data != ""
	if !named {
		base, err := os.UserConfigDir()
		if err != nil {
			return &nodelist.KnownKeys{}, nil
		}
		data = filepath.Join(base, "liberdus")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		if named {
			return nil, &UsageError{fmt.Errorf("--data: %w", err)}
		}
		log.Warn("the archivers' keys cannot be remembered", "err", err, "remedy", "give a folder with --data")
		return &nodelist.KnownKeys{}, nil
	}
	return nodelist.OpenKnownKeys(filepath.Join(data, "archivers.json"))
}

// A conversation is a session with one node.
type conversation struct {
	*rpc.Client
	session *rtc.Session
	peerID  string
	ended   <-chan struct{} // closed when the session has
	worn    <-chan struct{} // closed when it is to be replaced
	close   func()
}

// connect opens a session with the node the user named, or with one from the
// list of the first archiver through which it can be done.
func (c *Client) connect(ctx context.Context) (*conversation, error) {
	var failed []error
	for _, a := range c.archivers {
		conv, err := c.connectThrough(ctx, a)
		if err == nil {
			return conv, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, together(failed)
}

// together makes one error of those of several archivers; it has the hop of the
// first.
func together(failed []error) error {
	if len(failed) < 2 {
		return errors.Join(failed...)
	}
	return &hopError{Hop(failed[0]), errors.Join(failed...)}
}

func (c *Client) connectThrough(ctx context.Context, a *nodelist.Client) (*conversation, error) {
	c.Progress("asking the archiver " + a.Archiver().URL)
	at, foreign, err := locate(ctx, a)
	if err != nil {
		return nil, err
	}
	targets, err := c.targets(ctx, a, at, foreign)
	if err != nil {
		return nil, err
	}
	d, err := c.dialler(ctx, a.Archiver(), at)
	if err != nil {
		return nil, err
	}
	var first error
	for i, t := range targets {
		tctx, cancel := share(ctx, len(targets)-i)
		conv, err := d.dial(tctx, t)
		cancel()
		if err == nil {
			return conv, nil
		}
		c.log.Debug("node given up", "peer", t.PeerID, "err", err)
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	d.close()
	return nil, first
}

// share gives one of n attempts its part of the time that ctx leaves, so that a
// node that says nothing does not use up all of it.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || n < 2 {
		return context.WithCancel(ctx)
	}
	part := time.Until(deadline) / time.Duration(n)
	return context.WithTimeoutCause(ctx, part, fmt.Errorf("no connection within %v", part.Round(time.Millisecond)))
}

// targets returns whom to dial, and what each must prove.
func (c *Client) targets(ctx context.Context, a *nodelist.Client, at located, foreign bool) ([]rtc.Target, error) {
	server := a.Archiver().URL
	switch id := c.cfg.Peer; {
	case id != "" && nodelist.IsKey(id):
		return []rtc.Target{{Server: server, PeerID: id, PublicKey: id, NetworkID: at.info.NetworkID, Dialect: rtc.Dialect(c.cfg.Dialect)}}, nil
	case id != "" && c.cfg.RequireIdentity:
		return nil, &UsageError{fmt.Errorf("peer %q is not a key, so it cannot prove its identity, and --require-identity is set", id)}
	case id != "":
		c.log.Warn("this peer's identity is not proven: its id is not a key", "peer", id)
		return []rtc.Target{{Server: server, PeerID: id, Dialect: rtc.Dialect(c.cfg.Dialect)}}, nil
	case foreign:
		return nil, &hopError{hopArchiver, fmt.Errorf("%s is not an archiver and has no list of nodes: name one with --peer ID", server)}
	}
	list, err := a.Active(ctx)
	if err != nil {
		return nil, err
	}
	if len(list.Nodes) == 0 {
		return nil, &hopError{hopArchiver, fmt.Errorf("archiver %s: no active node on its list; is a consensor running and joined?", server)}
	}
	var targets []rtc.Target
	for _, n := range nodelist.Pick(list.Nodes, maxTries) {
		targets = append(targets, rtc.Target{Server: server, PeerID: n.PeerID, PublicKey: n.PublicKey, NetworkID: list.NetworkID})
	}
	return targets, nil
}

// A dialler is a connection to a signalling server with an rtc.Peer on it.
type dialler struct {
	c    *Client
	sig  *signaling.Client
	peer *rtc.Peer
	stop context.CancelFunc
	work sync.WaitGroup
}

func (c *Client) dialler(ctx context.Context, a nodelist.Archiver, at located) (*dialler, error) {
	c.Progress("connecting to the signalling server " + at.server.URL())
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: at.server.URL(), Key: at.server.Key}, c.log)
	if err != nil {
		return nil, &hopError{string(rtc.HopSignalling), cause(ctx, err)}
	}
	cfg := rtc.DefaultConfig()
	cfg.Verifier = identityVerifier{}
	cfg.Loopback = isLoopback(at.server.Host)
	if c.tune != nil {
		c.tune(&cfg)
	}
	d := &dialler{c: c, sig: sig}
	if d.peer, err = rtc.New(cfg, c.log); err != nil {
		sig.Close()
		return nil, err
	}
	attached, err := d.peer.Attach(a.URL, sig)
	if err != nil {
		sig.Close()
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.work.Go(func() { attached.Run(run) }) // its end shows in the dials
	return d, nil
}

// dial opens a session. Closing the conversation closes the dialler.
func (d *dialler) dial(ctx context.Context, t rtc.Target) (*conversation, error) {
	d.c.Progress("offering a connection to " + t.PeerID)
	t.Progress = func(h rtc.Hop) { d.c.Progress(string(h) + " with " + t.PeerID) }
	s, err := d.peer.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	if skew := s.Skew(); skew.Abs() > maxSkew {
		d.c.log.Warn("the node's clock differs from this machine's", "by", skew.String())
	}
	d.c.Progress("waiting for an answer of " + t.PeerID)
	conv := &conversation{Client: rpc.NewClient(s, d.sig.ID()), session: s, peerID: t.PeerID, ended: s.Context().Done(), worn: s.Worn()}
	conv.TooLarge = func(err error) bool { return errors.Is(err, rtc.ErrTooLarge) }
	conv.Malformed = func(err error) bool { return errors.Is(err, rtc.ErrMalformed) }
	d.work.Go(func() { conv.Run() }) // its end shows in the requests
	conv.close = d.close
	return conv, nil
}

func (d *dialler) close() {
	d.peer.Close()
	d.stop()
	d.sig.Close()
	d.work.Wait()
}

// Nodes returns {"nodes":[{id,ip,port,publicKey,peerId}…],"archiver"}: the
// active nodes on the verified list of the first archiver that answers.
func (c *Client) Nodes(ctx context.Context) (any, error) {
	var failed []error
	for _, a := range c.archivers {
		list, err := a.Active(ctx)
		if err == nil {
			nodes := append([]nodelist.Node{}, list.Nodes...) // [] rather than null
			return struct {
				Nodes    []nodelist.Node `json:"nodes"`
				Archiver string          `json:"archiver"`
			}{nodes, a.Archiver().URL}, nil
		}
		failed = append(failed, err)
	}
	return nil, together(failed)
}
