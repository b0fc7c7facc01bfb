package e2e

import (
	"strconv"
	"testing"
)

// Our consensor and our client meet on the npm peer server, which knows nothing of /rtc,
// of node lists or of signed tokens: they fall back to plain PeerJS.
func TestNPMPeerServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := s.node("peer-server.js")
	port, _ := server.event(t, "listening")["port"].(float64)
	url := "http://127.0.0.1:" + strconv.Itoa(int(port))

	consensor := s.unlisted(url)
	server.wait(t, server.out, 0, "connection of the consensor", func(r record) bool {
		return r.text("event") == "connection" && r.text("peerId") == consensor.peerID
	})
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))
	tx, txID, err := w.register("foreigner")
	if err != nil {
		t.Fatal(err)
	}

	injected := s.pipe(tx, "client", "inject", "--archiver", url, "--peer", consensor.peerID, "-").exits(0)
	if doc := injected.json(); doc["success"] != true || doc.text("txId") != txID {
		injected.fatalf("want success and txId %s", txID)
	}
	asked := s.run("client", "account", "--archiver", url, "--peer", consensor.peerID, w.id()).exits(0)
	if got := asked.object(asked.json(), "account"); got.text("alias") != "foreigner" {
		asked.fatalf("account = %v, want alias foreigner", got)
	}
}
