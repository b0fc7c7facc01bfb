package rtc

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/webrtc/v3"
)

// accept begins to answer an offer, unless it is to be declined: a declined
// offer gets no answer, which is all that the dialects know. Whoever makes
// offers could fill the log with them: they are counted, see [Stats].
func (p *Peer) accept(key connKey, offer signal) {
	err := p.acceptable(offer)
	if err == nil {
		c := newConn(p, key)
		c.offer, c.serial = offer, serialisations[offer.serialization]
		if err = p.add(c); err != nil {
			c.cancel(err) // it will not run
		}
	}
	if err != nil {
		if d, ok := errors.AsType[*declined](err); ok {
			p.decline(key.peer, d.why)
		}
		p.log.Debug("offer declined", "peer", clip(key.peer), "err", err)
	}
}

// errCrowded ends a handshake when there are too many.
var errCrowded = errors.New("too many handshakes at once, and this one had to make room")

// admit gives the handshake of c a place among those of others, one of which
// may have to end for it. The caller holds mu.
func (p *Peer) admit(c *conn) error {
	victim, ok := p.crowd.admit(&c.handshake, time.Now())
	if !ok {
		return decline(DeclineCrowded, "too many handshakes at once")
	}
	if victim != nil {
		victim.c.cancel(victim.c.fail(errCrowded))
	}
	return nil
}

// hear is told by pion of each STUN request that has shown our answer's
// password. It hands the first over.
func (c *conn) hear(from string) {
	addr, err := netip.ParseAddr(from)
	if err != nil || !c.handshake.heard.CompareAndSwap(false, true) {
		return
	}
	c.heard <- addr // there is room for one
}

// checked notes that the peer of c has read our answer, and where it is.
func (p *Peer) checked(c *conn, addr netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	victim := p.crowd.check(&c.handshake, network(addr), time.Now())
	switch {
	case victim == &c.handshake:
		return errCrowded
	case victim != nil:
		victim.c.cancel(victim.c.fail(errCrowded))
	}
	return nil
}

// settle notes that the handshake of c is over.
func (p *Peer) settle(c *conn, good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.crowd.leave(&c.handshake, good, time.Now())
}

// acceptable says why an offer cannot be answered.
func (p *Peer) acceptable(offer signal) error {
	switch {
	case p.cfg.Serve == nil:
		return decline(DeclineNobody, "this peer accepts nobody")
	case serialisations[offer.serialization] == "":
		return decline(DeclineForm, "serialization %q: this node speaks %s, %s and %s", clip(offer.serialization), serialBinary, serialJSON, serialRaw)
	}
	return nil
}

// serve waits for the channel of c and runs the handler on it.
func (p *Peer) serve(c *conn) {
	var s *Session
	select {
	case s = <-c.ready:
	case <-c.done:
		select {
		case s = <-c.ready: // open, and closed again before we looked
		default:
		}
	}
	p.settle(c, s != nil)
	if s == nil {
		return
	}
	p.log.Info("peer connected", "peer", clip(c.key.peer), "conn", clip(c.key.id), "dialect", string(c.key.dialect))
	p.cfg.Serve(c.ctx, s)
	s.Close()
	p.log.Info("peer disconnected", "peer", clip(c.key.peer), "conn", clip(c.key.id), "cause", s.Err())
}

// answerFirst answers the offer with which the connection began; deadline ends
// the wait for our own candidates.
func (c *conn) answerFirst(deadline <-chan time.Time) error {
	remote, err := inspect(c.offer.sdp)
	if err != nil {
		return err
	}
	if err := answerable(c.offer.sdp); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	c.pc.OnDataChannel(c.watch)
	c.remote = remote
	return c.answerOffer(c.offer.sdp, remote.candidates, deadline)
}

// answerOffer applies a description with so many candidates and sends the answer.
func (c *conn) answerOffer(sdp string, candidates int, deadline <-chan time.Time) error {
	if err := c.setRemote(webrtc.SDPTypeOffer, sdp, candidates); err != nil {
		return err
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	text, err := c.localDescription(answer, deadline)
	if err != nil {
		return err
	}
	s := signal{dialect: c.key.dialect, connID: c.key.id, kind: kindAnswer, sdp: text, caps: Caps()}
	if err := c.sign(&s); err != nil {
		return err
	}
	if err := c.p.send(c.ctx, c.key, s); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	c.reach(HopSignalling, HopICE)
	return nil
}

// sign adds the identity that binds both certificates to this connection.
func (c *conn) sign(s *signal) error {
	if c.p.cfg.Signer == nil {
		return nil
	}
	own, err := inspect(s.sdp)
	if err != nil {
		return err
	}
	s.identity, err = c.p.cfg.Signer.SignIdentity(Claims{
		ConnectionID:      c.key.id,
		Fingerprint:       own.fingerprint,
		RemoteFingerprint: c.remote.fingerprint,
	})
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}
