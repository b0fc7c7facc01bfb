package nodelist_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// withPeer returns a join of node n under another peerId than its key.
func withPeer(n int, peerID, token string) signing.Object {
	o := joinOf(n)
	o["nodeInfo"].(signing.Object)["peerId"] = peerID
	if token != "" {
		o["tokenHash"] = nodelist.TokenHash(token)
	}
	return o
}

func TestJoinIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(*nodelist.Config)
		before func(a *archiver) // what happened before
		change func(o signing.Object)
		want   string
	}{
		{name: "a good one"},
		{
			name:   "just not too old",
			change: func(o signing.Object) { o["timestamp"] = o["timestamp"].(float64) - 60_000 },
		},
		{
			name:   "too old",
			change: func(o signing.Object) { o["timestamp"] = o["timestamp"].(float64) - 60_001 },
			want:   "timestamp is more than 60 seconds off, it is 946684800000 here",
		},
		{
			name:   "too early",
			change: func(o signing.Object) { o["timestamp"] = o["timestamp"].(float64) + 60_001 },
			want:   "timestamp is more than 60 seconds off, it is 946684800000 here",
		},
		{
			name:   "seen before",
			before: func(a *archiver) { a.mustJoin(1) },
			want:   "timestamp is not newer than the last one of this publicKey, 946684800000",
		},
		{
			name:   "newer than the one before",
			before: func(a *archiver) { a.mustJoin(1) },
			change: func(o signing.Object) { o["timestamp"] = o["timestamp"].(float64) + 1 },
		},
		{
			name:   "the key of somebody else as peerId",
			change: func(o signing.Object) { o["nodeInfo"].(signing.Object)["peerId"] = keyOf(2).Public() },
			want:   "peerId has the form of a public key but is not the signing key",
		},
		{
			name:   "another network than the configured one",
			config: func(c *nodelist.Config) { c.NetworkID = networkB },
			want:   "networkId is not that of this network, " + networkB,
		},
		{
			name: "another network than that of the first active node",
			before: func(a *archiver) {
				o := joinOf(2)
				o["networkId"] = networkB
				a.connect(keyOf(2).Public(), "")
				a.post(signed(t, 2, o))
			},
			want: "networkId is not that of this network, " + networkB,
		},
		{
			name:   "not allowed",
			config: func(c *nodelist.Config) { c.AllowNode = []string{keyOf(2).Public()} },
			want:   "publicKey is not among the nodes that this archiver lists",
		},
		{
			name:   "allowed",
			config: func(c *nodelist.Config) { c.AllowNode = []string{keyOf(2).Public(), keyOf(1).Public()} },
		},
		{
			name:   "a peerId of its own without tokenHash",
			change: func(o signing.Object) { o["nodeInfo"].(signing.Object)["peerId"] = "node-1" },
			want:   "tokenHash is required for a peerId that is not a public key",
		},
		{
			name:   "the token of another connection",
			before: func(a *archiver) { a.connect("node-1", "theirs") },
			change: func(o signing.Object) {
				o["nodeInfo"].(signing.Object)["peerId"] = "node-1"
				o["tokenHash"] = nodelist.TokenHash("ours")
			},
			want: "tokenHash is not that of the connection with this peerId",
		},
		{
			name:   "a peerId that is taken",
			before: func(a *archiver) { a.post(signed(t, 2, withPeer(2, "node-1", "theirs"))) },
			change: func(o signing.Object) {
				o["nodeInfo"].(signing.Object)["peerId"] = "node-1"
				o["tokenHash"] = nodelist.TokenHash("ours")
			},
			want: "peerId is listed under another public key",
		},
		{
			name: "a peerId that is taken and proven, even with the same token",
			before: func(a *archiver) {
				a.connect("node-1", "both")
				a.post(signed(t, 2, withPeer(2, "node-1", "both")))
			},
			change: func(o signing.Object) {
				o["nodeInfo"].(signing.Object)["peerId"] = "node-1"
				o["tokenHash"] = nodelist.TokenHash("both")
			},
			want: "peerId is listed under another public key",
		},
		{
			name: "no: a peerId that was taken without proof goes to who has its connection",
			before: func(a *archiver) {
				a.post(signed(t, 2, withPeer(2, "node-1", "squatter")))
				a.connect("node-1", "ours")
			},
			change: func(o signing.Object) {
				o["nodeInfo"].(signing.Object)["peerId"] = "node-1"
				o["tokenHash"] = nodelist.TokenHash("ours")
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArchiver(t, tt.config)
				if tt.before != nil {
					tt.before(a)
				}
				o := joinOf(1)
				if tt.change != nil {
					tt.change(o)
				}
				before := a.Stats().Refused
				if got := a.post(signed(t, 1, o)); got != tt.want {
					t.Errorf("refused with %q, want %q", got, tt.want)
				}
				want := map[nodelist.Refusal]uint64{}
				if tt.want != "" {
					want[reasonOf(t, tt.want)] = 1
				}
				for why, n := range a.Stats().Refused {
					if n -= before[why]; n != want[why] {
						t.Errorf("%d joins are counted as refused for %s, want %d", n, why, want[why])
					}
				}
			})
		})
	}
}

