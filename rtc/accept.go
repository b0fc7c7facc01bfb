package rtc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v3"
)

// accept begins to answer an offer, unless it is to be declined: a declined
// offer gets no answer, which is all that the dialects know.
func (p *Peer) accept(key connKey, offer signal) {
	log := p.log.With("peer", clip(key.peer))
	if err := p.acceptable(offer); err != nil {
		p.counts.decline(err)
		log.Info("offer declined", "err", err)
		return
	}
	c := newConn(p, key)
	c.offer, c.serial = offer, serialisations[offer.serialization]
	if err := p.add(c); err != nil {
		c.cancel(err) // it will not run
		p.counts.decline(err)
		log.Warn("offer declined", "err", err)
		return
	}
	if oldest := p.begin(c); oldest != nil {
		oldest.cancel(oldest.fail(errCrowded))
	}
}

// errCrowded ends a handshake when there are too many: an honest one takes a
// fraction of a second, so whoever holds them open on purpose loses them.
var errCrowded = errors.New("too many handshakes at once, and this was the oldest of its peer")

// begin counts the handshake of c, and returns the one that has to make room.
func (p *Peer) begin(c *conn) (oldest *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.settled {
		return nil // it was over before it was counted
	}
	p.handshakes = append(p.handshakes, c)
	if len(p.handshakes) > p.cfg.MaxHandshakes {
		i := p.superfluous()
		oldest = p.handshakes[i]
		p.handshakes = slices.Delete(p.handshakes, i, i+1)
	}
	return oldest
}

// superfluous returns the oldest handshake of the peer that has most of them,
// so that a peer with many makes room before one with few. The caller holds mu.
func (p *Peer) superfluous() int {
	of := make(map[connPeer]int)
	most := 0
	for _, c := range p.handshakes {
		who := connPeer{c.key.server, c.key.peer}
		of[who]++
		most = max(most, of[who])
	}
	return slices.IndexFunc(p.handshakes, func(c *conn) bool { return of[connPeer{c.key.server, c.key.peer}] == most })
}

// settle notes that the handshake of c is over.
func (p *Peer) settle(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.settled = true
	p.handshakes = slices.DeleteFunc(p.handshakes, func(o *conn) bool { return o == c })
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
	p.settle(c)
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
