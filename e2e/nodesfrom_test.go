package e2e

import (
	"slices"
	"strings"
	"testing"
)

// An archiver beside another lists only nodes of the other's signed list, and goes on when that
// is gone, also over a restart of its own.
func TestNodesFrom(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.archiver()
	key := first.wait(t, first.errs, 0, "ready line", func(r record) bool { return r.text("msg") == "ready" }).text("publicKey")
	listed := s.consensor(first.url())
	args := []string{"archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("second"), "--nodes-from", "http://" + first.nodeAddr + "#" + key}
	second := s.start(args...)
	second.wait(t, second.errs, 0, "list of the first", func(r record) bool { return r.text("msg") == "nodes of the other archiver" })

	stranger := s.launch("consensor", "--archiver", second.url(), "--listen", "127.0.0.1:0", "--data", s.dir("stranger"))
	listed.stop(t)
	again := s.start("consensor", "--archiver", second.url(), "--listen", "127.0.0.1:0", "--data", s.dir("consensor"))
	if again.peerID != listed.peerID {
		t.Fatalf("peer id %s after the restart, want %s", again.peerID, listed.peerID)
	}
	s.listed(second.url(), again.peerID, eventWithin)
	if code, ok := stranger.exit(eventWithin); !ok || code != 1 {
		t.Errorf("a node that the first archiver does not list: exit code %d, ended %v; want 1", code, ok)
	}
	first.kill()
	second.stop(t)
	args[2] = second.addr
	second = s.start(args...)
	s.listed(second.url(), again.peerID, eventWithin)
	if got := peers(web(t), second.url()); !slices.Equal(got, []string{again.peerID}) {
		t.Errorf("the second archiver lists %q, want %s alone", got, again.peerID)
	}
	for _, bad := range []string{"http://127.0.0.1:4000", "http://127.0.0.1:4000#abc", "127.0.0.1:4000#" + key} {
		r := s.run("archiver", "--listen", "127.0.0.1:0", "--node-listen", "", "--data", s.dir("third"), "--nodes-from", bad)
		r.exits(2)
		if !strings.Contains(r.stderr, "--nodes-from") {
			r.fatalf("want --nodes-from in the error")
		}
	}
}