// reasonOf is the reason of a refusal with that text.
func reasonOf(t *testing.T, text string) nodelist.Refusal {
	t.Helper()
	for _, r := range []struct {
		begin string
		why   nodelist.Refusal
	}{
		{"timestamp", nodelist.RefusedTime},
		{"networkId", nodelist.RefusedNetwork},
		{"publicKey is not among", nodelist.RefusedKey},
		{"peerId", nodelist.RefusedPeer},
		{"tokenHash is", nodelist.RefusedPeer},
		{"too many nodes of one address", nodelist.RefusedAddress},
		{"the list is full", nodelist.RefusedFull},
	} {
		if strings.HasPrefix(text, r.begin) {
			return r.why
		}
	}
	t.Fatalf("no reason for %q", text)
	return ""
}

// What cannot be read is refused for its form, and whoever listens hears from where it came.
func TestRefusalsAreTold(t *testing.T) {
	var told []string
	a := newArchiver(t, func(c *nodelist.Config) {
		c.PerAddress, c.LimitExempt = 1, []netip.Prefix{}
		c.Refused = func(from netip.Addr, why nodelist.Refusal) { told = append(told, from.String()+" "+string(why)) }
	})
	for _, body := range []string{"", "{", "{}", strings.Repeat(" ", 100_000)} {
		a.askFrom("192.0.2.1:1", "POST", "/nodelist", body)
	}
	if reason := a.postFrom("192.0.2.1:1", signed(t, 1, joinOf(1))); reason != "" {
		t.Fatal(reason)
	}
	a.postFrom("192.0.2.1:1", signed(t, 2, joinOf(2)))
	form := "192.0.2.1 form"
	if want := []string{form, form, form, form, "192.0.2.1 address"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
	if st := a.Stats(); st.Refused[nodelist.RefusedForm] != 4 || st.Refused[nodelist.RefusedAddress] != 1 {
		t.Errorf("counted %v", st.Refused)
	}
	if n, part := a.Fullest(); n != 1 || part != 1 {
		t.Errorf("Fullest = %d, %v, want one address with all that it may have", n, part)
	}
}

func TestTimestampsAreRememberedFor120SecondsAfterLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		o := joinOf(1)
		o["timestamp"] = o["timestamp"].(float64) + 60_000
		ahead := signed(t, 1, o)
		if reason := a.post(ahead); reason != "" {
			t.Fatal(reason)
		}
		a.Left(keyOf(1).Public())
		for range 120 { // a replay is refused as seen, later as old
			if reason := a.post(ahead); !strings.HasPrefix(reason, "timestamp is") {
				t.Fatalf("a replay after leaving: %q", reason)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		if n := a.Departed(); n != 0 {
			t.Errorf("%d keys are remembered, want 0", n)
		}
		if reason := a.post(ahead); !strings.HasPrefix(reason, "timestamp is more than") {
			t.Errorf("a replay after being forgotten: %q", reason)
		}
		a.mustJoin(1)
	})
}
