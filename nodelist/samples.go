package nodelist

import (
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	maxSample  = 10 // nodes or peerIds of one sample
	minBuckets = 16 // samples signed in advance, of each size
	maxBuckets = 32
	orders     = 8 // orders of all peerIds signed in advance
)

// sampleLists signs random samples of the nodes, each in the order of the ids.
func sampleLists(s *signer, active []Node) [][]byte {
	byID := slices.SortedFunc(slices.Values(active), func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	buckets := bucketsOf(len(byID), maxSample)
	if len(byID) <= maxSample {
		buckets = 1 // they would all be the same
	}
	texts := make([][]byte, 0, buckets)
	for _, hand := range deal(len(byID), maxSample, buckets) {
		slices.Sort(hand)
		texts = append(texts, s.list(kindSample, "nodeList", entriesOf(pick(byID, hand))))
	}
	return texts
}

// peerIDLists signs random samples of peerIds in random order, by how many they
// hold. Index 0 stands for all of them.
func peerIDLists(s *signer, active []Node) (lists [maxSample + 1][][]byte) {
	lists[0] = peerIDSamples(s, active, len(active), orders)
	for count := 1; count <= maxSample; count++ {
		if count > len(active) { // such a sample holds all
			lists[count] = lists[0]
			continue
		}
		lists[count] = peerIDSamples(s, active, count, bucketsOf(len(active), count))
	}
	return lists
}

func peerIDSamples(s *signer, active []Node, count, buckets int) [][]byte {
	texts := make([][]byte, 0, buckets)
	for _, hand := range deal(len(active), count, buckets) {
		ids := make([]any, 0, len(hand))
		for _, n := range pick(active, hand) {
			ids = append(ids, n.PeerID)
		}
		texts = append(texts, s.list(kindPeerIDs, "peerIds", ids))
	}
	return texts
}

// bucketsOf returns how many samples of size to make of n nodes: enough for
// each node to be in one, within bounds.
func bucketsOf(n, size int) int {
	return min(max(minBuckets, n/size), maxBuckets)
}

// deal returns hands of min(size, n) different numbers below n, as one deals
// cards: from a shuffled deck that is shuffled anew when too few are left. So
// every number turns up about as often as any other.
func deal(n, size, hands int) [][]int {
	size = min(size, n)
	var deck []int
	dealt := make([][]int, 0, hands)
	for range hands {
		if len(deck) < size {
			deck = rand.Perm(n)
		}
		dealt = append(dealt, slices.Clone(deck[:size]))
		deck = deck[size:]
	}
	return dealt
}

// pick returns the nodes with these numbers.
func pick(nodes []Node, numbers []int) []Node {
	picked := make([]Node, 0, len(numbers))
	for _, i := range numbers {
		picked = append(picked, nodes[i])
	}
	return picked
}

// Pick returns at most n of the nodes, in random order.
func Pick(nodes []Node, n int) []Node {
	return pick(nodes, rand.Perm(len(nodes))[:min(max(n, 0), len(nodes))])
}
