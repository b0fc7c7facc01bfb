package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// maxTries is how many listed nodes a client dials before it gives up.
const maxTries = 3

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
// list of the first archiver through which it can be done: one that is not to be
// avoided, if there is any. Where no archiver can be asked, but one did answer at
// an earlier time, what it said then is tried.
func (c *Client) connect(ctx context.Context, avoid []string) (*conversation, error) {
	var failed []error
	var mute []*nodelist.Client
	for i, a := range c.archivers {
		// Archivers that say nothing leave time for the next, and for what is kept.
		actx, cancel := share(ctx, len(c.archivers)-i+1)
		at, targets, err := c.lookUp(actx, a, avoid)
		cancel()
		if err == nil {
			var conv *conversation
			if conv, err = c.connectThrough(ctx, a, at, targets); err == nil {
				return conv, nil
			}
		}
		failed = append(failed, err)
		if errors.Is(err, nodelist.ErrUnreachable) {
			mute = append(mute, a)
		}
		if ctx.Err() != nil {
			return nil, together(failed)
		}
	}
	for _, a := range mute {
		at, list, err := a.Kept()
		if err != nil {
			c.log.Debug("nothing to go by without the archiver", "archiver", a.Archiver().URL, "err", err)
			continue
		}
		targets, err := c.targets(a, at, list, avoid)
		if err != nil {
			continue
		}
		conv, err := c.connectThrough(ctx, a, at, targets)
		if err == nil {
			c.log.Warn("the archiver cannot be asked: an earlier list is used", "archiver", a.Archiver().URL, "of", list.Time.Format(time.DateTime))
			return conv, nil
		}
		c.log.Debug("no node of an earlier list", "archiver", a.Archiver().URL, "err", err)
	}
	return nil, together(failed)
}

// lookUp asks an archiver where its signalling server is, and whom to dial there.
func (c *Client) lookUp(ctx context.Context, a *nodelist.Client, avoid []string) (at nodelist.Signalling, targets []rtc.Target, err error) {
	c.cfg.Progress("asking the archiver " + a.Archiver().URL)
	if at, err = a.Signalling(ctx); err != nil {
		return at, nil, err
	}
	if skew := at.Info.Skew; skew.Abs() > maxSkew {
		c.skewed.Do(func() {
			c.log.Warn("this machine's clock differs from the archiver's", "by", skew.Round(time.Second).String())
		})
	}
	var list nodelist.SignedList
	if c.cfg.Peer == "" && !at.Foreign {
		if list, err = a.Active(ctx); err != nil {
			return at, nil, err
		}
	}
	targets, err = c.targets(a, at, list, avoid)
	return at, targets, err
}

// together makes one error of those of several archivers; it has the hop of the
// first.
func together(failed []error) error {
	if len(failed) < 2 {
		return errors.Join(failed...)
	}
	return &hopError{Hop(failed[0]), errors.Join(failed...)}
}

// connectThrough dials one of the targets, through the signalling server.
func (c *Client) connectThrough(ctx context.Context, a *nodelist.Client, at nodelist.Signalling, targets []rtc.Target) (*conversation, error) {
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
		c.nodes.failed(t.PeerID)
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

// errNoOther says that there is a session with every node already.
var errNoOther = errors.New("there is no other node")

// targets returns whom to dial, and what each must prove.
func (c *Client) targets(a *nodelist.Client, at nodelist.Signalling, list nodelist.SignedList, avoid []string) ([]rtc.Target, error) {
	server := a.Archiver().URL
	switch id := c.cfg.Peer; {
	case id != "" && slices.Contains(avoid, id):
		return nil, errNoOther
	case id != "" && nodelist.IsKey(id):
		return []rtc.Target{{Server: server, PeerID: id, PublicKey: id, NetworkID: at.Info.NetworkID, Dialect: rtc.Dialect(c.cfg.Dialect)}}, nil
	case id != "" && c.cfg.RequireIdentity:
		return nil, &UsageError{fmt.Errorf("peer %q is not a key, so it cannot prove its identity, and --require-identity is set", id)}
	case id != "":
		c.log.Warn("this peer's identity is not proven: its id is not a key", "peer", id)
		return []rtc.Target{{Server: server, PeerID: id, Dialect: rtc.Dialect(c.cfg.Dialect)}}, nil
	case at.Foreign:
		return nil, &hopError{hopArchiver, fmt.Errorf("%s is not an archiver and has no list of nodes: name one with --peer ID", server)}
	}
	if len(list.Nodes) == 0 {
		return nil, &hopError{hopArchiver, fmt.Errorf("archiver %s: no active node on its list; is a consensor running and joined?", server)}
	}
	picked := c.nodes.pick(list.Nodes, avoid, maxTries)
	if len(picked) == 0 {
		return nil, errNoOther
	}
	var targets []rtc.Target
	for _, n := range picked {
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

func (c *Client) dialler(ctx context.Context, a nodelist.Archiver, at nodelist.Signalling) (*dialler, error) {
	c.cfg.Progress("connecting to the signalling server " + at.Server.URL())
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: at.Server.URL(), Key: at.Server.Key}, c.log)
	if err != nil {
		return nil, &hopError{string(rtc.HopSignalling), cause(ctx, err)}
	}
	cfg := rtc.DefaultConfig()
	cfg.Verifier = identity.Verifier{}
	cfg.Loopback = isLoopback(at.Server.Host)
	if c.cfg.tune != nil {
		c.cfg.tune(&cfg)
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

// isLoopback reports whether host is this machine and nothing else.
func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dial opens a session. Closing the conversation closes the dialler.
func (d *dialler) dial(ctx context.Context, t rtc.Target) (*conversation, error) {
	tell := d.c.cfg.Progress
	tell("offering a connection to " + t.PeerID)
	t.Progress = func(h rtc.Hop) { tell(string(h) + " with " + t.PeerID) }
	s, err := d.peer.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	if skew := s.Skew(); skew.Abs() > maxSkew {
		d.c.log.Warn("the node's clock differs from this machine's", "by", skew.String())
	}
	tell("waiting for an answer of " + t.PeerID)
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
