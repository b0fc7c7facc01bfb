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

// A conversation is a session with one node.
type conversation struct {
	*rpc.Client
	session *rtc.Session
	peerID  string
	ended   <-chan struct{} // closed when the session has
	worn    <-chan struct{} // closed when it is to be replaced
	end     func()          // closes the session
	close   func()          // and the connection to the signalling server
}

// connect opens a session with the node the user named, or with one from the
// list of an archiver: one that is not to be avoided, if there is any. The next
// archiver is asked beside one through which nothing comes of it. Where no archiver
// can be asked, but one did answer at an earlier time, what it said then is tried.
func (c *Client) connect(ctx context.Context, s *search) (*conversation, error) {
	k := &seeker{s}
	asked := 0
	h := hedge[*conversation]{drop: func(late *conversation) {
		late.close()
		k.release("", late.peerID, true)
	}}
	h.next = func() trial[*conversation] {
		if asked == len(c.archivers) {
			return nil
		}
		a, left := c.archivers[asked], len(c.archivers)-asked
		asked++
		return func(ctx context.Context, leave func(time.Duration)) (*conversation, error) {
			return c.connectBy(ctx, a, left, k, leave)
		}
	}
	conv, winner, failed := h.run(ctx)
	if winner >= 0 {
		return conv, nil
	}
	for i, err := range failed {
		if ctx.Err() != nil {
			break
		}
		if !errors.Is(err, nodelist.ErrUnreachable) {
			continue
		}
		if conv := c.connectByKept(ctx, c.archivers[i], k); conv != nil {
			return conv, nil
		}
	}
	return nil, together(failed)
}

// connectBy opens a session through an archiver, which is one of so many that are
// left.
func (c *Client) connectBy(ctx context.Context, a *nodelist.Client, left int, k *seeker, leave func(time.Duration)) (*conversation, error) {
	// An archiver that says nothing leaves time for what is kept.
	actx, cancel := share(ctx, 2)
	defer cancel()
	f, err := k.s.look(actx, a, func(ctx context.Context) (found, error) { return c.lookUp(ctx, a) })
	if err != nil {
		return nil, err
	}
	back, cancel := share(ctx, left)
	defer cancel()
	// Its nodes are dialled hedgeAfter apart.
	return c.connectThrough(ctx, back, a, f, k, func() { leave(maxTries * hedgeAfter) })
}

// connectByKept opens a session by what an archiver said at an earlier time; nil
// if it cannot be done.
func (c *Client) connectByKept(ctx context.Context, a *nodelist.Client, k *seeker) *conversation {
	at, list, err := a.Kept(ctx)
	if err != nil {
		c.log.Debug("nothing to go by without the archiver", "archiver", a.Archiver().URL, "err", err)
		return nil
	}
	conv, err := c.connectThrough(ctx, ctx, a, found{at, list}, k, func() {})
	if err != nil {
		c.log.Debug("no node of an earlier list", "archiver", a.Archiver().URL, "err", err)
		return nil
	}
	c.log.Warn("the archiver cannot be asked: an earlier list is used", "archiver", a.Archiver().URL, "of", list.Time.Format(time.DateTime))
	return conv
}

// lookUp asks an archiver where its signalling server is, and who is there.
func (c *Client) lookUp(ctx context.Context, a *nodelist.Client) (f found, err error) {
	c.cfg.Progress("asking the archiver " + a.Archiver().URL)
	if f.at, err = a.Signalling(ctx); err != nil {
		return f, err
	}
	c.skew.Store(int64(f.at.Info.Skew))
	if skew := f.at.Info.Skew; skew.Abs() > maxSkew {
		c.skewed.Do(func() {
			c.log.Warn("this machine's clock differs from the archiver's", "by", skew.Round(time.Second).String())
		})
	}
	if c.cfg.Peer == "" && !f.at.Foreign {
		f.list, err = a.Active(ctx)
	}
	return f, err
}

// together makes one error of those of several archivers; it has the hop of the
// first.
func together(failed []error) error {
	if len(failed) < 2 {
		return errors.Join(failed...)
	}
	return &hopError{Hop(failed[0]), errors.Join(failed...)}
}

// connectThrough dials one of those that may be, through the signalling server.
// Who is listed and absent is waited for until back ends. It calls ready when the
// signalling server has answered.
func (c *Client) connectThrough(ctx, back context.Context, a *nodelist.Client, f found, k *seeker, ready func()) (*conversation, error) {
	targets, err := c.targets(a, f, k.avoided())
	if err != nil {
		return nil, err
	}
	d, err := c.dialler(ctx, a.Archiver(), f.at)
	if err != nil {
		return nil, err
	}
	ready()
	try := attempt{c: c, k: k, server: a.Archiver().URL, dial: d.dial, back: back}
	conv, err := try.run(ctx, targets)
	if err != nil {
		d.close()
	}
	return conv, err
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
func (c *Client) targets(a *nodelist.Client, f found, avoid []string) ([]rtc.Target, error) {
	server, at, list := a.Archiver().URL, f.at, f.list
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
	picked := c.nodes.pick(list.Nodes, avoid, maxTries+maxSessions) // others with the same search take some
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

// dial opens a session. Closing the conversation closes the dialler, ending it does not.
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
	conv.end, conv.close = s.Close, d.close
	return conv, nil
}

func (d *dialler) close() {
	d.peer.Close()
	d.stop()
	d.sig.Close()
	d.work.Wait()
}
