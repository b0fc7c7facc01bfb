package e2e

import (
	"context"
	"strings"
	"testing"
)

// A node that is on the list and just away, as when it is started anew, is dialled again until it is back.
func TestClientWaitsForAListedNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver("--expire-timeout", "100ms", "--cleanup-out-msgs", "100ms")
	node := s.consensor(archiver.url())
	listed := newLiar(t, archiver.url())
	_, list := ask(t, web(t), archiver.url()+"/full-nodelist?activeOnly=true")
	listed.says("/full-nodelist", list) // however long the client takes to start
	node.kill()
	client := spawn(t, "client", s.liberdus(context.Background(), "client", "account", "--archiver", listed.URL, "--log-level", "debug", strings.Repeat("f", 64)))
	client.wait(t, client.errs, 0, "word that it is away", func(r record) bool {
		return r.text("msg") == "node given up" && r["again"] == true && strings.Contains(r.text("err"), "no peer with this id")
	})
	again := s.consensor(archiver.url())
	if again.peerID != node.peerID {
		t.Fatalf("another node came: %s, not %s", again.peerID, node.peerID)
	}
	if code, ended := client.exit(eventWithin); !ended || code != 4 || !strings.Contains(client.out.text(), node.peerID) {
		t.Errorf("client account: exit %d (ended: %v), want 4 for an account that does not exist, as %s has said", code, ended, node.peerID)
	}
	client.noRace(t)
}
