package rpc

import (
	"context"
	"net/netip"
	"sync"
)

// callerKey is the context key of [WithCaller].
type callerKey struct{}

// WithCaller returns the context of requests that count under an address, where
// an address has its share of something: the /64 of an IPv6 address. The zero
// Addr counts nowhere.
func WithCaller(ctx context.Context, place netip.Addr) context.Context {
	return context.WithValue(ctx, callerKey{}, place)
}

// CallerOf returns the address under which a request counts, the zero Addr if
// there is none: of an exempt client, and of what the node does by itself.
func CallerOf(ctx context.Context) netip.Addr {
	place, _ := ctx.Value(callerKey{}).(netip.Addr)
	return place
}

// Shares say how much of something each address holds, so that none holds all.
// Use [NewShares].
type Shares struct {
	most int64 // of one address; fixed

	mu   sync.Mutex
	held map[netip.Addr]int64 // guarded by mu; of those that hold any
}

// NewShares gives each address at most so much.
func NewShares(most int64) *Shares {
	return &Shares{most: most, held: make(map[netip.Addr]int64)}
}

// Take gives n more to an address; false if it would hold too much. The zero
// Addr may hold any amount.
func (s *Shares) Take(place netip.Addr, n int64) bool {
	if !place.IsValid() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[place]+n > s.most {
		return false
	}
	s.held[place] += n
	return true
}

// Fullest returns how many addresses hold something, and which part of what one
// may hold the one holds that holds the most.
func (s *Shares) Fullest() (places int, part float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var most int64
	for _, n := range s.held {
		most = max(most, n)
	}
	return len(s.held), float64(most) / float64(s.most)
}

// Give takes n back that the address holds.
func (s *Shares) Give(place netip.Addr, n int64) {
	if !place.IsValid() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[place] -= n; s.held[place] <= 0 {
		delete(s.held, place)
	}
}
