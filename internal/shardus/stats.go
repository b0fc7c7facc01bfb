package shardus

// Stats say how busy the ways to a [Node] are, all together.
type Stats struct {
	Busy, Most     int // requests that are at the node, and may be
	Waiting, Queue int // that wait for their turn, and may
}

// Stats returns how busy they are.
func (n *Node) Stats() (s Stats) {
	for _, l := range []*lane{n.reads.lane, n.injects.lane, n.own.lane} {
		l.mu.Lock()
		s.Busy += l.busy
		s.Waiting += l.waiting
		l.mu.Unlock()
		s.Most += l.most
		s.Queue += l.queue
	}
	return s
}
