package feed

import "fmt"

// Stats say how a [Hub] stands at one moment.
type Stats struct {
	Accounts, MaxAccounts int // that are watched, and may be
	Watchers, MaxWatchers int // of them
	Due                   int // accounts that wait to be looked at
}

// Prepare checks how many accounts and watchers there may be, and returns what
// makes that hold: that cannot fail. Nobody who watches is sent away.
func (h *Hub) Prepare(accounts, watchers int) (apply func(), err error) {
	if accounts < 1 || watchers < 1 {
		return nil, fmt.Errorf("feed: %d accounts and %d watchers: neither may be under 1", accounts, watchers)
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.cfg.Accounts, h.cfg.Watchers = accounts, watchers
	}, nil
}

// Fullest returns how many addresses watch anything, and which part of what one
// may watch the one has that has the most.
func (h *Hub) Fullest() (addresses int, part float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := 0
	for _, n := range h.held {
		most = max(most, n)
	}
	return len(h.held), float64(most) / float64(h.mostOfOne())
}

// Stats returns how the hub stands.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{len(h.topics), h.cfg.Accounts, h.watchers, h.cfg.Watchers, len(h.due)}
}
