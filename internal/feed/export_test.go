package feed

// Topics returns how many accounts h watches, and Watchers for how many.
func Topics(h *Hub) int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.topics) }

func Watchers(h *Hub) int { h.mu.Lock(); defer h.mu.Unlock(); return h.watchers }
