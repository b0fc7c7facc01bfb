package rtc

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/webrtc/v3"
)

// A Target is whom to dial and what it must prove.
type Target struct {
	Server string // as named to [Peer.Attach]
	PeerID string
	// PublicKey must have signed the identity in the ANSWER. Empty dials
	// unproven: whoever holds the peer id, or the signalling server, may be
	// at the other end.
	PublicKey string
	// NetworkID must be the one in the identity; empty takes any.
	NetworkID string
	// Dialect is that of the offer: DialectSimplePeer, as every node of ours
	// understands, if it is empty.
	Dialect Dialect
	// Progress, if set, is told each hop as the connection reaches it, by the
	// goroutine that owns the connection. It must not block.
	Progress func(Hop)
	// Only, if set, is the one transport to go over; [Peer.Dial] knows of both.
	Only Transport
	// Answered, if set, is told the addresses that the answer names, once that is
	// proven. It is called and must not block as Progress.
	Answered func(udp, tcp []netip.AddrPort)
}

// Dial opens a session with target. It returns when the data channel is open,
// or an *Error that names the hop at which it ended. While nobody answers it
// offers again, see AnswerWait in [Config]. Dial needs a [Link.Run] in progress.
func (p *Peer) Dial(ctx context.Context, target Target) (*Session, error) {
	if target.PublicKey != "" && p.cfg.Verifier == nil {
		return nil, errors.New("rtc: a key is demanded but there is no Verifier")
	}
	if target.Dialect == DialectAuto {
		return p.dialAuto(ctx, target)
	}
	return newRace(p, target, cmp.Or(target.Dialect, DialectSimplePeer)).run(ctx)
}

// offer begins a connection in a dialect, which is given up after patience.
func (p *Peer) offer(target Target, dialect Dialect, patience time.Duration) (*conn, error) {
	id := make([]byte, 16) // fresh, so that an old identity is of no use
	rand.Read(id)
	c := newConn(p, connKey{target.Server, target.PeerID, dialect, hex.EncodeToString(id)})
	c.target, c.dials, c.serial, c.patience = target, true, serialRaw, patience
	if dialect == DialectPeerJS {
		c.serial = serialBinary // PeerJS's default, and the only one that carries messages of any size
	}
	if err := p.add(c); err != nil {
		err = c.fail(err)
		c.cancel(err) // it will not run
		return nil, err
	}
	return c, nil
}

// outcome returns what a dial has come to that is done.
func (c *conn) outcome() (*Session, error) {
	select {
	case s := <-c.ready: // open, and closed again before we looked
		return s, nil
	default:
		return nil, context.Cause(c.ctx)
	}
}

// sendOffer starts a dial.
func (c *conn) sendOffer(deadline <-chan time.Time) error {
	if err := c.open(); err != nil {
		return err
	}
	label := "liberdus"
	if c.key.dialect == DialectPeerJS {
		label = c.key.id // as PeerJS itself has it
	}
	dc, err := c.pc.CreateDataChannel(label, nil) // ordered, reliable
	if err != nil {
		return fmt.Errorf("data channel: %w", err)
	}
	c.watch(dc)
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	text, err := c.localDescription(offer, deadline)
	if err != nil {
		return err
	}
	return c.p.send(c.ctx, c.key, signal{
		dialect: c.key.dialect, connID: c.key.id, kind: kindOffer, sdp: text, caps: Caps(), serialization: string(c.serial),
	})
}

// applyAnswer checks who answered, and only then lets pion connect to it.
func (c *conn) applyAnswer(s signal) error {
	remote, err := inspect(s.sdp)
	if err != nil {
		return err
	}
	if c.target.PublicKey != "" {
		if err := c.checkIdentity(s, remote.fingerprint); err != nil {
			return fmt.Errorf("%w: %w", ErrIdentity, err)
		}
		c.proven = c.target.PublicKey
	}
	c.remote, c.caps, c.answered = remote, s.caps, true
	if c.target.Answered != nil {
		c.target.Answered(offered(s.sdp, TransportUDP), offered(s.sdp, TransportTCP))
	}
	c.reach(HopSignalling, HopICE)
	return c.setRemote(webrtc.SDPTypeAnswer, s.sdp, remote.candidates)
}

// checkIdentity holds the identity of an answer against this connection.
func (c *conn) checkIdentity(s signal, fingerprint string) error {
	if s.identity == nil {
		return errors.New("the answer carries no identity")
	}
	claims, owner, err := c.p.cfg.Verifier.VerifyIdentity(s.identity)
	if err != nil {
		return err
	}
	own, err := inspect(c.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	for _, check := range []struct{ what, got, want string }{
		{"signing key", owner, c.target.PublicKey},
		{"peer id", claims.PeerID, c.target.PeerID},
		{"connection", claims.ConnectionID, c.key.id},
		{"fingerprint", claims.Fingerprint, fingerprint},
		{"remote fingerprint", claims.RemoteFingerprint, own.fingerprint},
		{"network", claims.NetworkID, c.target.NetworkID},
	} {
		if check.got != check.want && (check.what != "network" || check.want != "") {
			return fmt.Errorf("%s is %q, want %q", check.what, clip(check.got), check.want)
		}
	}
	c.skew = time.Duration(claims.Timestamp-time.Now().UnixMilli()) * time.Millisecond
	return nil
}
