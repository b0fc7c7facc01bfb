package rtc

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/tally"
)

// A Decline says why an offer was not answered.
type Decline string

// The closed set of declines.
const (
	DeclineMalformed Decline = "malformed" // a payload that cannot be read
	DeclineNobody    Decline = "nobody"    // this peer accepts nobody
	DeclineForm      Decline = "form"      // a serialization that is not spoken here
	DeclineRate      Decline = "rate"      // too many offers of this peer id
	DeclineSessions  Decline = "sessions"  // as many connections as there may be
	DeclinePeer      Decline = "peer"      // as many connections of this peer id as there may be
	DeclineTaken     Decline = "taken"     // the connection id is in use
	DeclineCrowded   Decline = "crowded"   // too many handshakes at once
	DeclineStopping  Decline = "stopping"
)

var allDeclines = [...]Decline{
	DeclineMalformed, DeclineNobody, DeclineForm, DeclineRate, DeclineSessions, DeclinePeer, DeclineTaken, DeclineCrowded, DeclineStopping,
}

// An End says why a connection is no more, be it in its handshake or after.
type End string

// The closed set of ends.
const (
	EndClosed      End = "closed"      // by either end
	EndSilent      End = "silent"      // nothing was heard of the peer for too long
	EndStranded    End = "stranded"    // our own address went
	EndSlow        End = "slow"        // the peer did not read
	EndUnsent      End = "unsent"      // the peer read slowly, and others needed the memory
	EndFlooded     End = "flooded"     // too many signalling messages, or data channels
	EndAbsent      End = "absent"      // nobody holds the peer id
	EndTimeout     End = "timeout"     // not open in time, answered or not
	EndNoPath      End = "no_path"     // no pair of addresses works
	EndEncryption  End = "encryption"  // DTLS failed
	EndIdentity    End = "identity"    // not proven, or not with the certificate in use
	EndDescription End = "description" // a description that cannot be used
	EndCrowded     End = "crowded"     // had to make room for newer handshakes
	EndAddress     End = "address"     // too many connections of one address
	EndOther       End = "other"
)

var allEnds = [...]End{
	EndClosed, EndSilent, EndStranded, EndSlow, EndUnsent, EndFlooded, EndAbsent, EndTimeout, EndNoPath, EndEncryption,
	EndIdentity, EndDescription, EndCrowded, EndAddress, EndOther,
}

// endings pairs the errors of connections with their ends, the more telling first.
var endings = [...]struct {
	err error
	end End
}{
	{errSilent, EndSilent},
	{errStranded, EndStranded},
	{ErrSlowPeer, EndSlow},
	{errUnsent, EndUnsent},
	{errFlooded, EndFlooded},
	{ErrPeerAbsent, EndAbsent},
	{ErrTimeout, EndTimeout},
	{ErrNoAnswer, EndTimeout},
	{errNoPath, EndNoPath},
	{errEncryption, EndEncryption},
	{ErrIdentity, EndIdentity},
	{errDescription, EndDescription},
	{errCrowded, EndCrowded},
	{errAddress, EndAddress},
	{ErrClosed, EndClosed},
}

func endOf(cause error) End {
	for _, e := range endings {
		if errors.Is(cause, e.err) {
			return e.end
		}
	}
	return EndOther
}

// Stats are the counts of a [Peer] at one moment. The maps have every name of
// their set.
type Stats struct {
	Connections int // those in their handshake included
	Handshakes  int // of peers that dialled us,
	Unchecked   int // of which these have not shown that they read the answer
	Sessions    int // open
	Addresses   int // that have connections which count

	Unread int64 // bytes of memory that hold what came and was not read
	Unsent int64 // bytes of memory that hold what was not received

	// PeerConnections are those that were made with pion and are not wholly
	// closed. More than there are Connections, for longer than a close takes,
	// are a leak.
	PeerConnections int

	Opened   uint64 // sessions so far
	Worn     uint64 // of them, that were to be replaced
	Declined map[Decline]uint64
	Ended    map[End]uint64

	Phases map[Hop]tally.Snapshot // how long accepted connections took for each hop that they passed
}

