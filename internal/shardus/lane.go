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
// addresses pass. Addresses take turns.
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
	waiting []chan struct{}
	inTurn  bool
}

func newLane(most, share, queue int) *lane {
	return &lane{most: most, share: share, queue: queue, lines: make(map[netip.Addr]*line)}
}

// enter waits for a place, which leave gives back. The zero Addr may have all.
func (l *lane) enter(ctx context.Context, place netip.Addr) error {
	turn, err := l.stand(place)
	if err != nil {
		return err
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if l.giveUp(place, turn) {
		return errBusy
	}
	return nil // its turn came in the same moment
}

// stand puts a request in its line, and lets go who may.
func (l *lane) stand(place netip.Addr) (<-chan struct{}, error) {
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
	if !mayGo && (l.waiting >= l.queue || place.IsValid() && len(n.waiting) >= max(1, l.queue/4)) {
		return nil, errBusy
	}
	l.lines[place] = n
	turn := make(chan struct{})
	n.waiting = append(n.waiting, turn)
	l.waiting++
	l.admit(n)
	return turn, nil
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
		close(next.waiting[0])
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

// giveUp takes a request out of its line; false if it may go.
func (l *lane) giveUp(place netip.Addr, turn <-chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[place]
	i := slices.IndexFunc(n.waiting, func(c chan struct{}) bool { return c == turn })
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
