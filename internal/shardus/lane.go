package shardus

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// errBusy says that a request found no place, and was not sent.
var errBusy = errors.New("too many requests wait for the node")

// A lane is how many requests may be at the node at once, and who goes next. One
// address may have a part of them; its others wait, and let those of other
// addresses pass. Addresses take turns. Where all places to wait are taken, the
// address with the most that wait gives one up for another with fewer.
type lane struct {
	most, share, queue int // at once, of them of one address, and waiting; fixed

	mu      sync.Mutex
	busy    int                  // guarded by mu
	waiting int                  // guarded by mu
	lines   map[netip.Addr]*line // guarded by mu
	turns   []*line              // guarded by mu; somebody waits, and may go
}

// A line is that of one address. Guarded by the lane's mu.
type line struct {
	busy    int
	share   int // that may be busy
	waiting []*waiter
	inTurn  bool
}

// A waiter is one request in a line.
type waiter struct {
	turn chan struct{} // closed when it may go, or is out
	out  bool          // it gave its place up; fixed when turn is closed
}

func newLane(most, share, queue int) *lane {
	return &lane{most: most, share: share, queue: queue, lines: make(map[netip.Addr]*line)}
}

// enter waits for a place, which leave gives back. The zero Addr may have all.
func (l *lane) enter(ctx context.Context, place netip.Addr) error {
	w, err := l.stand(place)
	if err != nil {
		return err
	}
	select {
	case <-w.turn:
	case <-ctx.Done():
		if l.giveUp(place, w) {
			return errBusy
		}
		<-w.turn // it came in the same moment
	}
	if w.out {
		return errBusy
	}
	return nil
}

// stand puts a request in its line, and lets go who may.
func (l *lane) stand(place netip.Addr) (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[place]
	if n == nil {
		n = &line{share: l.share}
		if !place.IsValid() {
			n.share = l.most
		}
	}
	mayGo := l.busy < l.most && n.busy < n.share
	if !mayGo && (place.IsValid() && len(n.waiting) >= max(1, l.queue/4) || l.waiting >= l.queue && !l.makeRoom(n)) {
		return nil, errBusy
	}
	l.lines[place] = n
	w := &waiter{turn: make(chan struct{})}
	n.waiting = append(n.waiting, w)
	l.waiting++
	l.admit(n)
	return w, nil
}

// makeRoom puts the last one out of the longest line, if that stays as long as n
// will be. The caller holds mu.
func (l *lane) makeRoom(n *line) bool {
	var longest *line
	for place, other := range l.lines {
		if place.IsValid() && (longest == nil || len(other.waiting) > len(longest.waiting)) {
			longest = other
		}
	}
	if longest == nil || len(longest.waiting) < len(n.waiting)+2 {
		return false
	}
	last := len(longest.waiting) - 1
	w := longest.waiting[last]
	longest.waiting = slices.Delete(longest.waiting, last, last+1)
	l.waiting--
	w.out = true
	close(w.turn)
	return true
}

// admit gives n its turn, if somebody of it may go, and lets go who may. The
// caller holds mu.
func (l *lane) admit(n *line) {
	l.takeTurn(n)
	for l.busy < l.most && len(l.turns) > 0 {
		next := l.turns[0]
		l.turns = slices.Delete(l.turns, 0, 1)
		next.inTurn = false
		if len(next.waiting) == 0 || next.busy >= next.share {
			continue
		}
		close(next.waiting[0].turn)
		next.waiting = slices.Delete(next.waiting, 0, 1)
		next.busy++
		l.busy++
		l.waiting--
		l.takeTurn(next)
	}
}

func (l *lane) takeTurn(n *line) {
	if !n.inTurn && len(n.waiting) > 0 && n.busy < n.share {
		n.inTurn = true
		l.turns = append(l.turns, n)
	}
}

// giveUp takes a request out of its line; false if it is no longer there.
func (l *lane) giveUp(place netip.Addr, w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[place]
	if n == nil {
		return false
	}
	i := slices.Index(n.waiting, w)
	if i < 0 {
		return false
	}
	n.waiting = slices.Delete(n.waiting, i, i+1)
	l.waiting--
	l.tidy(place, n)
	return true
}

// leave gives a place back.
func (l *lane) leave(place netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[place]
	n.busy--
	l.busy--
	l.admit(n)
	l.tidy(place, n)
}

// tidy forgets a line that holds nothing. One in turns is skipped there.
func (l *lane) tidy(place netip.Addr, n *line) {
	if n.busy == 0 && len(n.waiting) == 0 {
		delete(l.lines, place)
	}
}
