package nodelist_test

import (
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
				if got := a.post(signed(t, 1, o)); got != tt.want {
					t.Errorf("refused with %q, want %q", got, tt.want)
				}
			})
		})
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
