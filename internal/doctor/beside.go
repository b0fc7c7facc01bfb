package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/nodelist"
)

// maxInfo is the largest answer of a node that is read, in bytes.
const maxInfo = 4 << 20

// beside looks at the Liberdus node that a consensor of these settings is to
// stand beside: is it there, well, and of the same key?
func beside(ctx context.Context, n config.Consensor, own string) []Finding {
	if n.Ledger != config.LedgerShardus {
		return nil
	}
	say := func(s Status, remedy, format string, args ...any) []Finding {
		return []Finding{{"beside", n.Node, s, fmt.Sprintf(format, args...), remedy}}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, checkTime, fmt.Errorf("nothing within %v", checkTime))
	defer cancel()
	began := time.Now()
	info, err := askNode(ctx, n.Node)
	switch {
	case errors.Is(err, errNoNode):
		return say(Fail, "is that the port of a node's API? one that is joining its network answers so, too", "%v", err)
	case err != nil:
		return say(Fail, "start the node, or mend node = in the file", "no answer: %v", because(ctx, err))
	case info.Status != "" && info.Status != "active":
		return say(Warn, "wait until the node has joined its network: until then the consensor is on no list", "the node is not active, but %.20q", info.Status)
	}
	network, err := askNetwork(ctx, n.Node)
	switch {
	case err != nil:
		return say(Warn, "wait until its network processes transactions again: until then the consensor is on no list",
			"the node cannot read the account of its network: %v", because(ctx, err))
	case n.NetworkID != "" && network != n.NetworkID:
		return say(Fail, "give the node of that network, or leave network_id out", "the node is of the network %.64q, the settings demand %s", network, n.NetworkID)
	case own != "" && info.PublicKey != "" && own != info.PublicKey:
		return say(Warn, "give --key the secrets.json of that node, or another --node", "the node's key is %.64q, the consensor's %s", info.PublicKey, own)
	}
	return say(OK, "", "the node is active, and answers in %v", since(began))
}

// A nodeInfo is what a node says of itself.
type nodeInfo struct{ PublicKey, Status string }

// errNoNode says that something answers which is no node.
var errNoNode = errors.New("it is not answered as nodes do")

func askNode(ctx context.Context, url string) (nodeInfo, error) {
	var answer struct{ NodeInfo *nodeInfo }
	if err := askJSON(ctx, url, "/nodeInfo", &answer); err != nil {
		return nodeInfo{}, err
	}
	if answer.NodeInfo == nil {
		return nodeInfo{}, fmt.Errorf("GET /nodeInfo: %w", errNoNode)
	}
	return *answer.NodeInfo, nil
}

// networkAccount is where every node of a network that processes transactions
// has the network's id.
const networkAccount = "/account/0000000000000000000000000000000000000000000000000000000000000000"

func askNetwork(ctx context.Context, url string) (id string, err error) {
	var answer struct{ Account struct{ NetworkID string } }
	if err := askJSON(ctx, url, networkAccount, &answer); err != nil {
		return "", err
	}
	if !nodelist.IsKey(answer.Account.NetworkID) { // it has the same form
		return "", errors.New("there is no such account")
	}
	return answer.Account.NetworkID, nil
}

func askJSON(ctx context.Context, url, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+path, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy, as the consensor asks
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxInfo))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(text, v) != nil {
		return fmt.Errorf("GET %.20s: %w: %d", path, errNoNode, resp.StatusCode)
	}
	return nil
}
