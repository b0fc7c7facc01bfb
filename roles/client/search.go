package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
)

// maxTries is how many listed nodes are dialled through one archiver before it
// is given up.
const maxTries = 3

// A node that is listed and yet not connected to the signalling server may be on
// its way back there: it is dialled again after this and up to as long again.
const (
	absentLeast  = 200 * time.Millisecond
	absentSpread = 300 * time.Millisecond
)

// errNoOther says that there is a session with every node already.
var errNoOther = errors.New("there is no other node")

// A search is for a session with a node. One search may be gone through several
// times at once, for as many sessions, each with another node: the archivers are
// then asked once.
type search struct {
	patient bool // fixed; a listed node that is absent is waited for

	avoid []string // fixed

	mu     sync.Mutex
	claims map[string]claim           // guarded by mu; on who is being dialled or was found
	vain   map[[2]string]bool         // guarded by mu; archivers and peers that were dialled through them
	looks  map[*nodelist.Client]*look // guarded by mu
}

// A seeker goes through a search for one session. It may dial a peer through
// several archivers at once.
type seeker struct {
	s *search
}

// A claim is what a seeker has on a peer, once for each archiver.
type claim struct {
	by    *seeker
	n     int
	found bool // there is a session
}

// besides returns a search for a node other than those.
func besides(peers []string) *search {
	return &search{
		avoid: slices.Clone(peers), claims: make(map[string]claim), vain: make(map[[2]string]bool),
		looks: make(map[*nodelist.Client]*look),
	}
}

// patiently returns a search for a node other than those that waits for who is
// listed and absent, as far as the time goes.
func patiently(peers []string) *search {
	s := besides(peers)
	s.patient = true
	return s
}

// A found is what an archiver says: where its signalling server is, and who is
// connected to it.
type found struct {
	at   nodelist.Signalling
	list nodelist.SignedList
}

// A look is an archiver that is asked, or was.
type look struct {
	done chan struct{} // closed when the others are set
	found
	err error
	off bool // whoever asked was called off
}

// look returns what ask finds out about an archiver, which is asked once: again
// only if whoever asked was called off.
func (s *search) look(ctx context.Context, a *nodelist.Client, ask func(ctx context.Context) (found, error)) (found, error) {
	for {
		s.mu.Lock()
		l, asked := s.looks[a]
		if !asked {
			l = &look{done: make(chan struct{})}
			s.looks[a] = l
		}
		s.mu.Unlock()
		if !asked {
			l.found, l.err = ask(ctx)
			if l.off = l.err != nil && errors.Is(ctx.Err(), context.Canceled); l.off {
				s.mu.Lock()
				delete(s.looks, a)
				s.mu.Unlock()
			}
			close(l.done)
			return l.found, l.err
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return found{}, &nodelist.ArchiverError{URL: a.Archiver().URL, Err: fmt.Errorf("%w: %w", nodelist.ErrUnreachable, context.Cause(ctx))}
		}
		if !l.off {
			return l.found, l.err
		}
	}
}

// avoided returns with whom no session is wanted by k.
func (k *seeker) avoided() []string {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	list := slices.Clone(k.s.avoid)
	for peer, c := range k.s.claims {
		if c.by != k {
			list = append(list, peer)
		}
	}
	return list
}

// claim reports whether a peer may be dialled through an archiver. No other
// seeker gets it then, until it is released.
func (k *seeker) claim(archiver, peer string) bool {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	c := k.s.claims[peer]
	if c.n > 0 && c.by != k || slices.Contains(k.s.avoid, peer) || k.s.vain[[2]string{archiver, peer}] {
		return false
	}
	k.s.claims[peer] = claim{k, c.n + 1, c.found}
	return true
}

// keep says that there is a session with a peer that was claimed.
func (k *seeker) keep(peer string) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	c := k.s.claims[peer]
	c.found = true
	k.s.claims[peer] = c
}

// contested reports whether somebody else dials a peer beside others, and so may
// yet release it.
func (k *seeker) contested(peer string) bool {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	held, claimed := k.s.claims[peer]
	if !claimed || held.by == k || held.found {
		return false
	}
	for other, c := range k.s.claims {
		if other != peer && c.by == held.by {
			return true
		}
	}
	return false
}

// release says that a peer was dialled through an archiver in vain, and whether
// it may be once more.
func (k *seeker) release(archiver, peer string, again bool) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if c := k.s.claims[peer]; c.n > 1 {
		k.s.claims[peer] = claim{k, c.n - 1, c.found}
	} else {
		delete(k.s.claims, peer)
	}
	k.s.vain[[2]string{archiver, peer}] = !again
}

// An attempt is at a session with one of several nodes, through one archiver.
type attempt struct {
	c      *Client
	k      *seeker
	server string // URL of the archiver
	dial   func(ctx context.Context, t rtc.Target) (*conversation, error)
	back   context.Context // until it ends, who is absent is waited for

	first error // of the nodes that were dialled
}

// run dials the targets until there is a session, and those that are absent, or were
// dialled for another session and may not be needed there, when the others were.
func (a *attempt) run(ctx context.Context, targets []rtc.Target) (*conversation, error) {
	conv, left := a.round(ctx, targets, maxTries)
	for conv == nil && len(left) > 0 {
		if wait(a.back, absentLeast+rand.N(absentSpread)); a.back.Err() != nil {
			break
		}
		conv, left = a.round(a.back, left, maxTries)
	}
	switch {
	case conv != nil:
		return conv, nil
	case a.first != nil:
		return nil, a.first
	}
	return nil, errNoOther
}

// round dials each of the targets once, as many as may be, and returns those
// that may be dialled later on if there is no session. It does not wait for a slow one before
// it dials the next.
func (a *attempt) round(ctx context.Context, targets []rtc.Target, most int) (conv *conversation, left []rtc.Target) {
	var dialled []rtc.Target // owned by the hedge
	at := 0
	h := hedge[*conversation]{drop: func(late *conversation) { late.end() }}
	h.next = func() trial[*conversation] {
		for ; at < len(targets) && len(dialled) < most; at++ {
			if t := targets[at]; a.k.claim(a.server, t.PeerID) {
				at++
				dialled = append(dialled, t)
				return func(ctx context.Context, _ func(time.Duration)) (*conversation, error) { return a.dial(ctx, t) }
			}
		}
		return nil
	}
	conv, winner, errs := h.run(ctx)
	if winner >= 0 {
		a.k.keep(conv.peerID)
	}
	for i, t := range dialled {
		if i == winner {
			continue
		}
		overtaken := errors.Is(errs[i], errOvertaken)
		away := a.k.s.patient && a.c.cfg.Peer == "" && errors.Is(errs[i], rtc.ErrPeerAbsent)
		a.k.release(a.server, t.PeerID, away || overtaken)
		a.c.log.Debug("node given up", "peer", t.PeerID, "err", errs[i], "again", away)
		if !overtaken || i < winner { // who was dialled after the winner has had less time
			a.c.nodes.failed(t.PeerID)
		}
		if away {
			left = append(left, t)
		}
		if a.first == nil {
			a.first = errs[i]
		}
	}
	for _, t := range targets {
		if a.k.contested(t.PeerID) {
			left = append(left, t)
		}
	}
	return conv, left
}
