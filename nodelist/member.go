package nodelist

import (
	"net/netip"
	"time"
)

const (
	silence  = 10 * time.Second  // a socket not heard of for so long is dead
	grace    = 5 * time.Second   // how long a node without a live socket stays listed
	maxSkew  = 60 * time.Second  // how far a join's timestamp may be off
	remember = 120 * time.Second // how long the timestamp of a node that left is kept: 2 × maxSkew
)

// Presence tells which peers have an open socket on the signalling server. It
// is asked without any lock held.
type Presence interface {
	Peer(id string) (Socket, bool)
	// MarkNode says that the open socket of id is a node's, which must show
	// that it is alive more often than a client's.
	MarkNode(id string) bool
}

// A Socket is what the signalling server knows of the open socket of a peer.
type Socket struct {
	// TokenHash is the SHA-256 of the token the peer connected with.
	TokenHash [32]byte
	// Proven says that the token was signed by the key that the peer's id is.
	Proven bool
	// LastSeen is when the last pong or message came.
	LastSeen time.Time
	// Addr is the peer's address.
	Addr netip.Addr
}

// A join is a join request whose form and signature are good.
type join struct {
	node      Node
	networkID string
	timestamp int64 // unix milliseconds
	tokenHash [32]byte
	hasToken  bool
}

// provenBy reports whether sock belongs to who signed the join: its token was
// signed by the key that the peerId is, or is the one the join names.
func (j *join) provenBy(sock Socket) bool {
	return sock.Proven || j.hasToken && sock.TokenHash == j.tokenHash
}

// A member is a node that joined. It is syncing until its socket is seen.
type member struct {
	join
	addr   netip.Addr // what it counts under; the zero Addr counts under no limit
	joined time.Time  // since when it is waited for, while syncing
	order  uint64     // grows with each joining and each activation
	active bool
	dead   time.Time // since when an active member has no live socket; zero while it has one
}

// look takes in what is known of the member's socket and reports whether the
// member has to become active or to go.
func (m *member) look(sock Socket, open bool, now time.Time) (activate, drop bool) {
	died := now
	if open && m.provenBy(sock) {
		if now.Sub(sock.LastSeen) < silence {
			m.dead = time.Time{}
			return !m.active, false
		}
		died = sock.LastSeen.Add(silence)
	}
	if !m.active {
		return false, now.Sub(m.joined) >= grace
	}
	if m.dead.IsZero() {
		m.dead = died
	}
	return false, now.Sub(m.dead) >= grace
}
