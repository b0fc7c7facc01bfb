package rtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v3"
)

const (
	inboxSize     = 128 // messages waiting for one connection
	maxCandidates = 40  // remote candidates of one connection, those in its description included
	maxChannels   = 16  // channels beside the first that a peer may open
)

// inbound is what the signalling side hands to a connection.
type inbound struct {
	signal signal
	absent bool // the server says that nobody holds the peer's id
	lost   bool // the signalling connection ended
}

// opened is the first data channel, or a further one.
type opened struct{ dc *webrtc.DataChannel }

// conn is one WebRTC connection, from its offer to its end.
type conn struct {
	// Fixed after newConn.
	p        *Peer
	key      connKey
	log      *slog.Logger
	target   Target // of a dial
	offer    signal // of an accept
	serial   serialisation
	dials    bool
	patience time.Duration   // from its offer to the open channel
	ctx      context.Context // ends with the connection; its cause says why
	cancel   context.CancelCauseFunc
	inbox    chan *inbound
	ready    chan *Session // gets the session once; buffered
	done     chan struct{} // closed when nothing of it is left

	group   netip.Prefix // guarded by p.mu; the address it is counted under
	next    *signal      // guarded by p.mu; the offer that takes its place once it is closed
	count   traffic
	phase   atomic.Value            // Hop
	channel atomic.Pointer[Session] // the session, once it is open

	attendance
	handshake handshake // of an accept; guarded by p.mu

	// Handed over by pion's callbacks.
	candidates chan *webrtc.ICECandidate
	states     chan webrtc.ICEConnectionState
	dtls       chan webrtc.DTLSTransportState // connected or failed
	ended      chan error                     // SCTP is at its end
	heard      chan netip.Addr                // the first STUN request that shows the password; of an accept
	channels   chan opened

	// Owned by run, then by attend, then by end.
	pc        *webrtc.PeerConnection
	early     []candidate // remote, until the remote description is set
	described bool        // the remote description is set
	seen      int         // remote candidates
	extra     int         // further channels
	inlined   string      // own description as it was sent
	answered  bool        // a dial has its answer
	own       string      // our DTLS fingerprint
	remote    facts       // of the first description; fixed before there is a session
	caps      []string    // of an answer
	proven    string      // public key that the identity proved
	skew      time.Duration
	since     time.Time  // when phase began
	session   *Session   // nil until the channel is open
	local     netip.Addr // of a dial that is open: from where
	old, look time.Time  // when it has lasted long enough; when a dial next looks whether local is still there
}

func newConn(p *Peer, key connKey) *conn {
	ctx, cancel := context.WithCancelCause(p.ctx)
	c := &conn{
		p: p, key: key, ctx: ctx, cancel: cancel, patience: p.cfg.HandshakeTimeout,
		log:        p.log.With("peer", clip(key.peer), "conn", clip(key.id)),
		inbox:      make(chan *inbound, inboxSize),
		ready:      make(chan *Session, 1),
		done:       make(chan struct{}),
		candidates: make(chan *webrtc.ICECandidate, maxCandidates),
		states:     make(chan webrtc.ICEConnectionState, 16),
		dtls:       make(chan webrtc.DTLSTransportState, 4),
		ended:      make(chan error, 1),
		heard:      make(chan netip.Addr, 1),
		channels:   make(chan opened, 1),
	}
	c.phase.Store(HopSignalling)
	c.since = time.Now()
	c.bound()
	c.handshake.c, c.handshake.who = c, connPeer{key.server, key.peer}
	return c
}

// reach notes that the connection has come from one hop to the next.
func (c *conn) reach(from, to Hop) {
	if !c.phase.CompareAndSwap(from, to) {
		return
	}
	c.passed(from)
	if c.target.Progress != nil {
		c.target.Progress(to)
	}
}

// passed notes how long an accepted connection took for a hop.
func (c *conn) passed(hop Hop) {
	if !c.dials {
		c.p.counts.phases[hop].Since(c.since)
		c.since = time.Now()
	}
}

// deliver queues a message from the signalling side. A peer that floods its
// connection loses it.
func (c *conn) deliver(in inbound) {
	select {
	case c.inbox <- &in: // a pointer: a session keeps its inbox for life, and it is empty
		c.call()
	default:
		c.cancel(c.fail(fmt.Errorf("%w: signalling messages", errFlooded)))
	}
}

// fail wraps err with the hop the connection has reached.
func (c *conn) fail(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Peer: c.key.peer, Hop: c.phase.Load().(Hop), Err: err}
}

// run brings the connection to its open channel. From then on no goroutine
// waits for what comes: see attend.
func (c *conn) run() {
	if err := c.negotiate(); err != nil {
		c.cancel(c.fail(err))
		c.log.Debug("connection failed", "err", context.Cause(c.ctx))
		c.end()
		return
	}
	c.leave()
}

// end takes the connection down. When it returns nothing of it is running. The
// connection's context has ended, and nobody attends to it any more.
func (c *conn) end() {
	defer c.p.wg.Done()
	defer c.makeWay()
	defer c.count.stop()
	if c.session != nil {
		c.p.counts.sessions.Add(-1)
	}
	c.p.ended(c.key.peer, endOf(context.Cause(c.ctx)))
	if c.pc != nil {
		c.closePion()
	}
	if c.session != nil {
		c.session.dropDeadline()
		c.session.out.stop()
	}
}

// makeWay gives up the connection's place, and lets its successor begin.
func (c *conn) makeWay() {
	next := c.p.forget(c)
	close(c.done)
	if next != nil {
		c.p.accept(c.key, *next)
	}
}

