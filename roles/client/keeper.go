package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	keepLook  = time.Second            // between two looks at the sessions
	keepTime  = 20 * time.Second       // for one to open
	keepFirst = 250 * time.Millisecond // before another attempt, at first; then ever longer,
	keepLast  = 10 * time.Second       // up to this
	keepNews  = 2 * time.Second        // before the list is asked again for nodes that are new
)

// keep has the pool hold so many sessions open, with different nodes, until it
// is closed.
func (p *pool) keep(n int) { p.wg.Go(func() { p.keeper(n) }) }

func (p *pool) keeper(n int) {
	look := time.NewTicker(keepLook)
	defer look.Stop()
	failures := 0
	for {
		for p.ctx.Err() == nil {
			held := p.held()
			if len(held) >= n {
				break
			}
			err := p.fill(held)
			if err == nil {
				failures = 0
				continue
			}
			pause := keepNews
			if !errors.Is(err, errNoOther) {
				p.log.Debug("no other session yet", "err", err)
				pause = keepPause(failures)
				failures++
			}
			p.rest(pause)
		}
		select {
		case <-p.ctx.Done():
			return
		case <-p.lost:
		case <-look.C:
		}
	}
}

// keepPause is drawn from half to all of a limit that doubles: clients that lose
// a node in the same instant do not all come back in another.
func keepPause(failures int) time.Duration {
	limit := min(keepFirst<<min(failures, 10), keepLast)
	return limit/2 + rand.N(limit/2)
}

// rest waits, for less if another session is lost.
func (p *pool) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.lost:
	case <-p.ctx.Done():
	}
}

// held returns with whom there is a session that can be used.
func (p *pool) held() (peers []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		if !m.retired && !isClosed(m.ended) && !m.silent(p.pace.silence()) {
			peers = append(peers, m.peerID)
		}
	}
	return peers
}

func (p *pool) fill(held []string) error {
	ctx, cancel := context.WithTimeout(p.ctx, keepTime)
	defer cancel()
	conv, err := p.open(ctx, besides(held))
	switch {
	case err == nil:
		_, err = p.put(conv, 0)
	case !errors.Is(err, errNoOther):
		p.note(err)
	}
	return err
}
