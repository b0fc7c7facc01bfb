package nodelist_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

func joinRequest(n int) nodelist.JoinRequest {
	return nodelist.JoinRequest{IP: "192.0.2.1", Port: 9000 + n, PeerID: keyOf(n).Public(), NetworkID: networkA}
}

func TestClientJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		c := clientOf(a.Handler(), "", nil)
		id := keyOf(1).Public()
		a.connect(id, "")
		for range 3 { // at one moment of the clock
			if err := c.Join(t.Context(), joinRequest(1), keyOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		a.wantPeers(active, id)
		req := joinRequest(2)
		req.PeerID, req.TokenHash = "node-2", nodelist.TokenHash("token")
		a.connect("node-2", "token")
		if err := c.Join(t.Context(), req, keyOf(2)); err != nil {
			t.Fatal(err)
		}
		settle()
		a.wantPeers(active, id, "node-2")
	})
}

func TestClientIsRefused(t *testing.T) {
	a := newArchiver(t, func(c *nodelist.Config) { c.NetworkID = networkB })
	err := clientOf(a.Handler(), "", nil).Join(t.Context(), joinRequest(1), keyOf(1))
	want := "networkId is not that of this network, " + networkB
	if refused, ok := errors.AsType[*nodelist.Refused](err); !ok || refused.Reason != want {
		t.Errorf("Join = %v, want it refused with %q", err, want)
	}
	wantError(t, err, "POST /nodelist: refused: "+want)
}

func TestAJoinHasWhatItShould(t *testing.T) {
	f := newFake(t)
	req := joinRequest(1)
	req.TokenHash = nodelist.TokenHash("token")
	if err := clientOf(f, "", nil).Join(t.Context(), req, keyOf(1)); err != nil {
		t.Fatal(err)
	}
	if err := signing.VerifyBy(f.joined, keyOf(1).Public()); err != nil {
		t.Error(err)
	}
	want := []string{"networkId", "nodeInfo", "purpose", "sign", "timestamp", "tokenHash"}
	if got := slices.Sorted(maps.Keys(f.joined)); !slices.Equal(got, want) {
		t.Errorf("a join has the members %q, want %q", got, want)
	}
}

func TestTheAnswerToAJoinIsChecked(t *testing.T) {
	f := newFake(t)
	f.list = func(o signing.Object) { o["list"] = "active" }
	wantError(t, clientOf(f, "", nil).Join(t.Context(), joinRequest(1), keyOf(1)), "the list is of kind active, not sample")
	f.list = nil
	f.signed = func(o signing.Object) { o["time"] = 1.0 }
	signedOnlyLists(f)
	wantError(t, clientOf(f, "", nil).Join(t.Context(), joinRequest(1), keyOf(1)), "not signed as it should be")
}

func TestAfterARefusalTheClockIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		c := clientOf(f, "", nil)
		if _, _, err := c.RTC(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.ahead = 300e9
		f.text = func(path string, text []byte) (int, []byte) {
			if path == "/nodelist" {
				text = []byte(`{"error":"timestamp is more than 60 seconds off","success":false}`)
			}
			return 200, text
		}
		wantError(t, c.Join(t.Context(), joinRequest(1), keyOf(1)), "refused: timestamp")
		f.text = nil
		wantError(t, c.Join(t.Context(), joinRequest(1), keyOf(1)), "")
		if got := f.joined["timestamp"]; got != f.now() {
			t.Errorf("the second join has the timestamp %v, want %v", got, f.now())
		}
	})
}
