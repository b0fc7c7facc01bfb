package shardus

import (
	"context"
	"net/netip"
)

// A Lane is a lane.
type Lane struct{ l *lane }

// NewLane is newLane.
func NewLane(most, share, queue int) Lane { return Lane{newLane(most, share, queue)} }

// Enter is enter.
func (l Lane) Enter(ctx context.Context, place netip.Addr) error { return l.l.enter(ctx, place) }

// Waiting is how many wait.
func (l Lane) Waiting() int {
	l.l.mu.Lock()
	defer l.l.mu.Unlock()
	return l.l.waiting
}

// Waiting is how many reads wait for a place at the node.
func Waiting(n *Node) int { return Lane{n.reads.lane}.Waiting() }
