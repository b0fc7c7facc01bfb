package client

import (
	"context"
	"errors"
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

	mu    sync.Mutex
	avoid []string                                   // guarded by mu; and who is being dialled or was found
	vain  map[[2]string]bool                         // guarded by mu; archivers and peers that were dialled through them
	looks map[*nodelist.Client]func() (found, error) // guarded by mu
}

// besides returns a search for a node other than those.
func besides(peers []string) *search {
	return &search{
		avoid: slices.Clone(peers), vain: make(map[[2]string]bool),
		looks: make(map[*nodelist.Client]func() (found, error)),
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

// look returns what ask finds out about an archiver, which is asked once.
func (s *search) look(a *nodelist.Client, ask func() (found, error)) (found, error) {
	s.mu.Lock()
	once := s.looks[a]
	if once == nil {
		once = sync.OnceValues(ask)
		s.looks[a] = once
	}
	s.mu.Unlock()
	return once()
}

// avoided returns with whom no session is wanted.
func (s *search) avoided() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.avoid)
}

// claim reports whether a peer may be dialled through an archiver. Nobody else
// gets it then, until it is released.
func (s *search) claim(archiver, peer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.avoid, peer) || s.vain[[2]string{archiver, peer}] {
		return false
	}
	s.avoid = append(s.avoid, peer)
	return true
}

// release says that a peer was dialled through an archiver in vain, and whether
// it may be once more.
func (s *search) release(archiver, peer string, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.avoid = slices.DeleteFunc(s.avoid, func(other string) bool { return other == peer })
	s.vain[[2]string{archiver, peer}] = !again
}

// An attempt is at a session with one of several nodes, through one archiver.
type attempt struct {
	c      *Client
	s      *search
	server string // URL of the archiver
	dial   func(ctx context.Context, t rtc.Target) (*conversation, error)
	back   context.Context // until it ends, who is absent is waited for

	first error // of the nodes that were dialled
}

// run dials the targets in turn until there is a session, and those that are
// absent again when the others were.
func (a *attempt) run(ctx context.Context, targets []rtc.Target) (*conversation, error) {
	conv, absent := a.round(ctx, targets, maxTries)
	for conv == nil && len(absent) > 0 {
		if wait(a.back, absentLeast+rand.N(absentSpread)); a.back.Err() != nil {
			break
		}
		conv, absent = a.round(a.back, absent, maxTries)
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
// that were absent if there is no session.
func (a *attempt) round(ctx context.Context, targets []rtc.Target, most int) (conv *conversation, absent []rtc.Target) {
	for i, t := range targets {
		if most == 0 || ctx.Err() != nil {
			break
		}
		if !a.s.claim(a.server, t.PeerID) {
			continue
		}
		tctx, cancel := share(ctx, min(most, len(targets)-i))
		conv, err := a.dial(tctx, t)
		cancel()
		if err == nil {
			return conv, nil
		}
		most--
		away := a.s.patient && a.c.cfg.Peer == "" && errors.Is(err, rtc.ErrPeerAbsent)
		a.s.release(a.server, t.PeerID, away)
		a.c.log.Debug("node given up", "peer", t.PeerID, "err", err, "again", away)
		a.c.nodes.failed(t.PeerID)
		if away {
			absent = append(absent, t)
		}
		if a.first == nil {
			a.first = err
		}
	}
	return nil, absent
}
