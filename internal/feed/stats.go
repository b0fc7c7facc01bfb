package feed

// Stats say how a [Hub] stands at one moment.
type Stats struct {
	Accounts, MaxAccounts int // that are watched, and may be
	Watchers, MaxWatchers int // of them
	Due                   int // accounts that wait to be looked at
}

// Stats returns how the hub stands.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{len(h.topics), h.cfg.Accounts, h.watchers, h.cfg.Watchers, len(h.due)}
}
