package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// beside starts a consensor that hands requests on to another.
func (s *site) beside(archiver string, node *role, name string, more ...string) *role {
	s.t.Helper()
	args := []string{"consensor", "--archiver", archiver, "--listen", "127.0.0.1:0", "--data", s.dir(name), "--ledger", "shardus", "--node", node.url()}
	r := s.start(append(args, more...)...)
	s.listed(archiver, r.peerID, eventWithin)
	return r
}

// three starts an archiver, a consensor with a ledger and two before it.
func (s *site) three() (archiver, back *role, fronts []*role) {
	s.t.Helper()
	archiver = s.archiver()
	back = s.consensor(archiver.url())
	return archiver, back, []*role{s.beside(archiver.url(), back, "front0"), s.beside(archiver.url(), back, "front1")}
}

// Three processes form one network: one has the ledger, two stand before it. What is put through
// one is seen through all; a front that is killed takes nobody with it; when the ledger's process
// is killed the fronts leave the list and say so, and when it is back so are they.
func TestNodeBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver, back, fronts := s.three()
	at := []string{"--archiver", archiver.url()}

	w := newWallet(t, openDoor(t, fronts[0]).network(t))
	tx, txID, err := w.register("behind")
	if err != nil {
		t.Fatal(err)
	}
	put := s.pipe(tx, join(at, "client", "inject", "--wait", "--peer", fronts[0].peerID, "-")...).exits(0)
	if doc := put.json(); doc["success"] != true || doc.text("txId") != txID || doc.text("peer") != fronts[0].peerID {
		put.fatalf("want success, txId %s and peer %s", txID, fronts[0].peerID)
	}
	for _, node := range []*role{back, fronts[0], fronts[1]} {
		asked := s.run(join(at, "client", "account", "--peer", node.peerID, w.id())...).exits(0)
		if got := asked.object(asked.json(), "account"); got.text("alias") != "behind" {
			asked.fatalf("account = %v, want alias behind", got)
		}
	}
	missing := s.run(join(at, "client", "account", "--peer", fronts[1].peerID, strings.Repeat("1", 64))...)
	missing.exits(4)

	fronts[0].kill()
	s.run(join(at, "client", "account", "--peer", fronts[1].peerID, w.id())...).exits(0)

	back.kill()
	client := web(t)
	eventually(t, eventWithin, "the front off the list", func() bool {
		return !slices.Contains(peers(client, archiver.url()), fronts[1].peerID)
	})
	if status, text := ask(t, client, fronts[1].url()+"/is-healthy"); status != 503 || !strings.Contains(text, `"unavailable"`) {
		t.Errorf("/is-healthy without the node = %d %s, want 503 unavailable", status, text)
	}
	if status, text := ask(t, client, fronts[1].url()+"/account/"+w.id()); status != 503 || !strings.Contains(text, `"unavailable"`) {
		t.Errorf("an account without the node = %d %s, want 503 unavailable", status, text)
	}
	s.start("consensor", "--archiver", archiver.url(), "--listen", back.addr, "--data", s.dir("consensor"))
	s.listed(archiver.url(), fronts[1].peerID, eventWithin)
	if status, text := ask(t, client, fronts[1].url()+"/is-healthy"); status != 200 || text != "OK" {
		t.Errorf("/is-healthy with the node back = %d %s, want 200 OK", status, text)
	}
	s.run(join(at, "client", "account", "--peer", fronts[1].peerID, w.id())...).exits(0)
}

// ask returns the status and the text of the answer to a GET.
func ask(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	begun := time.Now()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := drain(response)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 && !json.Valid(text) {
		t.Errorf("GET %s = %d %s, want JSON", url, response.StatusCode, text)
	}
	t.Logf("GET %s = %d in %v", url, response.StatusCode, time.Since(begun))
	return response.StatusCode, string(text)
}

// A node that answers nothing is a mistake that is told.
func TestNodeBehindIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range []struct {
		name  string
		args  []string
		code  int
		wants string
	}{
		{"no node", []string{"--ledger", "shardus"}, 2, "--node URL"},
		{"no ledger", []string{"--node", "http://127.0.0.1:1"}, 2, "--ledger shardus"},
		{"another ledger", []string{"--ledger", "bitcoin"}, 2, "embedded, shardus"},
		{"no URL", []string{"--ledger", "shardus", "--node", "127.0.0.1:9001"}, 2, "http://127.0.0.1:9001"},
		{"nobody there", []string{"--ledger", "shardus", "--node", "http://127.0.0.1:1"}, 1, "check --node"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.run(append([]string{"consensor", "--archiver", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--data", s.dir("c")}, tt.args...)...)
			r.exits(tt.code)
			if !strings.Contains(r.stderr, tt.wants) {
				r.fatalf("want %q", tt.wants)
			}
		})
	}
}
