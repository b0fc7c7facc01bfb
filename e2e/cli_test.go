package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The commands a user starts with, one after the other: keys of both schemes, registrations,
// a transfer, test funds, both balances.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	at := []string{"--archiver", archiver.url()}

	users := map[string]string{} // scheme → address
	for _, scheme := range []string{"secp256k1", "ed25519"} {
		key := s.dir(scheme + ".json")
		made := s.run("client", "keygen", "--scheme", scheme, "--out", key).exits(0)
		users[scheme] = made.json().text("address")
		checkKeyFile(t, key, scheme, users[scheme])
		tx := s.run(join(at, "client", "tx", "register", "--key", key, "--alias", "user"+scheme)...).exits(0)
		tx.json()
		done := s.pipe(tx.stdout, join(at, "client", "inject", "--wait", "-")...).exits(0)
		if doc := done.json(); doc["success"] != true || done.object(doc, "receipt")["success"] != true || doc.text("peer") != consensor.peerID {
			done.fatalf("want success, a receipt of success and peer %s", consensor.peerID)
		}
	}

	from, to := users["secp256k1"], users["ed25519"]
	tx := s.run(join(at, "client", "tx", "transfer", "--key", s.dir("secp256k1.json"), "--to", to, "--amount", "7")...).exits(0)
	path := s.file("transfer.json", tx.stdout)
	s.run(join(at, "client", "inject", "--wait", path)...).exits(0)
	made := s.run(join(at, "client", "tx", "create", "--key", s.dir("ed25519.json"), "--amount", "3")...).exits(0)
	s.pipe(made.stdout, join(at, "client", "inject", "--peer", consensor.peerID, "-")...).exits(0)

	asked := s.run(join(at, "client", "account", to)...).exits(0)
	doc := asked.json()
	if doc.text("id") != to || asked.object(doc, "account").text("id") != to {
		asked.fatalf("want the account %s", to)
	}
	d := openDoor(t, consensor)
	receiver, err := d.account(to)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := balance(receiver), lib(50+7+3); got == nil || got.Cmp(want) != 0 {
		t.Errorf("balance of the receiver = %v, want %v", got, want)
	}
	sender, err := d.account(from)
	if err != nil {
		t.Fatal(err)
	}
	if got := balance(sender); got == nil || got.Cmp(lib(43)) >= 0 || got.Cmp(lib(42)) < 0 {
		t.Errorf("balance of the sender = %v, want 43 LIB less a fee", got)
	}
}

// join appends arguments to a command.
func join(flags []string, words ...string) []string { return append(words, flags...) }

func checkKeyFile(t *testing.T, path, scheme, address string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, want 0600", filepath.Base(path), info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var key struct{ Type, PublicKey, SecretKey string }
	if err := json.Unmarshal(text, &key); err != nil || key.Type != scheme || key.PublicKey == "" || key.SecretKey == "" {
		t.Errorf("key file of type %q with a public key %q (%v), want %s", key.Type, key.PublicKey, err, scheme)
	}
	if len(address) != 64 {
		t.Errorf("address = %q, want 64 hex digits", address)
	}
}

// client nodes prints the list it has verified.
func TestNodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	r := s.run("client", "nodes", "--archiver", archiver.url()).exits(0)
	var doc struct {
		Nodes []struct {
			ID, IP, PublicKey, PeerID string
			Port                      int
		}
		Archiver string
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		r.fatalf("%v", err)
	}
	if len(doc.Nodes) != 1 || doc.Archiver == "" {
		r.fatalf("want one node and the archiver")
	}
	node := doc.Nodes[0]
	host, port := hostPort(t, consensor.addr)
	if node.PeerID != consensor.peerID || node.PublicKey != consensor.peerID || node.IP != host || strconv.Itoa(node.Port) != port || len(node.ID) != 64 {
		r.fatalf("node = %+v, want peerId and publicKey %s at %s", node, consensor.peerID, consensor.addr)
	}
}

// Where there cannot even be a client, people find the reason on stderr and
// programs in the document on stdout, as of any other failure.
func TestFormatOfFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	broken := s.file("archivers.json", "{")
	for _, command := range []string{"account", "watch"} {
		flags := []string{"client", command, "--archiver", "http://127.0.0.1:9", "--data", s.home}
		if r := s.run(append(flags, "--format", "text", "someone")...).exits(1); r.stdout != "" || !strings.Contains(r.stderr, broken) {
			r.fatalf("want nothing on stdout, and %s on stderr", broken)
		}
		r := s.run(append(flags, "someone")...).exits(1)
		if doc := r.json(); doc.text("hop") != "archiver" || !strings.Contains(doc.text("error"), broken) {
			r.fatalf("want the hop archiver and an error that names %s", broken)
		}
	}
}
