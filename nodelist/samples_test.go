package nodelist_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		a.fill(25)
		seen := make(map[string]bool)
		for range 200 {
			o := a.object("/nodelist")
			nodes := o["nodeList"].([]any)
			ids := make([]string, 0, len(nodes))
			for _, n := range nodes {
				ids = append(ids, n.(signing.Object)["id"].(string))
				seen[n.(signing.Object)["id"].(string)] = true
			}
			if len(ids) != 10 || !slices.IsSorted(ids) || len(slices.Compact(ids)) != 10 {
				t.Fatalf("GET /nodelist has the ids %q, want 10 in order", ids)
			}
		}
		if len(seen) != 25 {
			t.Errorf("600 samples hold %d of 25 nodes", len(seen))
		}
		for count, want := range map[string]int{"": 25, "?count=1": 1, "?count=10": 10} {
			seen, orders := make(map[string]bool), make(map[string]bool)
			for range 600 { // 200 miss one of 25 once in 140 runs
				ids := a.object("/peerids" + count)["peerIds"].([]any)
				order := ""
				for _, id := range ids {
					seen[id.(string)] = true
					order += id.(string)
				}
				orders[order] = true
				if len(ids) != want {
					t.Fatalf("GET /peerids%s has %d, want %d", count, len(ids), want)
				}
			}
			if len(seen) != 25 || len(orders) < 3 {
				t.Errorf("GET /peerids%s: %d of 25 peers, %d different answers", count, len(seen), len(orders))
			}
		}
	})
}

func TestPeerIDsOfFewNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		for n := range 3 {
			if n > 0 {
				time.Sleep(time.Second)
				a.fill(n)
			}
			for _, target := range []string{"/peerids", "/peerids?count=10"} {
				if got := a.object(target)["peerIds"].([]any); len(got) != n {
					t.Errorf("GET %s has %d ids, want %d", target, len(got), n)
				}
			}
		}
	})
}

func TestDealIsFair(t *testing.T) {
	for _, tt := range []struct{ n, size, hands int }{{0, 10, 3}, {1, 1, 3}, {3, 2, 30}, {10, 3, 40}, {7, 10, 8}, {100, 10, 20}} {
		hands := nodelist.Deal(tt.n, tt.size, tt.hands)
		if len(hands) != tt.hands {
			t.Fatalf("deal%v gives %d hands", tt, len(hands))
		}
		times := make([]int, tt.n)
		for _, hand := range hands {
			slices.Sort(hand)
			if len(hand) != min(tt.size, tt.n) || len(slices.Compact(hand)) != len(hand) {
				t.Fatalf("deal%v gives the hand %v", tt, hand)
			}
			for _, i := range hand {
				times[i]++
			}
		}
		if tt.n > 0 && tt.n%tt.size == 0 && slices.Max(times)-slices.Min(times) > 1 {
			t.Errorf("deal%v: each number turns up %v times", tt, times)
		}
	}
}
