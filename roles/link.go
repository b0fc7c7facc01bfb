package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// Waits between attempts to reach an archiver: anything from nothing to a limit
// that doubles from the first to the last. All nodes lose an archiver in the
// same instant; drawn from the whole range, their returns are spread over it.
// While nobody listens there an attempt costs the archiver nothing, and they
// follow each other evenly and soon: all are back within a second of its start.
const (
	firstWait   = time.Second
	lastWait    = 5 * time.Second
	refusedWait = 700 * time.Millisecond
)

const (
	steadyAfter  = 15 * time.Second      // a connection that lasted so long was a good one
	rejoinEvery  = 30 * time.Second      // in case the archiver lost the node otherwise
	listedWithin = 5 * time.Second       // after a join; the list is signed at most 10 times a second
	listedPoll   = 50 * time.Millisecond // between two looks at it, at first; then ever longer,
	slowPoll     = time.Second           // up to this
)

// A link keeps a consensor connected to one archiver: it holds the node's id
// on the signalling server and its place on the list, and takes both again
// whenever they are lost. The sessions with clients live on meanwhile.
type link struct {
	archiver *nodelist.Client
	key      *signing.NodeKey
	peer     *rtc.Peer
	join     nodelist.JoinRequest // the network is run's, the rest fixed
	log      *slog.Logger
	taken    *claims // of this node's links
	// opened is called after each successful connection, hopeless with an
	// error that waiting cannot mend.
	opened   func()
	hopeless func(error)

	lastErr atomic.Pointer[error] // of the newest attempt; nil while connected
	joined  atomic.Bool           // connected, and on the list if there is one

	// Owned by run.
	told       repeated      // what was logged of failures
	looked     bool          // whether the address on the list is any good
	attempt    int           // failures in a row, refused connections aside
	refused    int           // connections in a row
	lastExpiry time.Time     // of the tokens made so far
	lead       time.Duration // added to the next token's expiry
}

// runAs is run as a node of that network.
func (l *link) runAs(ctx context.Context, networkID string) error {
	l.join.NetworkID = networkID
	return l.run(ctx)
}

// run connects again and again until ctx ends, then says goodbye, so that the
// node leaves the list at once.
func (l *link) run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		l.lastErr.Store(&err)
		if time.Since(began) > steadyAfter {
			l.attempt = 0 // it stood for a while
		}
		wait := l.wait(err)
		if n, due := l.told.due(err.Error(), time.Now()); due {
			l.log.Warn("no connection to the archiver", "err", err, "attempts", n, "retryIn", wait.Round(time.Millisecond).String())
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *link) wait(err error) time.Duration {
	if errors.Is(err, syscall.ECONNREFUSED) {
		l.refused++
		if l.refused == 1 {
			return rand.N(refusedWait)
		}
		return refusedWait // and the nodes stay as spread as they were
	}
	l.refused = 0
	limit := min(firstWait<<min(l.attempt, 10), lastWait)
	l.attempt++
	return rand.N(limit)
}

// connect is one connection to the archiver, from its /rtc to its end.
func (l *link) connect(ctx context.Context) (err error) {
	at, err := l.archiver.Signalling(ctx)
	if err != nil {
		return err
	}
	foreign := at.Foreign
	if network := at.Info.NetworkID; network != "" && network != l.join.NetworkID {
		err := fmt.Errorf("archiver %s is of network %s, this node's ledger of %s: use an archiver of this network, "+
			"or begin a new ledger with another --data and --network-id %s", l.server(), network, l.join.NetworkID, network)
		l.hopeless(err)
		return err
	}
	if !foreign && !l.taken.claim(at.Info.Key, l) {
		return errors.New("another URL leads to the same archiver: give one of them")
	}
	defer l.taken.release(at.Info.Key, l)
	token := l.token(at)
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: at.Server.URL(), Key: at.Server.Key, ID: l.key.Public(), Token: token}, l.log)
	l.lead = nextLead(l.lead, err)
	if err != nil {
		return signallingError(err)
	}
	defer func() {
		// A node that stops may have closed its sessions before this is told.
		l.leave(ctx, sig, foreign, ctx.Err() != nil || errors.Is(err, rtc.ErrClosed))
	}()
	attached, err := l.peer.Attach(l.server(), sig)
	if err != nil {
		return err
	}
	up, ended := context.WithCancelCause(ctx) // ends with the connection
	var reading sync.WaitGroup
	reading.Go(func() { ended(errors.Join(attached.Run(up), sig.Err())) })
	defer reading.Wait()
	defer ended(nil)

	if foreign {
		l.log.Warn("not an archiver but a bare PeerJS server: this node is on no list there, and is reached by its peer id alone")
	} else if err := l.enlist(up, token); err != nil {
		return err
	}
	l.lastErr.Store(nil)
	l.told = repeated{}
	l.joined.Store(true)
	defer l.joined.Store(false)
	l.log.Info("connected to the archiver", "peerId", sig.ID())
	l.opened()
	if !foreign && !l.looked {
		l.looked = true
		l.lookWhereListed(up)
	}
	again := time.NewTicker(rejoinEvery)
	defer again.Stop()
	for {
		select {
		case <-up.Done():
			return context.Cause(up)
		case <-again.C:
			if foreign {
				continue
			}
			if err := l.enlist(up, token); err != nil {
				l.log.Warn("the place on the list could not be confirmed", "err", err)
			}
		}
	}
}

