package nodelist_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

const (
	active  = "/full-nodelist?activeOnly=true"
	syncing = "/full-nodelist?syncingOnly=true"
)

// settle lets the List publish.
func settle() {
	time.Sleep(200 * time.Millisecond)
	synctest.Wait()
}

// wantPeers checks a list.
func (a *archiver) wantPeers(target string, want ...string) {
	a.t.Helper()
	if got := a.peers(target); !slices.Equal(got, want) {
		a.t.Errorf("GET %s has %q, want %q", target, got, want)
	}
}

func TestANodeIsActiveWhileItsSocketIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		id := a.mustJoin(1)
		settle()
		a.wantPeers(active)
		a.wantPeers(syncing, id)
		a.connect(id, "")
		settle()
		a.wantPeers(active, id)
		a.wantPeers(syncing)
		a.disconnect(id)
		time.Sleep(4 * time.Second)
		a.wantPeers(active, id) // 5 s to come back
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		a.wantPeers(active)
		a.wantPeers("/full-nodelist")
	})
}

func TestASocketBeforeTheJoinMakesActiveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		a.connect(keyOf(1).Public(), "")
		id := a.mustJoin(1)
		settle()
		a.wantPeers(active, id)
	})
}

func TestANodeThatComesBackInTimeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		one, two := a.mustJoin(1), a.mustJoin(2)
		a.connect(one, "")
		a.connect(two, "")
		settle()
		before := a.epoch()
		a.disconnect(one)
		time.Sleep(4900 * time.Millisecond)
		a.connect(one, "")
		a.sockets.set(two, nodelist.Socket{Proven: true, LastSeen: time.Now()})
		time.Sleep(8 * time.Second)
		a.wantPeers(active, one, two) // in its old place
		if got := a.epoch(); got != before {
			t.Errorf("epoch went from %d to %d, want no change", before, got)
		}
	})
}

func TestASilentSocketIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		id := a.mustJoin(1)
		a.connect(id, "")
		time.Sleep(14900 * time.Millisecond) // 10 s of silence and 5 s
		a.wantPeers(active, id)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		a.wantPeers(active)
	})
}

func TestANodeWithoutSocketIsDroppedAfter5Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		id := a.mustJoin(1)
		time.Sleep(4900 * time.Millisecond)
		a.wantPeers("/full-nodelist", id)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		a.wantPeers("/full-nodelist")
	})
}

func TestOnlyItsOwnSocketMakesANodeActive(t *testing.T) {
	for _, tt := range []struct {
		name, peerID, joined, connected string
		proven, want                    bool
	}{
		{name: "the token it named", peerID: "node-1", joined: "x", connected: "x", want: true},
		{name: "another token", peerID: "node-1", joined: "x", connected: "y"},
		{name: "its key, proven", peerID: keyOf(1).Public(), proven: true, want: true},
		{name: "its key, not proven", peerID: keyOf(1).Public()},
		{name: "its key, not proven, with the token it named", peerID: keyOf(1).Public(), joined: "x", connected: "x", want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArchiver(t, nil)
				defer a.run()()
				if reason := a.post(signed(t, 1, withPeer(1, tt.peerID, tt.joined))); reason != "" {
					t.Fatal(reason)
				}
				a.sockets.set(tt.peerID, nodelist.Socket{
					TokenHash: sha256.Sum256([]byte(tt.connected)), Proven: tt.proven, LastSeen: time.Now(),
				})
				a.Changed(tt.peerID)
				settle()
				var want []string
				if tt.want {
					want = append(want, tt.peerID)
				}
				a.wantPeers(active, want...)
			})
		})
	}
}

func TestGoodbyeAndComingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		id := a.mustJoin(1)
		a.connect(id, "")
		settle()
		a.Left(id)
		settle()
		a.wantPeers("/full-nodelist")
		a.mustJoin(1) // its socket is still there
		settle()
		a.wantPeers(active, id)
		a.Left("nobody")
		a.Changed("nobody")
	})
}

func TestANodeMayMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		defer a.run()()
		one, two := a.mustJoin(1), a.mustJoin(2)
		a.connect(one, "")
		a.connect(two, "")
		settle()
		before := a.epoch()
		a.mustJoin(1)
		settle()
		if got := a.epoch(); got != before {
			t.Errorf("joining again unchanged took the epoch from %d to %d", before, got)
		}
		o := joinOf(1)
		o["nodeInfo"].(map[string]any)["externalPort"] = 1234.0
		if reason := a.post(signed(t, 1, o)); reason != "" {
			t.Fatal(reason)
		}
		settle()
		a.wantPeers(active, one, two)
		first := a.object(active)["nodeList"].([]any)[0].(map[string]any)
		if first["port"] != 1234.0 || a.epoch() != before+1 {
			t.Errorf("after moving: port %v, epoch %d, want 1234, %d", first["port"], a.epoch(), before+1)
		}
		time.Sleep(time.Millisecond)
		if reason := a.post(signed(t, 1, withPeer(1, "node-1", "token"))); reason != "" {
			t.Fatal(reason)
		}
		settle()
		a.wantPeers(active, two)
		a.wantPeers(syncing, "node-1")
	})
}

func TestTheFirstActiveNodeDecidesWhichNetworkThisIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := stateFile(t)
		config := func(c *nodelist.Config) { c.StateFile = path }
		a := newArchiver(t, config)
		stop := a.run()
		one := a.mustJoin(1)
		o := joinOf(2)
		o["networkId"] = networkB
		if reason := a.post(signed(t, 2, o)); reason != "" {
			t.Fatal(reason)
		}
		settle()
		if got := a.object(active)["networkId"]; got != "" || a.NetworkID() != "" {
			t.Errorf("networkId = %q before any node is active", got)
		}
		a.connect(one, "")
		settle()
		a.wantPeers("/full-nodelist", one) // the other one is of no network here
		if got := a.object("/rtc")["networkId"]; got != networkA || a.NetworkID() != networkA {
			t.Errorf("networkId = %q, want %q", got, networkA)
		}
		stop()
		if got := newArchiver(t, config).NetworkID(); got != networkA {
			t.Errorf("networkId after a restart = %q, want %q", got, networkA)
		}
		b := newArchiver(t, func(c *nodelist.Config) { c.StateFile, c.NetworkID = path, networkB })
		if b.NetworkID() != networkB || !strings.Contains(b.logs.String(), "configured network id replaces the one kept") {
			t.Errorf("networkId = %q, want the configured one, and a line in the log: %s", b.NetworkID(), b.logs)
		}
		if got := newArchiver(t, config).NetworkID(); got != networkB {
			t.Errorf("networkId after the next restart = %q, want %q", got, networkB)
		}
	})
}
