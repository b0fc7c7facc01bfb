package e2e

import (
	"strings"
	"testing"
)

// With the PeerJS server at the root of the archiver and another key, nodes and clients learn from
// the archiver where it is, and the network works as ever.
func TestPeerServerAtTheRoot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver("--path", "/", "--key", "peerjs", "--alive_timeout", "60000")
	consensor := s.consensor(archiver.url())
	s.run("client", "account", "--archiver", archiver.url(), "--peer", consensor.peerID, strings.Repeat("0", 64)).exits(0)

	for path, want := range map[string]string{"/": `{"name":"PeerJS Server"`, "/app": "Liberdus", "/peerids": consensor.peerID} {
		response, err := web(t).Get(archiver.url() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := drain(response)
		if err != nil || !strings.Contains(string(body[:min(len(body), 2000)]), want) {
			t.Errorf("GET %s = %.200q, %v, want %s", path, body, err, want)
		}
	}
}
