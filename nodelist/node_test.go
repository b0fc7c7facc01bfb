package nodelist_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

// vectors are what the published JavaScript libraries made.
type vectors struct {
	FirstNode []struct{ Name, Wire string }
	NodeID    struct{ PublicKey, ID string }
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNodeID(t *testing.T) {
	v := readVectors(t).NodeID
	if got := nodelist.NodeID(v.PublicKey); got != v.ID || v.ID == "" {
		t.Errorf("NodeID = %s, want %s", got, v.ID)
	}
}

func TestPick(t *testing.T) {
	var nodes []nodelist.Node
	for n := range 20 {
		nodes = append(nodes, nodelist.Node{Port: n})
	}
	before := slices.Clone(nodes)
	for _, tt := range []struct{ n, want int }{{-1, 0}, {0, 0}, {3, 3}, {20, 20}, {99, 20}} {
		got := nodelist.Pick(nodes, tt.n)
		if len(got) != tt.want {
			t.Errorf("Pick(20 nodes, %d) has %d, want %d", tt.n, len(got), tt.want)
		}
		slices.SortFunc(got, func(a, b nodelist.Node) int { return a.Port - b.Port })
		if len(slices.Compact(got)) != tt.want {
			t.Errorf("Pick(20 nodes, %d) has a node twice", tt.n)
		}
	}
	if slices.Equal(nodelist.Pick(nodes, 20), nodelist.Pick(nodes, 20)) {
		t.Error("two picks of 20 nodes are in the same order")
	}
	if !slices.Equal(nodes, before) {
		t.Error("Pick changed its argument")
	}
	if got := nodelist.Pick(nil, 3); len(got) != 0 {
		t.Errorf("Pick(nil, 3) = %v", got)
	}
}
