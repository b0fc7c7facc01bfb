package nodelist_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/signing"
)

// A modelNode is what the model knows of a key.
type modelNode struct {
	peerID, token string
	active        bool
	since         time.Time // joined, or without socket
}

// A model says who should be listed, without looking at the code's ways: time
// is looked at where something happens, a quarter of a second apart.
type model struct {
	nodes map[int]*modelNode
	open  map[string]string // token of the open sockets, by peerId
}

func (m *model) alive(n *modelNode) bool {
	token, ok := m.open[n.peerID]
	return ok && token == n.token
}

// step brings the model to now.
func (m *model) step(now time.Time) {
	for key, n := range m.nodes {
		switch {
		case m.alive(n):
			n.active, n.since = true, now
		case now.Sub(n.since) >= 5*time.Second:
			delete(m.nodes, key)
		}
	}
}

// join returns whether a join is to be accepted, and does it.
func (m *model) join(key int, peerID, token string, now time.Time) bool {
	if open, ok := m.open[peerID]; ok && open != token {
		return false
	}
	n := &modelNode{peerID: peerID, token: token, since: now}
	for other, holder := range m.nodes {
		if other == key || holder.peerID != peerID {
			continue
		}
		if !m.alive(n) || m.alive(holder) {
			return false
		}
		delete(m.nodes, other)
	}
	if old := m.nodes[key]; old != nil && old.peerID == peerID && old.token == token && old.active {
		return true // its place and its time to come back are what they were
	}
	m.nodes[key] = n
	return true
}

func (m *model) peers(active bool) []string {
	ids := make([]string, 0, len(m.nodes))
	for _, n := range m.nodes {
		if n.active == active {
			ids = append(ids, n.peerID)
		}
	}
	return slices.Sorted(slices.Values(ids))
}

// TestListAgainstModel does random joins, goodbyes and socket events and
// compares who is listed with a model of the rules.
func TestListAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			a := newArchiver(t, nil)
			stop := a.run()
			defer stop()
			m := &model{nodes: make(map[int]*modelNode), open: make(map[string]string)}
			key := rapid.IntRange(1, 3)
			peer := rapid.SampledFrom([]string{"p1", "p2"})
			token := rapid.SampledFrom([]string{"x", "y"})
			touch := func() { // all open sockets answer pings
				for id := range m.open {
					sock, _ := a.sockets.Peer(id)
					sock.LastSeen = time.Now()
					a.sockets.set(id, sock)
				}
			}
			pass := func(d time.Duration) {
				for end := time.Now().Add(d); time.Now().Before(end); {
					time.Sleep(250 * time.Millisecond)
					synctest.Wait()
					touch()
					m.step(time.Now())
				}
			}
			pass(250 * time.Millisecond)
			rt.Repeat(map[string]func(*rapid.T){
				"join": func(rt *rapid.T) {
					n, id, tok := key.Draw(rt, "key"), peer.Draw(rt, "peer"), token.Draw(rt, "token")
					pass(250 * time.Millisecond)
					want := m.join(n, id, tok, time.Now())
					m.step(time.Now())
					if reason := a.post(signed(t, n, withPeer(n, id, tok))); (reason == "") != want {
						rt.Fatalf("node %d joins as %s with %s: refused with %q, want accepted: %v", n, id, tok, reason, want)
					}
				},
				"connect": func(rt *rapid.T) {
					id, tok := peer.Draw(rt, "peer"), token.Draw(rt, "token")
					a.connect(id, tok)
					m.open[id] = tok
					m.step(time.Now())
				},
				"disconnect": func(rt *rapid.T) {
					id := peer.Draw(rt, "peer")
					delete(m.open, id)
					m.step(time.Now())
					a.disconnect(id)
				},
				"goodbye": func(rt *rapid.T) {
					id := peer.Draw(rt, "peer")
					maps.DeleteFunc(m.nodes, func(_ int, n *modelNode) bool { return n.peerID == id })
					a.Left(id)
				},
				"wait": func(rt *rapid.T) {
					pass(time.Duration(rapid.IntRange(1, 25).Draw(rt, "quarters of a second")) * 250 * time.Millisecond)
				},
				"": func(rt *rapid.T) {
					pass(250 * time.Millisecond)
					// A change in the moment of another publication, such as the
					// one every 30 s, is published a tenth of a second later.
					time.Sleep(125 * time.Millisecond)
					synctest.Wait()
					defer func() {
						time.Sleep(125 * time.Millisecond)
						synctest.Wait()
						touch()
						m.step(time.Now())
					}()
					checkInvariant(rt, a)
					for target, want := range map[string][]string{active: m.peers(true), syncing: m.peers(false)} {
						if got := slices.Sorted(slices.Values(a.peers(target))); !slices.Equal(got, want) {
							rt.Fatalf("GET %s has %q, want %q", target, got, want)
						}
					}
				},
			})
		})
	})
}

// checkInvariant checks that no peerId and no key is listed twice.
func checkInvariant(rt *rapid.T, a *archiver) {
	seen := make(map[string]bool)
	for _, entry := range a.object("/full-nodelist")["nodeList"].([]any) {
		for _, name := range []string{"peerId", "publicKey"} {
			value := fmt.Sprint(name, entry.(signing.Object)[name])
			if seen[value] {
				rt.Fatalf("%s is listed twice", value)
			}
			seen[value] = true
		}
	}
}