// leave closes the connection; if the node stops, it says goodbye first, and
// waits until clients can no longer see it on the list.
func (l *link) leave(ctx context.Context, sig *signaling.Client, foreign, stops bool) {
	if !stops {
		sig.Close()
		return
	}
	bye, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if err := sig.Leave(bye); err != nil {
		l.log.Debug("leave", "err", err)
	}
	if foreign {
		return
	}
	if err := l.await(bye, false); err != nil {
		l.log.Debug("left without seeing the list", "err", err)
	}
}

// server names this archiver's signalling server to the rtc layer.
func (l *link) server() string { return l.archiver.Archiver().URL }

// enlist joins the archiver's list and waits until clients can see it there.
// The token's hash ties the request to the socket that the token opened.
func (l *link) enlist(ctx context.Context, token string) error {
	join := l.join
	join.TokenHash = nodelist.TokenHash(token)
	if err := l.archiver.Join(ctx, join, l.key); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, listedWithin, fmt.Errorf("not on the list %v after joining it", listedWithin))
	defer cancel()
	return l.await(ctx, true)
}

// await looks at the archiver's list until this node is on it, or off it.
func (l *link) await(ctx context.Context, on bool) error {
	for poll := listedPoll; ; poll = min(2*poll, slowPoll) {
		list, err := l.archiver.Active(ctx)
		there := slices.ContainsFunc(list.Nodes, func(n nodelist.Node) bool { return n.PeerID == l.join.PeerID })
		switch {
		case err == nil && there == on:
			return nil
		case err != nil && !on: // an archiver that is gone lists nobody
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(poll):
		}
	}
}

// tokenLife is how long a token is good for; archivers take up to 2 minutes.
const tokenLife = time.Minute

// token makes a token for one connection. Each expires later than the one
// before, because the server lets the later one take the id over from a
// connection that has died without a word.
func (l *link) token(at nodelist.Signalling) string {
	now := time.Now().Add(at.Info.Skew)
	expiry := now.Add(tokenLife + l.lead)
	earliest := l.lastExpiry.Add(time.Second)
	if expiry.Before(earliest) && earliest.Before(now.Add(2*tokenLife-10*time.Second)) { // else the archiver's clock was set back
		expiry = earliest
	}
	l.lastExpiry = expiry
	return nodelist.NewToken(l.key, at.Info.Key, expiry)
}

// nextLead returns how much later the next token should expire: a token that
// was refused may have met one of the same second, from before a restart.
func nextLead(lead time.Duration, err error) time.Duration {
	if _, refused := errors.AsType[*signaling.ServerError](err); !refused {
		return 0
	}
	return (lead + 20*time.Second) % tokenLife
}

// claims says which archiver each link of a node holds: two of them at one
// archiver would take the node's id from each other for ever.
type claims struct {
	mu    sync.Mutex
	links map[string]*link // by the archiver's key
}

// claim gives the archiver of that key to l, unless another link has it.
func (c *claims) claim(key string, l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links == nil {
		c.links = make(map[string]*link)
	}
	if other := c.links[key]; other != nil && other != l {
		return false
	}
	c.links[key] = l
	return true
}

// release gives the archiver of that key back, if l had it.
func (c *claims) release(key string, l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links[key] == l {
		delete(c.links, key)
	}
}
