package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	raceLook  = 20 * time.Millisecond // between two looks for another session, when one is wanted
	loserTime = 5 * time.Second       // for a reply that nobody waits for, to learn how its node does
)

// errNothing ends an attempt that has its own time.
var errNothing = errors.New("the node says nothing")

// An answer is a reply and the peer that gave it.
type answer struct {
	rpc.Reply
	peer string
}

// A result is how one attempt at a request ended.
type result struct {
	answer
	err error
	by  *member
}

// A course says how a request is attempted.
type course struct {
	most  int           // attempts
	each  time.Duration // for one of them; 0 = until the request's deadline
	after func() time.Duration
	// spend reports whether another attempt may begin beside one that is slow;
	// beside one whose node is silent it always may.
	spend func() bool
	// apart is how long the newest attempt has, unless it ends, before another
	// begins beside it: that older ones fail says nothing of it.
	apart time.Duration
	// again says whether to ask another node after r, with so many attempts open,
	// and whether that may be a new session with the same one.
	again func(r result, open int) (again, same bool)
}

// A race is a request on its way over one session or several.
type race struct {
	p       *pool
	r       rpc.Request
	c       course
	ctx     context.Context // of the attempts: outlives the caller's
	results chan result

	tried []*member
	begun time.Time // the last of them; zero when it has ended
	open  int
}

// race sends r over one session, and over others as the course says, and
// returns the first result that is not to be tried again. The answer names the
// peer that was asked last also where there is an error.
func (p *pool) race(ctx context.Context, r rpc.Request, c course) (answer, error) {
	rctx, cancel := p.apart(ctx)
	run := &race{p: p, r: r, c: c, ctx: rctx, results: make(chan result, c.most)}
	a, err := run.run(ctx)
	if run.open == 0 || ctx.Err() != nil {
		cancel()
	} else {
		time.AfterFunc(loserTime, cancel)
	}
	return a, err
}

// apart returns a context with the deadline of ctx that ends with the pool and
// not with ctx.
func (p *pool) apart(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if deadline, ok := ctx.Deadline(); ok {
		out, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	stop := context.AfterFunc(p.ctx, cancel)
	return out, func() { stop(); cancel() }
}

func (r *race) run(ctx context.Context) (answer, error) {
	m, err := r.p.take(ctx, nil)
	if err != nil {
		return answer{}, err
	}
	r.p.counts.requests.Add(1)
	r.start(m)
	slow := time.NewTimer(r.c.after())
	defer slow.Stop()
	for {
		select {
		case res := <-r.results:
			r.ends(res.by)
			if errors.Is(res.err, context.DeadlineExceeded) && late(ctx) {
				<-ctx.Done() // in the same moment
				return answer{peer: res.peer}, noReply(ctx, r.r.URL)
			}
			again, same := r.c.again(res, r.open)
			if !again {
				return res.answer, res.err
			}
			if r.open > 0 {
				slow.Reset(0)
				continue
			}
			if len(r.tried) >= r.c.most || r.ctx.Err() != nil { // of its deadline, or the pool's end
				return res.answer, res.err
			}
			m, err := r.p.other(ctx, r.tried, same)
			if err != nil {
				return res.answer, afterwards(res.err, err)
			}
			r.p.log.Debug("request sent again", "peer", m.peerID, "url", r.r.URL, "after", res.peer, "err", res.err)
			r.p.counts.again.Add(1)
			r.start(m)
		case <-slow.C:
			r.beside()
			slow.Reset(raceLook)
		case <-ctx.Done():
			return answer{peer: m.peerID}, noReply(ctx, r.r.URL)
		}
	}
}

func noReply(ctx context.Context, url string) error {
	return fmt.Errorf("no reply to %s: %w", url, context.Cause(ctx))
}

// afterwards returns the error of a request that was tried and then could not be
// sent to another node; nil if it has an answer, which then stands.
func afterwards(tried, other error) error {
	if tried == nil || errors.Is(other, errNoOther) {
		return tried
	}
	return fmt.Errorf("%w; and %w", tried, other)
}

// beside begins another attempt if those that are open are slow.
func (r *race) beside() {
	if len(r.tried) >= r.c.most || time.Since(r.begun) < r.c.apart {
		return
	}
	m, err := r.p.choose(r.tried, false)
	if m == nil || err != nil {
		return
	}
	switch {
	case r.silent():
		r.p.counts.silent.Add(1)
	case r.c.spend():
		r.p.counts.slow.Add(1)
	default:
		r.p.giveBack(m)
		return
	}
	r.start(m)
}

// silent reports whether every node that was asked has fallen silent.
func (r *race) silent() bool {
	long := r.p.pace.silence()
	for _, m := range r.tried {
		if !m.silent(long) && !isClosed(m.ended) {
			return false
		}
	}
	r.p.wake()
	return true
}

func (r *race) start(m *member) {
	r.tried, r.begun = append(r.tried, m), time.Now()
	r.open++
	begun := r.p.begin(func() {
		ctx, cancel := r.ctx, context.CancelFunc(func() {})
		if r.c.each > 0 {
			ctx, cancel = context.WithTimeoutCause(ctx, r.c.each, errNothing)
		}
		defer cancel()
		reply, err := r.p.ask(ctx, m, r.r)
		r.results <- result{answer{reply, m.peerID}, err, m}
	})
	if !begun {
		r.p.giveBack(m)
		r.results <- result{answer{peer: m.peerID}, errClosed, m}
	}
}

// ends notes that the attempt over m has ended.
func (r *race) ends(m *member) {
	r.open--
	if m == r.tried[len(r.tried)-1] {
		r.begun = time.Time{}
	}
}

// begin runs f unless the pool was closed, which waits for it.
func (p *pool) begin(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.wg.Go(f)
	}
	return !p.closed
}

// other takes a session for a request that was tried: with another node or, if
// it may be, a new one with the same.
func (p *pool) other(ctx context.Context, tried []*member, same bool) (*member, error) {
	if same {
		return p.take(ctx, tried)
	}
	if m, err := p.choose(tried, true); m != nil || err != nil {
		return m, err
	}
	conv, err := p.open(ctx, besides(peersOf(tried)))
	if err != nil {
		return nil, err
	}
	return p.put(conv, 1)
}
