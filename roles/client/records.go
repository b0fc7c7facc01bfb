package client

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// maxRecords bounds how many nodes are remembered.
const maxRecords = 4096

// A record is how a node did lately: old requests count less and less.
type record struct {
	trip   time.Duration // 0 before the first reply
	errors float64       // share of requests that failed
}

const (
	newest  = 0.2                   // what the latest request counts
	strange = 50 * time.Millisecond // the trip of a node that was never asked
	trifle  = 2 * time.Millisecond  // trips below this are alike
)

func (r record) replied(took time.Duration) record {
	if r.trip == 0 {
		r.trip = took
	} else {
		r.trip += time.Duration(newest * float64(took-r.trip))
	}
	r.errors *= 1 - newest
	return r
}

func (r record) failed() record {
	r.errors += newest * (1 - r.errors)
	return r
}

// weight is how likely to choose a node beside others: twice as fast, twice as
// likely. One that fails is hardly chosen, and never out of the game.
func (r record) weight() float64 {
	trip := r.trip
	if trip == 0 {
		trip = strange
	}
	good := 1 - r.errors
	return max(good*good*good, 0.01) / (trip + trifle).Seconds()
}

// records are those of the nodes that were met, by peer id.
type records struct {
	mu sync.Mutex
	by map[string]record // guarded by mu
}

func newRecords() *records { return &records{by: make(map[string]record)} }

func (r *records) of(peer string) record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[peer]
}

func (r *records) failed(peer string) {
	r.change(peer, record.failed)
}

func (r *records) replied(peer string, took time.Duration) {
	r.change(peer, func(old record) record { return old.replied(took) })
}

func (r *records) change(peer string, f func(record) record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.by[peer]
	if !known && len(r.by) >= maxRecords {
		for other := range r.by {
			delete(r.by, other)
			break
		}
	}
	r.by[peer] = f(old)
}

// pick returns at most n of the nodes that are not to be avoided, in an order
// that is random and has those that did well first more often.
func (r *records) pick(nodes []nodelist.Node, avoid []string, n int) []nodelist.Node {
	left := slices.DeleteFunc(slices.Clone(nodes), func(node nodelist.Node) bool { return slices.Contains(avoid, node.PeerID) })
	weights := make([]float64, len(left))
	for i, node := range left {
		weights[i] = r.of(node.PeerID).weight()
	}
	var picked []nodelist.Node
	for len(left) > 0 && len(picked) < n {
		i := draw(weights)
		picked = append(picked, left[i])
		left, weights = slices.Delete(left, i, i+1), slices.Delete(weights, i, i+1)
	}
	return picked
}

// draw returns the number of one of the weights, each as likely as its share.
func draw(weights []float64) int {
	all := 0.0
	for _, w := range weights {
		all += w
	}
	at := rand.Float64() * all
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}
