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

// errOvertaken ends the dial in the dialect that was answered later.
var errOvertaken = fmt.Errorf("%w: the peer answered in the other dialect", ErrClosed)

// dialAuto offers in one dialect and, if that gets no answer for a while, in
// the other as well. What opens first is the session; nothing is left of the
// other. A peer that does not understand an offer says nothing, so only time
// tells.
func (p *Peer) dialAuto(ctx context.Context, target Target) (*Session, error) {
	target.Progress = oneByOne(target.Progress)
	dialect, other := p.dialectsOf(target)
	first, err := p.offer(target, dialect)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, p.cfg.DialectWait)
	s, over, err := first.openedBy(wait)
	cancel()
	if !over {
		s, err = p.dialOther(ctx, first, other)
	}
	if err == nil {
		p.remember(target, s.Dialect())
	}
	return s, err
}

// oneByOne makes tell fit to be called by two connections.
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

// openedBy waits for the end of a dial, but no longer than ctx: then over is
// false, and the dial goes on.
func (c *conn) openedBy(ctx context.Context) (s *Session, over bool, err error) {
	select {
	case s := <-c.ready:
		return s, true, nil
	case <-c.done:
		s, err := c.outcome()
		return s, true, err
	case <-ctx.Done():
		return nil, false, nil
	}
}

// dialOther dials in another dialect beside first, unless that was answered.
func (p *Peer) dialOther(ctx context.Context, first *conn, other Dialect) (*Session, error) {
	if ctx.Err() != nil || first.phase.Load() != HopSignalling {
		return first.opened(ctx)
	}
	second, err := p.offer(first.target, other)
	if err != nil { // a limit of ours: the first may still be answered
		return first.opened(ctx)
	}
	return firstOpened(ctx, first, second)
}

// firstOpened waits for the first of two dials to open, and ends the other.
func firstOpened(ctx context.Context, a, b *conn) (*Session, error) {
	aDone, bDone := a.done, b.done
	for aDone != nil || bDone != nil {
		var s *Session
		select {
		case s = <-a.ready:
		case s = <-b.ready:
		case <-aDone:
			aDone = nil
			s, _ = a.outcome()
		case <-bDone:
			bDone = nil
			s, _ = b.outcome()
		case <-ctx.Done():
			why := fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
			a.cancel(a.fail(why)) // both at once, before either is waited for
			_ = b.giveUp(why)
			<-a.done
			return nil, further(a, b)
		}
		if s != nil {
			loser := a
			if s.c == a {
				loser = b
			}
			_ = loser.giveUp(errOvertaken)
			return s, nil
		}
	}
	return nil, further(a, b)
}

// further returns the error of the dial that came further; both have ended.
func further(a, b *conn) error {
	if a.phase.Load() == HopSignalling && b.phase.Load() != HopSignalling {
		return context.Cause(b.ctx)
	}
	return context.Cause(a.ctx)
}
