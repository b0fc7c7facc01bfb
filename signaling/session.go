package signaling

import (
	"container/list"
	"crypto/subtle"
	"net/netip"
	"sync/atomic"
	"time"
)

// A session is what the registry knows of one socket. It holds an id from the
// moment it is admitted until it ends; before and after it only exists.
type session struct {
	// Fixed.
	id     string
	token  [32]byte // SHA-256
	addr   netip.Addr
	place  *place // where it counts; nil: it is spared
	remote string // host:port, for the log
	wire   wire
	out    outbox    // has its own lock
	holds  *holdings // of the address it comes from

	seen atomic.Int64 // when last heard from, as a time.Duration since the server's start; odd if that was no pong

	began atomic.Int64 // when the message being read began, in the same way; 0 = none is

	marked atomic.Bool // by Server.MarkNode; set under registry.mu

	// Guarded by registry.mu.
	proven   bool          // admitted by Hooks.Proof
	admitted bool          // has held its id
	expiry   time.Time     // of the token that proved it
	seq      uint64        // order of registration, kept over reconnects; fixed once registered
	nextPing time.Duration // since the server's start: when to see whether a ping is due
	skipped  int           // times that none was since the last

	// The wheel's, guarded by registry.mu.
	wheelPrev, wheelNext *session
	slot                 int
	onWheel              bool

	fadingAt *list.Element // in registry.fading; nil: it is not. Guarded by registry.mu
}

// A wire is the socket under a session. No method waits for the network.
type wire interface {
	wake()  // start a writer, which drains session.out
	abort() // give the connection up; nothing more can be written
	cut()   // close it at once
}

func (s *session) push(f frame) put {
	outcome, start := s.out.add(f)
	s.wakeIf(start)
	return outcome
}

// hand gives s a message that waited for it.
func (s *session) hand(f frame) {
	_, start := s.out.addWaiting(f) // has room: Config.Validate
	s.wakeIf(start)
}

// close ends the socket once everything pushed so far is written.
func (s *session) close(code int) { s.wakeIf(s.out.close(code)) }

func (s *session) ping() { s.wakeIf(s.out.askPing()) }

func (s *session) pong(payload string) { s.wakeIf(s.out.askPong(payload)) }

func (s *session) wakeIf(start bool) {
	if start {
		s.wire.wake()
	}
}

// touch notes that the peer has been heard from, and whether it spoke by itself.
func (s *session) touch(now time.Duration, pong bool) {
	seen := int64(now) | 1
	if pong {
		seen--
	}
	s.seen.Store(seen)
}

func (s *session) lastSeen() time.Duration { return time.Duration(s.seen.Load() &^ 1) }

// speaks reports whether the peer was last heard from without being asked.
func (s *session) speaks() bool { return s.seen.Load()&1 != 0 }

func (s *session) sameToken(token [32]byte) bool {
	return subtle.ConstantTimeCompare(s.token[:], token[:]) == 1
}