// open makes the pion connection and hooks its callbacks up. Each callback
// only hands over, and gives up when the connection ends.
func (c *conn) open() error {
	cert, err := c.p.certificate()
	if err != nil {
		return err
	}
	if c.own, err = ownFingerprint(cert); err != nil {
		return err
	}
	c.pc, err = c.api().NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{cert}})
	if err != nil {
		return fmt.Errorf("new connection: %w", err)
	}
	c.p.counts.pcs.Add(1)
	c.pc.OnICECandidate(func(cand *webrtc.ICECandidate) { hand(c, c.candidates, cand) })
	c.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) { hand(c, c.states, s) })
	c.pc.SCTP().Transport().OnStateChange(func(s webrtc.DTLSTransportState) {
		if s == webrtc.DTLSTransportStateConnected || s == webrtc.DTLSTransportStateFailed {
			hand(c, c.dtls, s)
		}
	})
	c.pc.SCTP().OnClose(func(err error) { hand(c, c.ended, err) })
	return nil
}

// watch hands dc over when it opens.
func (c *conn) watch(dc *webrtc.DataChannel) {
	dc.OnOpen(func() { hand(c, c.channels, opened{dc}) })
}

// hand gives v to whoever owns the connection.
func hand[T any](c *conn, to chan<- T, v T) {
	select {
	case to <- v:
		c.call()
	case <-c.ctx.Done():
	}
}

// negotiate brings the connection from its offer to an open channel.
func (c *conn) negotiate() error {
	timeout := time.NewTimer(c.patience)
	defer timeout.Stop()
	start := c.answerFirst
	if c.dials {
		start = c.sendOffer
	}
	if err := start(timeout.C); err != nil {
		return err
	}
	for c.session == nil {
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-timeout.C:
			if c.dials && !c.answered {
				return ErrNoAnswer
			}
			return fmt.Errorf("%w: %v passed", ErrTimeout, c.p.cfg.HandshakeTimeout)
		case in := <-c.inbox:
			if err := c.handle(*in); err != nil {
				return err
			}
		case cand := <-c.candidates:
			c.sendCandidate(cand)
		case addr := <-c.heard:
			if err := c.p.checked(c, addr); err != nil {
				return err
			}
		case s := <-c.states:
			if err := c.stateChanged(s); err != nil {
				return err
			}
		case s := <-c.dtls:
			c.reach(HopICE, HopDTLS) // its own event may be behind
			if s == webrtc.DTLSTransportStateFailed {
				return errEncryption
			}
			c.reach(HopDTLS, HopChannel)
		case <-c.ended:
			return ErrClosed
		case ch := <-c.channels:
			if err := c.channelOpen(ch.dc); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conn) handle(in inbound) error {
	switch {
	case in.absent && c.dials && !c.answered:
		return ErrPeerAbsent
	case in.lost && c.dials && !c.answered:
		return errors.New("the signalling connection ended before the peer answered")
	case in.absent, in.lost:
		return nil
	case in.signal.kind == kindCandidate:
		return c.remoteCandidate(in.signal.candidate)
	case in.signal.kind == kindAnswer && c.dials && !c.answered:
		return c.applyAnswer(in.signal)
	case in.signal.kind == kindOffer && !c.dials && c.pc.SignalingState() == webrtc.SignalingStateStable:
		c.renegotiate(in.signal)
	}
	return nil // a second answer, or an offer in the wrong state
}

// stateChanged follows ICE.
func (c *conn) stateChanged(s webrtc.ICEConnectionState) error {
	c.log.Debug("ice", "state", s.String())
	switch s {
	case webrtc.ICEConnectionStateConnected:
		c.reach(HopICE, HopDTLS)
		return c.located()
	case webrtc.ICEConnectionStateFailed:
		if c.session != nil {
			return errSilent
		}
		return errNoPath
	}
	return nil
}

// located counts an accepted connection under the address ICE has found.
func (c *conn) located() error {
	if addr := limitAddr(c.pair()); addr.IsValid() && !c.dials {
		return c.p.count(c, addr)
	}
	return nil
}

// pair returns the addresses that ICE uses now, or nil.
func (c *conn) pair() *webrtc.ICECandidatePair {
	pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil {
		return nil
	}
	return pair
}

// remoteAddr returns the address of the peer that ICE uses now.
func (c *conn) remoteAddr() netip.AddrPort {
	pair := c.pair()
	if pair == nil {
		return netip.AddrPort{}
	}
	addr, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, pair.Remote.Port)
}

// channelOpen makes the session of the first channel.
func (c *conn) channelOpen(dc *webrtc.DataChannel) error {
	// The proof must not rest on two parsers reading a description alike.
	if got := fingerprintOf(c.pc.SCTP().Transport().GetRemoteCertificate()); got != c.remote.fingerprint {
		return fmt.Errorf("%w: the certificate in use is not the one described", ErrIdentity)
	}
	if err := c.located(); err != nil { // in case its own event is behind
		return err
	}
	raw, err := dc.Detach()
	if err != nil {
		return fmt.Errorf("data channel: %w", err)
	}
	s, err := newSession(c, raw)
	if err != nil {
		return err
	}
	c.passed(c.phase.Swap(HopChannel).(Hop))
	c.session = s
	c.p.counts.sessions.Add(1)
	c.p.counts.opened.Add(1)
	c.channel.Store(s)
	c.ready <- s
	return nil
}

// stopReading ends the reading side of an open session, and a connection that
// has none yet.
func (c *conn) stopReading() {
	if s := c.channel.Load(); s != nil {
		s.stopReading()
	} else {
		c.cancel(ErrClosed)
	}
}

// extraChannel closes a channel beside the first.
func (c *conn) extraChannel(dc *webrtc.DataChannel) error {
	if c.extra++; c.extra > maxChannels {
		return fmt.Errorf("%w: data channels", errFlooded)
	}
	return dc.Close()
}
