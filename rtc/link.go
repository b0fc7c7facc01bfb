package rtc

import (
	"context"
	"errors"

	"github.com/liberdus/liberdus/signaling"
)

// A Signaller is a connection to a PeerJS server; *signaling.Client is one.
type Signaller interface {
	Send(ctx context.Context, m signaling.Message) error
	Messages() <-chan signaling.Message // closed when the connection has ended
}

var _ Signaller = (*signaling.Client)(nil)

// A Link is a signalling connection in the use of a Peer.
type Link struct {
	p      *Peer
	server string
	sig    Signaller
}

// Attach makes sig the connection to the named server: from now on offers and
// answers are sent over it. What arrives is read by [Link.Run].
func (p *Peer) Attach(server string, sig Signaller) (*Link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	p.sigs[server] = sig
	return &Link{p: p, server: server, sig: sig}, nil
}

// Run reads the connection until it or ctx ends, answering offers and passing
// answers and candidates on. Sessions outlive it: attach the next connection
// to that server. Dials still waiting for an answer fail when it returns.
func (l *Link) Run(ctx context.Context) error {
	defer l.p.detach(l.server, l.sig)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.p.ctx.Done():
			return ErrClosed
		case m, ok := <-l.sig.Messages():
			if !ok {
				return errors.New("the signalling connection ended")
			}
			l.p.handle(l.server, m)
		}
	}
}

// detach forgets sig and fails the dials that were waiting for it.
func (p *Peer) detach(server string, sig Signaller) {
	p.mu.Lock()
	current := p.sigs[server] == sig
	if current {
		delete(p.sigs, server)
	}
	p.mu.Unlock()
	if current {
		p.tell(inbound{lost: true}, func(k connKey) bool { return k.server == server })
	}
}

// tell delivers in to the connections that match. Those that do not wait for
// an answer take no notice.
func (p *Peer) tell(in inbound, match func(connKey) bool) {
	p.mu.Lock()
	var told []*conn
	for key, c := range p.conns {
		if match(key) {
			told = append(told, c)
		}
	}
	p.mu.Unlock()
	for _, c := range told {
		c.deliver(in)
	}
}
