package roles

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	resends     = 2                // times that a request is put on another session
	drainTime   = time.Minute      // for the requests in hand on a session that was replaced
	replaceTime = 20 * time.Second // for its successor to open
	replaceWait = 5 * time.Second  // between two attempts at that
)

// A line is a way to the network that stays open: it opens a session when one
// is needed, another when that is lost, and replaces it before it is worn.
// Callers see none of that.
//
// A request that was in flight when its session was lost is sent again if it
// only asks for something, or if it had not been sent at all. What becomes of
// others is for their callers to find out.
type line struct {
	// Fixed.
	open func(context.Context) (*conversation, error)
	log  *slog.Logger
	ctx  context.Context // ends with close
	stop context.CancelFunc
	turn chan struct{} // holds a token while a session is opened

	wg sync.WaitGroup // what watches each session, and drains it

	mu     sync.Mutex
	now    *conversation         // guarded by mu; takes new requests; nil if there is none
	users  map[*conversation]int // guarded by mu; requests in hand on each that is open
	closed bool                  // guarded by mu
}

// newLine returns a line over the sessions that open opens. It opens none yet.
func newLine(open func(context.Context) (*conversation, error), log *slog.Logger) *line {
	ctx, stop := context.WithCancel(context.Background())
	return &line{open: open, log: log, ctx: ctx, stop: stop, turn: make(chan struct{}, 1), users: make(map[*conversation]int)}
}

var errLineClosed = errors.New("the connection was closed")

// An answer is a reply and the peer that gave it.
type answer struct {
	rpc.Reply
	peer string
}

// do sends a request and waits for its answer. The answer names the peer that
// was asked also where there is an error.
func (l *line) do(ctx context.Context, r rpc.Request) (a answer, err error) {
	for range resends + 1 {
		var conv *conversation
		if conv, err = l.take(ctx); err != nil {
			return a, err
		}
		a.peer = conv.peerID
		a.Reply, err = conv.Do(ctx, r)
		l.giveBack(conv)
		if !errors.Is(err, rpc.ErrClosed) {
			return a, err
		}
		l.forget(conv)
		if safe := r.Method == "GET" || errors.Is(err, rpc.ErrNotSent); !safe || ctx.Err() != nil {
			return a, err
		}
		l.log.Debug("session lost, request sent again", "peer", conv.peerID, "url", r.URL, "err", err)
	}
	return a, err
}

// connect opens a session if there is none.
func (l *line) connect(ctx context.Context) error {
	conv, err := l.take(ctx)
	if err == nil {
		l.giveBack(conv)
	}
	return err
}

// take returns the session for a new request, and opens one if there is none.
func (l *line) take(ctx context.Context) (*conversation, error) {
	if conv, err := l.current(); conv != nil || err != nil {
		return conv, err
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.ctx.Done():
		return nil, errLineClosed
	}
	if conv, err := l.current(); conv != nil || err != nil { // somebody else has opened one
		return conv, err
	}
	conv, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.put(conv, 1); err != nil {
		return nil, err
	}
	return conv, nil // even if it is lost already: the request will say so
}

// current takes the session of the moment; nil if there is none.
func (l *line) current() (*conversation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errLineClosed
	case l.now == nil || isClosed(l.now.ended):
		return nil, nil
	}
	l.users[l.now]++
	return l.now, nil
}

// put makes conv the session for new requests, with so many in hand. A line that
// was closed meanwhile closes it.
func (l *line) put(conv *conversation, inHand int) error {
	if !l.adopt(conv, inHand) {
		conv.close()
		return errLineClosed
	}
	return nil
}

func (l *line) adopt(conv *conversation, inHand int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.now = conv
	l.users[conv] = inHand
	l.wg.Go(func() { l.watch(conv) })
	return true
}

// giveBack ends a use of conv, which may be closed and forgotten by now.
func (l *line) giveBack(conv *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.users[conv]; open {
		l.users[conv]--
	}
}

// forget has the next request open another session than conv.
func (l *line) forget(conv *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == conv {
		l.now = nil
	}
}

// watch ends with conv: lost, worn and replaced, or closed with the line.
func (l *line) watch(conv *conversation) {
	defer func() {
		l.forget(conv)
		conv.close()
		l.mu.Lock()
		delete(l.users, conv)
		l.mu.Unlock()
	}()
	select {
	case <-l.ctx.Done():
	case <-conv.ended:
	case <-conv.worn:
		l.replace(conv)
		l.drain(conv)
	}
}

// replace opens the successor of conv, which serves on meanwhile.
func (l *line) replace(conv *conversation) {
	for !isClosed(conv.ended) && l.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(l.ctx, replaceTime)
		next, err := l.open(ctx)
		cancel()
		if err == nil {
			l.log.Debug("session replaced", "from", conv.peerID, "to", next.peerID)
			_ = l.put(next, 0) // else the line was closed meanwhile
			return
		}
		l.log.Warn("the session could not be replaced yet", "peer", conv.peerID, "err", err)
		wait(l.ctx, replaceWait)
	}
}

// drain waits for the requests in hand on conv.
func (l *line) drain(conv *conversation) {
	ctx, cancel := context.WithTimeout(l.ctx, drainTime)
	defer cancel()
	for l.inHand(conv) > 0 && ctx.Err() == nil && !isClosed(conv.ended) {
		wait(ctx, 20*time.Millisecond)
	}
}

func (l *line) inHand(conv *conversation) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[conv]
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// close closes every session and waits for what used it.
func (l *line) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	l.wg.Wait()
}
