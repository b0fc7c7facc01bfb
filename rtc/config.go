package rtc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Claims are what an identity says: who answered, on which connection of which
// network, and between which two DTLS certificates. Fingerprints are written
// "sha-256 AB:CD:…".
type Claims struct {
	PeerID            string
	ConnectionID      string
	NetworkID         string
	Fingerprint       string // of the answerer
	RemoteFingerprint string // of the offerer, as the answerer saw it
	Timestamp         int64  // unix milliseconds at the answerer
}

// A Signer makes the identity that goes into an ANSWER. It fills in the claims
// that are its own to know: PeerID, NetworkID and Timestamp.
type Signer interface {
	SignIdentity(c Claims) (json.RawMessage, error)
}

// A Verifier opens the identity of an ANSWER. It returns what was claimed and
// the public key that signed it, or an error if it is malformed or the
// signature does not hold. Comparing the claims with the connection is done
// here, in one place.
type Verifier interface {
	VerifyIdentity(identity json.RawMessage) (c Claims, owner string, err error)
}

// Config says what a Peer may do. The zero value of a limit is not "none":
// start from [DefaultConfig].
type Config struct {
	// HandshakeTimeout bounds the time from an offer to an open data channel.
	HandshakeTimeout time.Duration
	// GatherWait is how long a description waits for host candidates, which
	// take a millisecond. Those that come later are trickled.
	GatherWait time.Duration
	// Silence is after how long a peer that says nothing is gone. Peers that
	// have nothing to say prove about every half of it that they are there.
	Silence time.Duration
	// SendTimeout is how often a peer that others wait to write to is looked
	// at: one that has read less than a sixteenth of MaxBuffered in that time
	// loses its session.
	SendTimeout time.Duration
	// AnswerWait is how long a dial waits for an answer before it offers again,
	// in DialectAuto in the other dialect: an offer may be lost, or declined by a
	// node that is crowded, and both look alike.
	AnswerWait time.Duration
	// ReassemblyTimeout is how long a message that comes in pieces may take to
	// become complete.
	ReassemblyTimeout time.Duration

	// MaxDatagrams and MaxAge are when a session is worn; see [Session.Worn].
	MaxDatagrams uint64
	MaxAge       time.Duration

	// MaxHandshakes is how many offers are answered at once whose peers have not
	// shown that they read the answer, and how many whose peers have.
	MaxHandshakes      int
	MaxSessions        int // connections in all
	MaxSessionsPerPeer int // connections of one signalling id
	// MaxSessionsPerAddress bounds the connections accepted of one address (a
	// /64 of IPv6), counted once ICE has found it, so that it is not made up.
	// LimitExempt are the networks that it spares.
	MaxSessionsPerAddress int
	LimitExempt           []netip.Prefix
	// OffersPerSecond and OffersAtOnce bound the offers of one signalling id.
	OffersPerSecond float64
	OffersAtOnce    int

	MaxMessage  int // bytes of a message, however many frames it takes; advertised in the SDP
	MaxBuffered int // bytes waiting in a session for its peer to read

	// MaxUnread bounds what came of all connections and was not read, in bytes of
	// memory: each SCTP chunk counts for 1 KiB beside its data. Over it, the
	// connection with the most is closed. Each may have 32 times MaxMessage, and
	// 8 MiB at least.
	MaxUnread int

	// MaxUnsent bounds what all sessions have to send and their peers have not
	// received, in bytes of memory, the messages of waiting Sends included. While
	// it is taken, sessions over their share of it wait, and those that have kept
	// theirs for half of SendTimeout are closed. 16 KiB of each wait for nobody.
	MaxUnsent int

	// Loopback offers 127.0.0.1 as a candidate, for networks on one machine.
	Loopback bool

	// Ports are where accepted sessions come in; they must outlive the Peer.
	// Without them each session has a socket of its own, as dialled ones have:
	// a dialler that shared one port would not know two nodes on one host apart.
	Ports *Ports

	// Signer signs the ANSWERs; nil sends none. Verifier opens those of
	// others; without it no identity can be demanded.
	Signer   Signer
	Verifier Verifier

	// Serve handles an accepted session until it returns, in a goroutine of
	// its own. The context ends with the session. Without Serve every offer is declined.
	Serve func(ctx context.Context, s *Session)

	// Declined is told whose offer was not answered, by its signalling id, and why;
	// nil: nobody is. Many goroutines call it, at once.
	Declined func(peer string, why Decline)

	// Ended is told whose connection is no more, and why; nil: nobody is. Many
	// goroutines call it, at once.
	Ended func(peer string, why End)
}

// DefaultConfig returns the limits documented in docs/protocol.md.
func DefaultConfig() Config {
	return Config{
		HandshakeTimeout:      10 * time.Second,
		GatherWait:            200 * time.Millisecond,
		Silence:               12 * time.Second,
		MaxDatagrams:          1 << 22,
		MaxAge:                24 * time.Hour,
		SendTimeout:           10 * time.Second,
		AnswerWait:            2 * time.Second,
		ReassemblyTimeout:     30 * time.Second,
		MaxHandshakes:         128,
		MaxSessions:           4096,
		MaxSessionsPerPeer:    8,
		MaxSessionsPerAddress: 256,
		LimitExempt:           []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		OffersPerSecond:       100,
		OffersAtOnce:          500,
		MaxMessage:            256 << 10,
		MaxBuffered:           1 << 20,
		MaxUnread:             64 << 20,
		MaxUnsent:             64 << 20,
	}
}

// Validate reports every bad setting.
func (c Config) Validate() error {
	var errs []error
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"handshake timeout", c.HandshakeTimeout}, {"silence", c.Silence}, {"age", c.MaxAge}, {"send timeout", c.SendTimeout}, {"answer wait", c.AnswerWait}, {"reassembly timeout", c.ReassemblyTimeout}} {
		if d.v < 100*time.Millisecond {
			errs = append(errs, fmt.Errorf("%s: %v is under 100ms", d.name, d.v))
		}
	}
	if c.GatherWait < 0 {
		errs = append(errs, fmt.Errorf("gather wait: %v is negative", c.GatherWait))
	}
	for _, n := range []struct {
		name string
		v    int
		min  int
	}{
		{"handshakes", c.MaxHandshakes, 1},
		{"sessions", c.MaxSessions, 1},
		{"sessions per peer", c.MaxSessionsPerPeer, 1},
		{"sessions per address", c.MaxSessionsPerAddress, 1},
		{"offers at once", c.OffersAtOnce, 1},
		{"message size", c.MaxMessage, 1024},
		{"buffered bytes", c.MaxBuffered, 64 << 10},
		{"unread bytes", c.MaxUnread, 256 << 10},
		{"unsent bytes", c.MaxUnsent, 256 << 10},
	} {
		if n.v < n.min {
			errs = append(errs, fmt.Errorf("%s: %d is under %d", n.name, n.v, n.min))
		}
	}
	if c.MaxDatagrams < 16 {
		errs = append(errs, fmt.Errorf("datagrams: %d is under 16", c.MaxDatagrams))
	}
	if !(c.OffersPerSecond > 0) {
		errs = append(errs, fmt.Errorf("offers per second: %v is not over 0", c.OffersPerSecond))
	}
	return errors.Join(errs...)
}
