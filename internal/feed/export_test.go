package feed

// Topics returns how many accounts h watches, and Watchers for how many.
func Topics(h *Hub) int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.topics) }

func Watchers(h *Hub) int { h.mu.Lock(); defer h.mu.Unlock(); return h.watchers }

// Waiting returns how many lines there are before first looks.
func Waiting(h *Hub) int {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	return len(h.lines.waiting) + len(h.lines.turns)
}
