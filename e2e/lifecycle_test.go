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

// A consensor whose archiver is killed and started again comes back to the list by itself, and a
// client that has seen the old list accepts the new one.
func TestArchiverRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.archiver()
	consensor := s.consensor(first.url())
	s.run("client", "nodes", "--archiver", first.url()).exits(0)

	first.kill()
	second := s.start("archiver", "--listen", first.addr, "--node-listen", first.nodeAddr, "--data", s.dir("archiver"))
	s.listed(second.url(), consensor.peerID, 15*time.Second)

	nodes := s.run("client", "nodes", "--archiver", second.url()).exits(0)
	if !strings.Contains(nodes.stdout, consensor.peerID) {
		nodes.fatalf("want peerId %s", consensor.peerID)
	}
	s.run("client", "account", "--archiver", second.url(), strings.Repeat("0", 64)).exits(0)
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
