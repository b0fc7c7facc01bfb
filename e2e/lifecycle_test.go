package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Told to stop, a consensor leaves the list and ends with code 0; the archiver does not have to
// find out that it has gone.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())

	consensor.stop(t)
	if got := peers(web(t), archiver.url()); slices.Contains(got, consensor.peerID) {
		t.Errorf("after the consensor has ended the list is %q", got)
	}
	r := s.run("client", "account", "--archiver", archiver.url(), "--peer", consensor.peerID, "abc123")
	demands{1, "signalling", []string{consensor.peerID}}.check(r)
}

// An archiver is killed, stays away until its nodes have tried in vain, and is started again: the
// sessions that there were go on through all of it, requests and transactions in hand included, and
// within a second of listening again it has every node's id and lists it. A client that has seen
// the old list accepts the new one.
func TestArchiverRestart(t *testing.T) {
	t.Parallel()
	const backWithin = time.Second
	s := newSite(t)
	first, back, fronts := s.three()
	nodes := append(fronts, back)
	s.run("client", "nodes", "--archiver", first.url()).exits(0)
	talker, payer := s.talk(first.url(), back), s.pays(first.url())

	var marks []int
	for _, n := range nodes {
		marks = append(marks, n.errs.mark())
	}
	first.kill()
	want := deal{Pay: 10, Read: 10, AtOnce: 4}
	payer.deal(want).all(t, want)
	for i, n := range nodes {
		n.wait(t, n.errs, marks[i], "attempt in vain", func(r record) bool { return strings.Contains(r.text("err"), "connection refused") })
	}
	talker.more(t, "reply", 3, noticed)
	second := s.start("archiver", "--listen", first.addr, "--node-listen", first.nodeAddr, "--data", s.dir("archiver"))
	listens := logged(t, second.wait(t, second.errs, 0, "line ready", func(r record) bool { return r.text("msg") == "ready" }))
	for _, n := range nodes {
		active := second.wait(t, second.errs, 0, "node "+n.peerID, func(r record) bool {
			return r.text("msg") == "node active" && r.text("peerId") == n.peerID
		})
		took := logged(t, active).Sub(listens)
		t.Logf("listed %v after the archiver listens", took.Round(time.Millisecond))
		if took >= backWithin {
			t.Errorf("a node is back %v after the archiver listens, want under %v", took, backWithin)
		}
		s.listed(second.url(), n.peerID, eventWithin)
	}

	list := s.run("client", "nodes", "--archiver", second.url()).exits(0)
	if !strings.Contains(list.stdout, back.peerID) {
		list.fatalf("want peerId %s", back.peerID)
	}
	s.run("client", "account", "--archiver", second.url(), strings.Repeat("0", 64)).exits(0)
	payer.deal(want).all(t, want)
	talker.more(t, "reply", 3, noticed)
	if ended := talker.events("ended"); len(ended) > 0 {
		t.Errorf("the session ended: %v", ended)
	}
	payer.sound()
}

// logged is when a line was logged.
func logged(t *testing.T, r record) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.text("time"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The same address with another key is another archiver, and a client says so.
func TestArchiverImpostor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.archiver()
	s.run("client", "nodes", "--archiver", first.url()).exits(0)
	first.stop(t)
	s.start("archiver", "--listen", first.addr, "--node-listen", "127.0.0.1:0", "--data", s.dir("impostor"))
	demands{1, "archiver", []string{first.url()}}.check(s.run("client", "nodes", "--archiver", first.url()))
}
