package rtc

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxOffers is how many offers one dial makes.
const maxOffers = 4

// A race is one dial: an offer and, while nobody answers, further ones beside
// it. What opens first is the session; nothing is left of the others.
type race struct {
	// Fixed after newRace.
	p        *Peer
	target   Target
	dialects []Dialect // of the offers, in turn
	began    time.Time

	over    chan outcome   // of each offer
	waiting sync.WaitGroup // for the outcomes

	// Owned by run.
	conns []*conn
}

// An outcome is a session, or the end of an offer that came to none.
type outcome struct {
	c *conn
	s *Session
}

func newRace(p *Peer, target Target, dialects ...Dialect) *race {
	target.Progress = oneByOne(target.Progress)
	return &race{p: p, target: target, dialects: dialects, began: time.Now(), over: make(chan outcome, maxOffers)}
}

// run offers until a session opens, every offer has failed, or ctx ends.
func (r *race) run(ctx context.Context) (*Session, error) {
	defer r.waiting.Wait()
	if err := r.offer(); err != nil {
		return nil, err
	}
	again := time.NewTicker(r.p.cfg.AnswerWait)
	defer again.Stop()
	for running := 1; running > 0; {
		select {
		case o := <-r.over:
			if o.s != nil {
				r.end(errOvertaken, o.c)
				return o.s, nil
			}
			running--
		case <-again.C:
			if r.worthAnother() && r.offer() == nil { // else a limit of ours: the others may still be answered
				running++
			}
		case <-ctx.Done():
			r.end(fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx)), nil)
			running = 0
		}
	}
	return nil, r.err()
}

// left returns how much of the time for the whole dial is left.
func (r *race) left() time.Duration { return r.p.cfg.HandshakeTimeout - time.Since(r.began) }

// worthAnother says whether to offer again: nobody has answered, and somebody
// still may in time.
func (r *race) worthAnother() bool {
	for _, c := range r.conns {
		if c.phase.Load() != HopSignalling {
			return false
		}
	}
	return len(r.conns) < maxOffers && r.left() >= r.p.cfg.AnswerWait/2
}

// offer begins the next offer. All end at the same time.
func (r *race) offer() error {
	c, err := r.p.offer(r.target, r.dialects[len(r.conns)%len(r.dialects)], r.left())
	if err != nil {
		return err
	}
	r.conns = append(r.conns, c)
	r.waiting.Go(func() {
		select {
		case s := <-c.ready:
			r.over <- outcome{c, s}
		case <-c.done:
			s, _ := c.outcome()
			r.over <- outcome{c, s}
		}
	})
	return nil
}

// end ends every offer but winner. When it returns nothing of them is left.
func (r *race) end(why error, winner *conn) {
	for _, c := range r.conns {
		if c != winner {
			c.cancel(c.fail(why)) // all at once, before one is waited for
		}
	}
	for _, c := range r.conns {
		if c != winner {
			<-c.done
		}
	}
}

// err returns the error of the offer that came furthest. All have ended.
func (r *race) err() error {
	furthest := r.conns[0]
	for _, c := range r.conns[1:] {
		if furthest.phase.Load() == HopSignalling && c.phase.Load() != HopSignalling {
			furthest = c
		}
	}
	return context.Cause(furthest.ctx)
}
