package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What a wallet asks gives the same status and the same bytes over HTTP and over a data channel,
// of the node that has the ledger and of one that stands before it, and by a gateway to them.
func TestSameBytesByEveryDoor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	back := s.consensor(archiver.url())
	front := s.beside(archiver.url(), back, "front")
	gateway := s.gateway(archiver.url())
	paths := walletPaths(t, s, back)

	client := web(t)
	// The front first: it must not answer from what it has seen elsewhere.
	for _, node := range []*role{front, back} {
		overChannel := s.asks(archiver, node, paths)
		for i, path := range paths {
			status, text := ask(t, client, node.url()+"/"+path)
			if got := overChannel[i]; got.Status != status || string(got.Body) != text {
				t.Errorf("%s of %s: data channel = %d %s, HTTP = %d %s", path, node.peerID, got.Status, got.Body, status, text)
			}
			if frontStatus, frontText := ask(t, client, front.url()+"/"+path); frontStatus != status || frontText != text {
				t.Errorf("%s: before the node %d %s, behind %d %s", path, frontStatus, frontText, status, text)
			}
			if got, gatewayText := ask(t, client, gateway.url()+"/"+path); got != status || gatewayText != text {
				t.Errorf("%s: by the gateway %d %s, of the node %d %s", path, got, gatewayText, status, text)
			}
		}
	}
}

// walletPaths lets two users talk and returns all that can be asked of them and of the network.
// What changes with the time is left out.
func walletPaths(t *testing.T, s *site, node *role) []string {
	t.Helper()
	script := s.node("wallet.js", "--scheme", "ethers", "--node", node.url())
	if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
		t.Fatalf("wallet.js: exit %d (ended: %v), want 0", code, ok)
	}
	done := script.event(t, "done")
	users, _ := done["users"].([]any)
	if len(users) != 2 {
		t.Fatalf("users = %v, want two", done["users"])
	}
	user, chat, network := users[0].(string), done.text("chatId"), strings.Repeat("0", 64)
	txID := script.events("applied")[2].text("txId")
	return []string{
		"account/" + user, "account/" + network, "account/" + chat, "account/nobody",
		"account/" + user + "/balance", "account/nobody/balance", "account/" + user + "/alias", "account/" + user + "/toll",
		"account/" + user + "/chats/0", "account/" + user + "/chats/1e15", "account/" + user + "/recentMessages",
		"account/" + user + "/friends", "account/" + user + "/nobody/toll",
		"messages/" + chat + "/0", "messages/" + chat + "/1e15", "messages/nobody/0", "messages/" + chat + "/toll", "messages/nobody/toll",
		"address/nobody", "transaction/" + txID, "transaction/nobody",
		"collector/api/transaction?appReceiptId=" + txID, "collector/api/transaction?appReceiptId=" + network, "collector/api/transaction",
		"netconfig", "node/rotation", "stake", "canStake/" + user, "canUnstake/nobody/" + user,
		"network/parameters", "network/parameters/next", "network/windows", "network/windows/all", "network/windows/dev",
		"issues", "issues/latest", "issues/count", "issues/dev", "issues/dev/latest", "issues/dev/count",
		"proposals", "proposals/latest", "proposals/count", "proposals/dev", "proposals/dev/latest", "proposals/dev/count",
		"nodeInfo", "accounts", "debug/dump", "query-certificate",
	}
}

// A reply is what a data channel's message says.
type reply struct {
	Status int
	Body   json.RawMessage
}

// asks GETs each path over one data channel of a stock client.
func (s *site) asks(archiver, node *role, paths []string) []reply {
	s.t.Helper()
	type request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var list []request
	for _, path := range paths {
		list = append(list, request{"GET", path})
	}
	text, err := json.Marshal(list)
	if err != nil {
		s.t.Fatal(err)
	}
	script := s.node("asker.js", caller(s.t, archiver, node.peerID, "--pingInterval", "5000", "--ask", string(text))...)
	if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
		s.t.Fatalf("asker.js: exit %d (ended: %v), want 0", code, ok)
	}
	var replies []reply
	for _, event := range script.events("reply") {
		var r reply
		if err := json.Unmarshal([]byte(event.text("text")), &r); err != nil {
			s.t.Fatalf("reply %s: %v", event.text("text"), err)
		}
		replies = append(replies, r)
	}
	if len(replies) != len(paths) {
		s.t.Fatalf("%d replies, want %d", len(replies), len(paths))
	}
	return replies
}
