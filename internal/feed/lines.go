package feed

import (
	"context"
	"net/netip"
	"slices"
	"sync"
)

// Lines let so many in at once. Of those who wait, each address has a line of its
// own, and the lines take turns: one that asks for little waits behind nobody who
// asks for much. The zero Addr is an address, too.
type lines struct {
	mu      sync.Mutex
	free    int                            // guarded by mu; 0 while anybody waits
	waiting map[netip.Addr][]chan struct{} // guarded by mu; the lines, none of them empty
	turns   []netip.Addr                   // guarded by mu; of the lines, the next one first
}

func newLines(places int) *lines {
	return &lines{free: places, waiting: make(map[netip.Addr][]chan struct{})}
}

// enter waits for a place, no longer than ctx. If it gets one, leave gives it back.
func (l *lines) enter(ctx context.Context, place netip.Addr) error {
	turn := l.stand(place)
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if l.giveUp(place, turn) {
		return context.Cause(ctx)
	}
	return nil // its turn came in the same moment
}

// stand returns what is closed when it is the turn of one more of an address.
func (l *lines) stand(place netip.Addr) chan struct{} {
	turn := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		close(turn)
		return turn
	}
	if len(l.waiting[place]) == 0 {
		l.turns = append(l.turns, place)
	}
	l.waiting[place] = append(l.waiting[place], turn)
	return turn
}

// leave lets the next one in.
func (l *lines) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.turns) == 0 {
		l.free++
		return
	}
	place := l.turns[0]
	l.turns = l.turns[1:]
	line := l.waiting[place]
	close(line[0])
	if len(line) == 1 {
		delete(l.waiting, place)
		return
	}
	l.waiting[place] = line[1:]
	l.turns = append(l.turns, place)
}

// giveUp takes one who waits out of the line of an address; false if it was let in.
func (l *lines) giveUp(place netip.Addr, turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.waiting[place]
	i := slices.Index(line, turn)
	if i < 0 {
		return false
	}
	if len(line) == 1 {
		delete(l.waiting, place)
		l.turns = slices.DeleteFunc(l.turns, func(a netip.Addr) bool { return a == place })
		return true
	}
	l.waiting[place] = slices.Delete(line, i, i+1)
	return true
}
