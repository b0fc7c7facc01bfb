package signaling

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// queueLimits bound what waits for absent peers.
type queueLimits struct {
	messages, bytes int // for one peer
	total           int // bytes, for all
	count           int // peers

	sender share // of one sender; of one address it is a quarter of all
}

// A queue holds the messages for one absent peer. It expires as a whole, its
// age counted from the first message, as PeerJS does it.
type queue struct {
	dst     string
	created time.Duration
	first   origin // of the message that began it
	frames  []frame
	origins []origin // of frames
	bytes   int
	senders []waiter // who must be told if nobody comes, each once; they may have no frame here
}

// A waiter is who must be told what became of its messages. Whoever has taken its
// id since is somebody else, and learns nothing of them.
type waiter struct {
	id    string
	token [32]byte // SHA-256; of a key that was proven none, it is the same with any
}

func (s *session) waiter() waiter {
	if s.proven {
		return waiter{id: s.id}
	}
	return waiter{s.id, s.token}
}

// lost returns the senders none of whose messages were kept.
func (q *queue) lost() []waiter {
	return slices.DeleteFunc(slices.Clone(q.senders), func(w waiter) bool {
		return slices.ContainsFunc(q.frames, func(f frame) bool { return f.src == w.id })
	})
}

// remember notes that w waits for an answer. It is false if there is no room.
func (q *queue) remember(w waiter, limit int) bool {
	if slices.Contains(q.senders, w) {
		return true
	}
	if len(q.senders) >= limit {
		return false
	}
	q.senders = append(q.senders, w)
	return true
}

// A queueSet is the queues of all absent peers, the oldest first.
type queueSet struct {
	limits queueLimits
	byDst  map[string]*list.Element // of *queue
	byAge  list.List
	bytes  int // in all
	shares *shares
}

func newQueueSet(limits queueLimits) *queueSet {
	return &queueSet{limits: limits, byDst: make(map[string]*list.Element), shares: newShares(limits)}
}

// add lets f, which w sent from the given place, wait for dst. If there is no
// room, drop says why; told is whether the sender will hear of it when the
// queue expires, else the caller must say so now.
func (s *queueSet) add(dst string, f frame, w waiter, from netip.Addr, now time.Duration) (drop Drop, told bool) {
	if !s.leavesHalf(dst, f) {
		return DropSenderShare, false
	}
	o := origin{src: f.src, place: from}
	q, drop := s.open(dst, o, now)
	if drop != "" {
		return drop, false
	}
	told = q.remember(w, s.limits.messages)
	switch {
	case len(q.frames) >= s.limits.messages || q.bytes+len(f.data) > s.limits.bytes:
		return DropQueueFull, told
	case s.bytes+len(f.data) > s.limits.total:
		return DropQueueTotal, told
	case !told: // what nobody can be told of is not kept
		return DropQueueFull, false
	case !s.shares.take(o, share{messages: 1, bytes: len(f.data)}):
		return DropSenderShare, true
	}
	q.frames = append(q.frames, f)
	q.origins = append(q.origins, o)
	q.bytes += len(f.data)
	s.bytes += len(f.data)
	return "", true
}

// leavesHalf reports whether f leaves half of what may wait for dst to others
// than its sender.
func (s *queueSet) leavesHalf(dst string, f frame) bool {
	frames, bytes := 1, len(f.data)
	if e, ok := s.byDst[dst]; ok {
		for _, w := range e.Value.(*queue).frames {
			if w.src == f.src {
				frames++
				bytes += len(w.data)
			}
		}
	}
	return frames <= (s.limits.messages+1)/2 && bytes <= s.limits.bytes/2
}

func (s *queueSet) open(dst string, o origin, now time.Duration) (*queue, Drop) {
	if e, ok := s.byDst[dst]; ok {
		return e.Value.(*queue), ""
	}
	switch {
	case len(s.byDst) >= s.limits.count:
		return nil, DropQueueCount
	case !s.shares.take(o, share{queues: 1}):
		return nil, DropSenderShare
	}
	q := &queue{dst: dst, created: now, first: o}
	s.byDst[dst] = s.byAge.PushBack(q)
	return q, ""
}

// take removes and returns the queue of dst, nil if there is none.
func (s *queueSet) take(dst string) *queue {
	e, ok := s.byDst[dst]
	if !ok {
		return nil
	}
	return s.remove(e)
}

// takeExpired removes and returns the oldest queue if it was created at or
// before the given time.
func (s *queueSet) takeExpired(created time.Duration) *queue {
	e := s.byAge.Front()
	if e == nil || e.Value.(*queue).created > created {
		return nil
	}
	return s.remove(e)
}

func (s *queueSet) remove(e *list.Element) *queue {
	q := s.byAge.Remove(e).(*queue)
	delete(s.byDst, q.dst)
	s.bytes -= q.bytes
	s.shares.release(q.first, share{queues: 1})
	for i, f := range q.frames {
		s.shares.release(q.origins[i], share{messages: 1, bytes: len(f.data)})
	}
	return q
}
