package rtc

import (
	"context"
	"fmt"
	"sync"
)

// maxDialects bounds how many peers' dialects are remembered.
const maxDialects = 1024

// dialectMemory holds the peers that answered in a dialect other than the one
// that is tried first.
type dialectMemory map[[2]string]Dialect // by server and peer id

func memoryKey(t Target) [2]string { return [2]string{t.Server, t.PeerID} }

// dialectsOf returns in which dialect to offer first, and in which then.
func (p *Peer) dialectsOf(t Target) (first, then Dialect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dialects[memoryKey(t)] == DialectPeerJS {
		return DialectPeerJS, DialectSimplePeer
	}
	return DialectSimplePeer, DialectPeerJS
}

// remember notes in which dialect a peer has answered.
func (p *Peer) remember(t Target, d Dialect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d == DialectSimplePeer {
		delete(p.dialects, memoryKey(t))
		return
	}
	if p.dialects == nil {
		p.dialects = make(dialectMemory)
	}
	for other := range p.dialects {
		if len(p.dialects) < maxDialects {
			break
		}
		delete(p.dialects, other)
	}
	p.dialects[memoryKey(t)] = d
}

// errOvertaken ends the offers that were not the first to open.
var errOvertaken = fmt.Errorf("%w: another offer to the peer was answered first", ErrClosed)

// dialAuto offers in one dialect and, if that gets no answer for a while, in
// the other as well. A peer that does not understand an offer says nothing, so
// only time tells.
func (p *Peer) dialAuto(ctx context.Context, target Target) (*Session, error) {
	dialect, other := p.dialectsOf(target)
	s, err := newRace(p, target, dialect, other).run(ctx)
	if err == nil {
		p.remember(target, s.Dialect())
	}
	return s, err
}

// oneByOne makes tell fit to be called by several connections.
func oneByOne(tell func(Hop)) func(Hop) {
	if tell == nil {
		return nil
	}
	var mu sync.Mutex
	return func(h Hop) {
		mu.Lock()
		defer mu.Unlock()
		tell(h)
	}
}
