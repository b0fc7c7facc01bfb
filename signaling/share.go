package signaling

import "net/netip"

// An origin is who sent a message, and from where; the zero place is not
// limited.
type origin struct {
	src   string
	place netip.Addr
}

// A share is what of the queues is somebody's.
type share struct{ queues, messages, bytes int }

func (s share) plus(o share) share {
	return share{s.queues + o.queues, s.messages + o.messages, s.bytes + o.bytes}
}

func (s share) minus(o share) share {
	return share{s.queues - o.queues, s.messages - o.messages, s.bytes - o.bytes}
}

func (s share) within(most share) bool {
	return s.queues <= most.queues && s.messages <= most.messages && s.bytes <= most.bytes
}

// placeShare is the part of all queues that one address may take: a quarter.
const placeShare = 4

// shares count what of the queues belongs to whom, so that nobody takes all.
// It has an entry for each origin of something in a queue, and no other.
type shares struct {
	perSender, perPlace share // at most; fixed

	senders map[string]share
	places  map[netip.Addr]share
}

func newShares(l queueLimits) *shares {
	count := max(1, l.count/placeShare)
	return &shares{
		perSender: l.sender,
		perPlace:  share{queues: count, messages: count * l.messages, bytes: max(l.sender.bytes, l.total/placeShare)},
		senders:   make(map[string]share),
		places:    make(map[netip.Addr]share),
	}
}

// take gives o more, or is false if that is too much for its sender or its
// place.
func (s *shares) take(o origin, more share) bool {
	sender, place := s.senders[o.src].plus(more), s.places[o.place].plus(more)
	if !sender.within(s.perSender) || o.place.IsValid() && !place.within(s.perPlace) {
		return false
	}
	s.senders[o.src] = sender
	if o.place.IsValid() {
		s.places[o.place] = place
	}
	return true
}

// release takes back what o was given.
func (s *shares) release(o origin, less share) {
	keep(s.senders, o.src, s.senders[o.src].minus(less))
	if o.place.IsValid() {
		keep(s.places, o.place, s.places[o.place].minus(less))
	}
}

func keep[K comparable](m map[K]share, k K, left share) {
	if left == (share{}) {
		delete(m, k)
		return
	}
	m[k] = left
}
