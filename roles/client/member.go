package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A member is an open session of a pool, and how it does.
type member struct {
	*conversation

	users   int           // guarded by pool.mu; requests in hand
	retired bool          // guarded by pool.mu; takes no more requests
	given   chan struct{} // guarded by mu; made by gone, closed by retire
	gaveUp  bool          // guarded by mu; given is closed

	mu    sync.Mutex
	open  int       // guarded by mu; requests that wait for a reply
	since time.Time // guarded by mu; since when it should have said something; zero if it need not
}

// ghost returns what is closed when the session is given up: its node has begun anew.
func (m *member) ghost() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone()
}

// gone makes the channel. The caller holds mu.
func (m *member) gone() chan struct{} {
	if m.given == nil {
		m.given = make(chan struct{})
	}
	return m.given
}

// retire gives the session up. The caller holds pool.mu.
func (m *member) retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retired = true
	if !m.gaveUp {
		m.gaveUp = true
		close(m.gone())
	}
}

// silent reports whether requests wait on the session and nothing came for that
// long.
func (m *member) silent(long time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.since.IsZero() && time.Since(m.since) > long
}

func (m *member) asks() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open++; m.since.IsZero() {
		m.since = time.Now()
	}
}

// hears notes the end of a request. One that got no reply says nothing of the
// session: it stays as silent as it was.
func (m *member) hears(replied bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open--
	switch {
	case replied && m.open > 0:
		m.since = time.Now()
	case replied:
		m.since = time.Time{}
	}
}

// ask sends one request over m and notes how that went.
func (p *pool) ask(ctx context.Context, m *member, r rpc.Request) (rpc.Reply, error) {
	began := time.Now()
	m.asks()
	reply, err := m.Do(ctx, r)
	m.hears(err == nil)
	p.giveBack(m)
	switch took := time.Since(began); {
	case err == nil:
		p.nodes.replied(m.peerID, took)
		if r.Method == "GET" {
			p.pace.took(took)
		}
	case errors.Is(ctx.Err(), context.Canceled): // the caller's will
	default:
		p.nodes.failed(m.peerID)
	}
	if errors.Is(err, rpc.ErrClosed) {
		p.forget(m)
	}
	return reply, err
}
