package signaling

import (
	"net/netip"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// To open a socket costs a server more than to relay ten messages, so those who
// are closed for what they send and come back at once cost more than those who
// merely say too much. An address whose sockets are closed for garbage more often
// than blameBurst opens only so many more as it is forgiven, and who knocks on in
// spite of that is not even asked what he wants.
//
// Honest peers of that address keep their sockets, and share what is opened and
// heard with those who knock; one garbage maker behind a NAT does not shut its
// other users out, but makes them wait. Nothing is held against an address for
// longer than blameMost. An address that speaks for many, as a trusted proxy
// does, is never blamed: what is known of its clients is only that they are there.
const (
	blameBurst = 10
	blameEvery = 2 * time.Second // one is forgiven
	blameMost  = 60 * time.Second

	knockBurst = 20
	knockEvery = 500 * time.Millisecond
)

// blame is what is held against an address.
type blame struct {
	garbage meter // sockets closed for it
	knocks  meter // sockets refused therefore
}

// isGarbage reports whether a socket ended for what no honest peer does.
func (e End) isGarbage() bool {
	return e == EndNotUTF8 || e == EndProtocol || e == EndTooLarge || e == EndAbuse
}

// refuses reports whether no socket may be opened now.
func (b *blame) refuses(now time.Duration) bool {
	return b.garbage.wait(now, blameEvery, blameBurst*blameEvery) > 0
}

// charge notes a socket that was closed for garbage, and reports whether there
// were too many already.
func (b *blame) charge(now time.Duration) (often bool) {
	often = b.refuses(now)
	if time.Duration(b.garbage)-now < blameMost {
		b.garbage.charge(now, blameEvery)
	}
	return often
}

// knock notes a socket that was refused.
func (b *blame) knock(now time.Duration) {
	b.knocks.take(now, rate{every: knockEvery, burst: knockBurst})
}

func (b *blame) idle(now time.Duration) bool { return b.garbage.idle(now) && b.knocks.idle(now) }

// blame notes that s was closed for garbage, and reports whether that happened too
// often already where it comes from.
func (r *registry) blame(s *session, now time.Duration) (often bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.misled.note(now)
	return s.place != nil && !clientip.Networks(r.cfg.get().Crowds).Contains(s.addr) && s.place.blame.charge(now)
}

// Shuns reports whether a connection from addr is not worth being asked what it
// wants: it may be closed without a word, and is counted as [RefusedGarbage].
func (s *Server) Shuns(addr netip.Addr) bool {
	if !s.registry.shuns(addr, s.now()) {
		return false
	}
	s.refused(addr.String(), RefusedGarbage)
	return true
}

func (r *registry) shuns(addr netip.Addr, now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	pl := r.places.known[clientip.Place(addr)] // who is spared, or speaks for many, is never blamed
	return pl != nil && pl.blame.refuses(now) && pl.blame.knocks.wait(now, knockEvery, knockBurst*knockEvery) > 0
}