// counters count what happens.
type counters struct {
	pcs, sessions atomic.Int64
	opened, worn  atomic.Uint64
	declined      tally.Counts[Decline]
	ended         tally.Counts[End]

	phases map[Hop]*tally.Histogram // fixed
}

func newCounters() *counters {
	n := &counters{declined: tally.Of(allDeclines[:]), ended: tally.Of(allEnds[:]), phases: make(map[Hop]*tally.Histogram)}
	for _, hop := range []Hop{HopSignalling, HopICE, HopDTLS, HopChannel} {
		n.phases[hop] = tally.Times(3*time.Millisecond, 10*time.Millisecond, 30*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond,
			time.Second, 3*time.Second, 10*time.Second)
	}
	return n
}

// decline counts an offer of a peer that was not answered, and tells of it.
func (p *Peer) decline(peer string, why Decline) {
	p.counts.declined[why].Add(1)
	if p.cfg.Declined != nil {
		p.cfg.Declined(clip(peer), why)
	}
}

// ended counts a connection that is no more, and tells of it.
func (p *Peer) ended(peer string, why End) {
	p.counts.ended[why].Add(1)
	if p.cfg.Ended != nil {
		p.cfg.Ended(clip(peer), why)
	}
}

// Fullest returns of how many addresses there are connections which count, and
// which part of what one may have the one has that has the most.
func (p *Peer) Fullest() (addresses int, part float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := 0
	for _, n := range p.perAddress {
		most = max(most, n)
	}
	return len(p.perAddress), float64(most) / float64(p.cfg.MaxSessionsPerAddress)
}

// Stats returns the counts of this moment.
func (p *Peer) Stats() Stats {
	p.mu.Lock()
	s := Stats{Connections: len(p.conns), Handshakes: p.crowd.count(), Unchecked: len(p.crowd.fresh), Addresses: len(p.perAddress)}
	p.mu.Unlock()
	n := p.counts
	s.PeerConnections, s.Sessions = int(n.pcs.Load()), int(n.sessions.Load())
	s.Worn = n.worn.Load()
	s.Unread, s.Unsent = p.unread.Load(), p.unsent.queued.Load()+p.unsent.held.Load()
	s.Phases = make(map[Hop]tally.Snapshot, len(n.phases))
	for hop, h := range n.phases {
		s.Phases[hop] = h.Load()
	}
	s.Opened, s.Declined, s.Ended = n.opened.Load(), n.declined.Load(), n.ended.Load()
	return s
}

// Limits returns the settings that hold.
func (p *Peer) Limits() Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg
}

// Prepare checks other settings, and returns what makes them hold: that cannot
// fail. Of cfg count how many connections and handshakes there may be, in all, of
// a peer and of an address, and whose addresses are spared; all else is as it was.
// Nobody loses a session by it, or becomes exempt while it lasts.
func (p *Peer) Prepare(cfg Config) (apply func(), err error) {
	next := p.Limits()
	next.MaxSessions, next.MaxSessionsPerPeer = cfg.MaxSessions, cfg.MaxSessionsPerPeer
	next.MaxSessionsPerAddress, next.MaxHandshakes, next.LimitExempt = cfg.MaxSessionsPerAddress, cfg.MaxHandshakes, cfg.LimitExempt
	if err := next.Validate(); err != nil {
		return nil, fmt.Errorf("rtc: %w", err)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cfg.MaxSessions, p.cfg.MaxSessionsPerPeer = next.MaxSessions, next.MaxSessionsPerPeer
		p.cfg.MaxSessionsPerAddress, p.cfg.MaxHandshakes, p.cfg.LimitExempt = next.MaxSessionsPerAddress, next.MaxHandshakes, next.LimitExempt
		p.crowd.resize(next.MaxHandshakes)
	}, nil
}
