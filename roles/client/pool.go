package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	drainTime   = time.Minute      // for the requests in hand on a session that was replaced
	replaceTime = 20 * time.Second // for its successor to open
	replaceWait = 5 * time.Second  // between two attempts at that
)

// An opener opens a session with a node that is searched for, or fails with
// errNoOther if there is none.
type opener func(ctx context.Context, s *search) (*conversation, error)

// A pool holds the open sessions: it opens one when none is open, others
// beside it if it is to keep more, and successors of those that are worn.
type pool struct {
	// Fixed.
	open  opener
	nodes *records
	pace  *pace // of reads
	log   *slog.Logger
	ctx   context.Context // ends with close
	stop  context.CancelFunc
	turn  chan struct{} // holds a token while a caller opens a session
	lost  chan struct{} // gets a token when a session has ended, or fallen silent

	wg sync.WaitGroup // what watches each session and drains it, and what keeps the pool full

	mu      sync.Mutex
	members []*member // guarded by mu; all that are open
	closed  bool      // guarded by mu
	failed  error     // guarded by mu; why a session could not be opened at last

	counts counts

	lossSaid time.Time // guarded by mu; when it was warned of a lost subscription
}

// newPool returns a pool over the sessions that open opens. It opens none yet.
func newPool(open opener, nodes *records, log *slog.Logger) *pool {
	ctx, stop := context.WithCancel(context.Background())
	return &pool{
		open: open, nodes: nodes, pace: newPace(), log: log, ctx: ctx, stop: stop,
		turn: make(chan struct{}, 1), lost: make(chan struct{}, 1),
	}
}

var errClosed = errors.New("the connection was closed")

// connect opens a session if there is none.
func (p *pool) connect(ctx context.Context) error {
	m, err := p.take(ctx, nil)
	if err == nil {
		p.giveBack(m)
	}
	return err
}

// take returns a session for a request that was tried on others in vain, and
// opens one if there is no other.
func (p *pool) take(ctx context.Context, tried []*member) (*member, error) {
	if m, err := p.choose(tried, true); m != nil || err != nil {
		return m, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, p.notOpened(context.Cause(ctx))
	case <-p.ctx.Done():
		return nil, errClosed
	}
	if m, err := p.choose(tried, true); m != nil || err != nil { // somebody else has opened one
		return m, err
	}
	conv, err := p.open(ctx, patiently(peersOf(tried)))
	if errors.Is(err, errNoOther) {
		conv, err = p.open(ctx, patiently(nil))
	}
	if err != nil {
		p.note(err)
		return nil, err
	}
	return p.put(conv, 1) // even if it is lost already: the request will say so
}

// note keeps why no session could be opened.
func (p *pool) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = err
}

// notOpened is the error of a request that waited for another to open a session:
// it has the hop at which that failed before.
func (p *pool) notOpened(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		return fmt.Errorf("no session is open yet: %w", err)
	}
	return fmt.Errorf("no session is open yet: %w; before: %w", err, p.failed)
}

func peersOf(list []*member) (peers []string) {
	for _, m := range list {
		peers = append(peers, m.peerID)
	}
	return peers
}

// choose takes one of the open sessions, other than those tried; a new one with a
// node that was tried only if there is no other node's, and one that is silent only
// if told to. It is nil if there is none.
func (p *pool) choose(tried []*member, silent bool) (*member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	var fit, again, mute []*member
	peers := peersOf(tried)
	for _, m := range p.members {
		switch {
		case m.retired || isClosed(m.ended) || slices.Contains(tried, m):
		case m.silent(p.pace.silence()):
			mute = append(mute, m)
		case slices.Contains(peers, m.peerID):
			again = append(again, m)
		default:
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		fit = again
	}
	if len(fit) == 0 && silent {
		fit = mute
	}
	if len(fit) == 0 {
		return nil, nil
	}
	weights := make([]float64, len(fit))
	for i, m := range fit {
		weights[i] = p.nodes.of(m.peerID).weight()
	}
	m := fit[draw(weights)]
	m.users++
	return m, nil
}

// put adds conv to the sessions, with so many requests in hand. A pool that was
// closed meanwhile closes it.
func (p *pool) put(conv *conversation, inHand int) (*member, error) {
	m := &member{conversation: conv, users: inHand}
	if !p.adopt(m) {
		conv.close()
		return nil, errClosed
	}
	return m, nil
}

// adopt adds m, which takes the place of one with the same peer that is silent.
func (p *pool) adopt(m *member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	for _, old := range p.members {
		if old.peerID == m.peerID && old.silent(p.pace.silence()) {
			old.retire()
		}
	}
	p.members = append(p.members, m)
	p.counts.opened.Add(1)
	p.wg.Go(func() { p.watch(m) })
	return true
}

// giveBack ends a use of m, which is given up after the last if it takes no more
// requests.
func (p *pool) giveBack(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.users--; m.users == 0 && m.retired {
		m.retire()
	}
}

// forget has no request begin on m any more.
func (p *pool) forget(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.retired = true
}

// watch ends with m: lost, worn and replaced, given up, or closed with the pool.
func (p *pool) watch(m *member) {
	defer func() {
		p.remove(m)
		m.close()
		p.wake()
	}()
	select {
	case <-p.ctx.Done():
	case <-m.ended:
		p.counts.lost.Add(1)
	case <-m.ghost():
		p.counts.givenUp.Add(1)
	case <-m.worn:
		p.counts.worn.Add(1)
		p.replace(m)
		p.drain(m)
	}
}

func (p *pool) remove(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = slices.DeleteFunc(p.members, func(other *member) bool { return other == m })
}

// wake has the keeper look at the sessions.
func (p *pool) wake() {
	select {
	case p.lost <- struct{}{}:
	default:
	}
}

// replace opens the successor of m, which serves on meanwhile.
func (p *pool) replace(m *member) {
	for !isClosed(m.ended) && p.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(p.ctx, replaceTime)
		next, err := p.open(ctx, besides(p.peersBut(m)))
		if errors.Is(err, errNoOther) {
			next, err = p.open(ctx, besides(nil))
		}
		cancel()
		if err == nil {
			p.log.Debug("session replaced", "from", m.peerID, "to", next.peerID)
			_, _ = p.put(next, 0) // an error: the pool was closed meanwhile
			p.forget(m)
			return
		}
		p.log.Warn("the session could not be replaced yet", "peer", m.peerID, "err", err)
		wait(p.ctx, replaceWait)
	}
}

// peersBut returns with whom there are sessions beside m.
func (p *pool) peersBut(m *member) (peers []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.members {
		if other != m {
			peers = append(peers, other.peerID)
		}
	}
	return peers
}

// drain waits for the requests in hand on m.
func (p *pool) drain(m *member) {
	ctx, cancel := context.WithTimeout(p.ctx, drainTime)
	defer cancel()
	for p.inHand(m) > 0 && ctx.Err() == nil && !isClosed(m.ended) {
		wait(ctx, 20*time.Millisecond)
	}
}

func (p *pool) inHand(m *member) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.users
}

// stats tells how the sessions do.
func (p *pool) stats() (list []PeerStat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		r := p.nodes.of(m.peerID)
		list = append(list, PeerStat{Peer: m.peerID, Trip: r.trip, Errors: r.errors, InHand: m.users, Silent: m.silent(p.pace.silence())})
	}
	return list
}

// close closes every session and waits for what used it.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	p.wg.Wait()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
