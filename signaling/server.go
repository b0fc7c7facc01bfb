package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/internal/clientip"
)

// Hooks are what a [Server] asks and tells its owner. Each may be nil.
//
// Connected, Left and Disconnected are called one at a time, in the order in
// which things happened, and while no lock is held that a method of Server
// takes. Each Connected is followed by one Disconnected before the next
// Connected of that id. They must return quickly: sockets wait for them.
type Hooks struct {
	Proof        Proof      // nil: ids that are keys are ids like any other
	Connected    func(Peer) // a socket holds the id
	Left         func(Peer) // the peer said LEAVE; Disconnected follows
	Disconnected func(Peer) // the socket holds the id no more

	// Refused is told who was refused, and why. Many goroutines call it, at once.
	Refused func(remote string, why Refusal)
	// Ended is told whose socket holds its id no more, and why, after Disconnected.
	Ended func(remote string, why End)
}

// A Peer is a registered id and the socket that holds it.
type Peer struct {
	ID        string
	Addr      netip.Addr // of the socket's other end
	TokenHash [32]byte   // SHA-256 of its token
	Proven    bool       // admitted by Hooks.Proof
	Node      bool       // marked by Server.MarkNode
	LastSeen  time.Time  // when it last sent a message or answered a ping
}

// A Server is a PeerJS server: an [http.Handler] for everything below
// Config.Path. Use [NewServer].
type Server struct {
	cfg *settings

	// Fixed.
	base     string // normalised path
	hooks    Hooks
	log      *slog.Logger
	start    time.Time
	registry *registry
	diary    diary
	upgrader websocket.Upgrader

	sockets sync.WaitGroup // goroutines of sockets
	writers writers
	buffers sync.Pool // of *spender, for messages being read
	kit     *quietKit // fixed
}

// NewServer returns a server that answers but neither pings nor expires
// anything until [Server.Run].
func NewServer(cfg Config, hooks Hooks, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("signaling: %w", err)
	}
	s := &Server{cfg: newSettings(cfg), base: normalizePath(cfg.Path), hooks: hooks, log: log.With("part", "signaling"), start: time.Now()}
	s.writers.group = &s.sockets
	s.registry = newRegistry(s.cfg, hooks.Proof != nil, s.tell)
	s.diary = diary{log: s.log, spares: func(e event) bool { return s.registry.places.spares(e.peer.Addr) }}
	s.buffers.New = func() any { return new(spender) }
	s.kit = newQuietKit(cfg.WriteTimeout, cfg.MaxMessage)
	s.upgrader = websocket.Upgrader{
		WriteBufferPool: new(sync.Pool),                           // its connection is never used
		CheckOrigin:     func(*http.Request) bool { return true }, // pages of any origin are the users
		Error: func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
			http.Error(w, http.StatusText(status), status)
		},
	}
	return s, nil
}

// Run pings and expires until ctx ends, then refuses new sockets, closes those
// that are open with code 1001 and returns when nothing of the server is
// running any more. It may be called once; a clean stop is nil.
func (s *Server) Run(ctx context.Context) error {
	watch := time.NewTicker(s.registry.wheel.grain)
	defer watch.Stop()
	clean := time.NewTicker(s.cfg.get().CleanupInterval)
	defer clean.Stop()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop()
			return nil
		case <-watch.C:
			s.watch(rest)
		case <-rest.C:
			s.watch(rest)
		case <-s.cfg.changed:
			clean.Reset(s.cfg.get().CleanupInterval)
		case <-clean.C:
			s.registry.expire(s.now())
			s.registry.forget(time.Now(), s.now())
			s.diary.sum(s.now(), false)
		}
		s.registry.events.flush()
	}
}

// watch looks after some sockets, and again after a rest if there are more.
func (s *Server) watch(rest *time.Timer) {
	if s.registry.watch(s.now()) {
		rest.Reset(watchRest)
	}
}

// stop closes every socket, politely for CloseTimeout and then without.
func (s *Server) stop() {
	s.registry.stop(websocket.CloseGoingAway)
	s.registry.events.flush()
	hard := time.AfterFunc(s.cfg.get().CloseTimeout+controlWait, s.registry.abort)
	defer hard.Stop()
	s.sockets.Wait()
	s.diary.sum(s.now(), true)
}

// Peer returns who holds an id now.
func (s *Server) Peer(id string) (Peer, bool) {
	p, seen, ok := s.registry.lookup(id)
	if ok {
		p.LastSeen = s.start.Add(seen)
	}
	return p, ok
}

// MarkNode says that the socket which holds id now is a node's: from now on it
// is dropped after PongTimeout without a sign of life, as proven ones are. A
// reconnect with the same token keeps the mark. It is false if nobody holds id.
func (s *Server) MarkNode(id string) bool { return s.registry.mark(id) }

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	var st Stats
	s.registry.fill(&st)
	return st
}

// Fullest returns of how many addresses there are sockets which count, and which
// part of what one may have the one has that has the most.
func (s *Server) Fullest() (addresses int, part float64) { return s.registry.fullest() }

// refused counts a refusal of whoever is at remote, and tells of it.
func (s *Server) refused(remote string, why Refusal) {
	s.registry.stats.refused[why].Add(1)
	if s.hooks.Refused != nil {
		s.hooks.Refused(remote, why)
	}
}

// now is the time since the server's start, by a clock that never jumps.
func (s *Server) now() time.Duration { return time.Since(s.start) }

// tell passes an event to the log and to the owner.
func (s *Server) tell(e event) {
	s.diary.note(e, s.now())
	switch e.kind {
	case eventConnected:
		call(s.hooks.Connected, e.peer)
	case eventLeft:
		call(s.hooks.Left, e.peer)
	case eventDisconnected:
		call(s.hooks.Disconnected, e.peer)
		if s.hooks.Ended != nil {
			s.hooks.Ended(e.from, e.end)
		}
	}
}

func call(hook func(Peer), p Peer) {
	if hook != nil {
		hook(p)
	}
}

// remoteName is what the log calls the other end of a socket: host and port
// or, behind a proxy, the address that the proxy reports.
func remoteName(r *http.Request, addr netip.Addr) string {
	if addr.IsValid() && addr != clientip.Direct(r) {
		return addr.String()
	}
	return r.RemoteAddr
}
