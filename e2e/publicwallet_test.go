package e2e

import (
	"fmt"
	"math/big"
	"reflect"
	"testing"
	"time"
)

// Transactions made by the packages of public wallets, ethers and those of Shardus, are
// accepted and applied over HTTP, by a gateway and over a data channel, and all a wallet asks is answered.
func TestPublicWallets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	gateway := s.gateway(archiver.url())
	d := openDoor(t, consensor)

	for _, scheme := range []string{"ethers", "shardus"} {
		for by, args := range map[string][]string{
			"HTTP":         {"--node", consensor.url()},
			"a gateway":    {"--node", gateway.url()},
			"data channel": caller(t, archiver, consensor.peerID, "--pingInterval", "5000"),
		} {
			t.Run(scheme+" by "+by, func(t *testing.T) {
				script := (&site{t: t, home: s.home, env: s.env}).node("wallet.js", append(args, "--scheme", scheme)...)
				if code, ok := script.exit(30 * time.Second); !ok || code != 0 {
					t.Fatalf("wallet.js: exit %d (ended: %v), want 0", code, ok)
				}
				ids := checkApplied(t, d, script.events("applied"))
				checkSeen(t, script.event(t, "done"), ids)
			})
		}
	}
}

// checkApplied demands that each transaction was accepted under the id the wallet gave it, and
// applied, as the wallet and the door see it. It returns the ids.
func checkApplied(t *testing.T, d door, events []record) []string {
	t.Helper()
	var types, ids []string
	for _, e := range events {
		id := e.text("txId")
		types, ids = append(types, e.text("type")), append(ids, id)
		result, _ := e["result"].(map[string]any)
		if result["success"] != true || result["txId"] != id {
			t.Fatalf("%s: result = %v, want success and txId %s", e.text("type"), result, id)
		}
		if receipt, _ := e["receipt"].(map[string]any); receipt["success"] != true {
			t.Fatalf("%s: receipt = %v, want success", e.text("type"), receipt)
		}
		applied(t, d, id)
	}
	if want := []string{"register", "register", "transfer", "message"}; !reflect.DeepEqual(types, want) {
		t.Fatalf("applied %q, want %q", types, want)
	}
	return ids
}

// checkSeen demands of what the wallet was shown: both users by their names, the second one's
// money, and their chat.
func checkSeen(t *testing.T, done record, ids []string) {
	t.Helper()
	balance, _ := new(big.Int).SetString(done.text("balance"), 10)
	if balance == nil || balance.Cmp(lib(70)) != 0 {
		t.Errorf("balance = %v, want 70 LIB", done["balance"])
	}
	want := fmt.Sprint([]any{
		map[string]any{"type": "transfer", "txId": ids[2]},
		map[string]any{"type": "message", "txId": ids[3]},
	})
	if got := fmt.Sprint(done["messages"]); got != want {
		t.Errorf("messages = %s, want %s", got, want)
	}
	if got := fmt.Sprint(done["found"]); got != "[true true]" {
		t.Errorf("found by name: %s, want both", got)
	}
}
