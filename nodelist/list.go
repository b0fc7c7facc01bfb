package nodelist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/tally"
)

// A List is the archiver's side: who is in the network, and what is signed
// about it. Use [New]. Its methods may be called from any goroutine.
type List struct {
	cfg      Config // fixed after New, but for what doors has
	doors    atomic.Pointer[doors]
	presence Presence
	log      *slog.Logger
	diary    diary
	handler  http.Handler

	mu     sync.Mutex
	roster *roster // guarded by mu

	kick   chan struct{}             // holds one token while what is published is out of date
	disk   turn                      // for the files
	state  state                     // owned by Run; what is on disk
	listed listed                    // owned by Run; what is published
	told   time.Time                 // owned by Run; when it was last said that this is not how it is
	behind atomic.Pointer[time.Time] // since when; nil: it is
	docs   atomic.Pointer[documents]
	counts counters

	borrowed borrowed                  // owned by Follow
	lentAt   atomic.Pointer[time.Time] // when that was had, or when this began; nil: nothing is borrowed
}

// New returns a List without nodes, with its first signed lists made and its
// new epoch on disk. It starts nothing; see [List.Run].
func New(cfg Config, presence Presence, log *slog.Logger) (*List, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("nodelist: %w", err)
	}
	cfg = cfg.withDefaults()
	kept, err := loadState(cfg.StateFile, time.Now())
	if err != nil {
		return nil, err
	}
	l := &List{
		cfg:      cfg,
		presence: presence,
		log:      log.With("part", "nodelist"),
		kick:     make(chan struct{}, 1),
		disk:     newTurn(),
		state:    kept,
		counts:   counters{refused: tally.Of(allRefusals[:])},
	}
	l.diary.log = l.log
	l.doors.Store(&doors{cfg.ClientAddr, cfg.LimitExempt})
	l.roster = newRoster(cfg, l.chooseNetwork(kept.NetworkID))
	if from := cfg.NodesFrom; from.URL != "" {
		if l.borrowed, err = loadBorrowed(cfg.NodesFromFile, from.Key); err != nil {
			return nil, err
		}
		l.roster.borrow(l.borrowed.Keys, time.Now())
		l.lentAt.Store(new(time.Now()))
	}
	l.roster.version = 1 // whoever was listed before the restart no longer is
	l.handler = l.routes()
	if err := l.publish(context.Background()); err != nil {
		return nil, fmt.Errorf("nodelist: %w", err)
	}
	return l, nil
}

// chooseNetwork returns the id to go by: the configured one wins.
func (l *List) chooseNetwork(kept string) string {
	if l.cfg.NetworkID == "" {
		return kept
	}
	if kept != "" && kept != l.cfg.NetworkID {
		l.log.Warn("configured network id replaces the one kept", "networkId", l.cfg.NetworkID, "kept", kept)
	}
	return l.cfg.NetworkID
}

// NetworkID returns the id of the network, "" while it is not known.
func (l *List) NetworkID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.roster.networkID
}

// VerifyToken checks the token of a peer whose id is a public key, for the
// signalling server of this archiver. See the function [VerifyToken]. A key that
// may not be listed is refused, so that strangers' keys take up nothing.
func (l *List) VerifyToken(id, token string) (expiry time.Time, err error) {
	l.mu.Lock()
	may := l.roster.mayJoin(id)
	l.mu.Unlock()
	if !may {
		return time.Time{}, errors.New("this key may not be listed here")
	}
	return VerifyToken(id, token, l.cfg.Key.Public(), time.Now())
}

// Changed says that a socket of the peer was opened or closed: the node is
// looked at at once.
func (l *List) Changed(peerID string) {
	l.mu.Lock()
	_, member := l.roster.byPeer[peerID]
	l.mu.Unlock()
	if !member { // a client
		return
	}
	sock, open := l.presence.Peer(peerID)
	l.update(func(r *roster, now time.Time) { r.observe(peerID, sock, open, now) })
}

// Left says that the node said goodbye: it is off the list at once.
func (l *List) Left(peerID string) {
	l.update(func(r *roster, now time.Time) { r.leave(peerID, now) })
}

// errNotOurs says that a good request does not ask to be listed.
var errNotOurs = errors.New("not a join")

// join lists the node that body asks for. Its error is a text for the node, or
// errNotOurs.
func (l *List) join(body any, from netip.Addr) error {
	j, wants, err := parseJoin(body)
	if err != nil {
		return err
	}
	if !wants {
		return errNotOurs
	}
	sock, open := l.presence.Peer(j.node.PeerID)
	l.update(func(r *roster, now time.Time) {
		err = r.add(j, l.doors.Load().place(from), sock, open, now)
	})
	if err != nil {
		return err
	}
	l.presence.MarkNode(j.node.PeerID)
	l.Changed(j.node.PeerID) // the socket may have come in between
	return nil
}

// sweep looks at every member.
func (l *List) sweep() {
	l.mu.Lock()
	ids := slices.Collect(maps.Keys(l.roster.byPeer))
	l.mu.Unlock()
	type seen struct {
		sock Socket
		open bool
	}
	sockets := make(map[string]seen, len(ids))
	for _, id := range ids {
		sock, open := l.presence.Peer(id)
		sockets[id] = seen{sock, open}
	}
	l.update(func(r *roster, now time.Time) {
		for id, s := range sockets {
			r.observe(id, s.sock, s.open, now)
		}
		r.forget(now)
	})
}

// update changes the roster, then logs what happened and has it published.
func (l *List) update(change func(r *roster, now time.Time)) {
	l.mu.Lock()
	before, now := l.roster.version, time.Now()
	change(l.roster, now)
	changed := l.roster.version != before
	events := l.roster.takeEvents()
	l.mu.Unlock()
	for _, e := range events {
		l.diary.note(e, now)
	}
	if changed {
		l.wake()
	}
}

// wake has Run publish soon.
func (l *List) wake() {
	select {
	case l.kick <- struct{}{}:
	default: // it is to do so already
	}
}
