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
)

// maxInfo is the largest answer of a node that is read, in bytes.
const maxInfo = 1 << 16

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
	case own != "" && info.PublicKey != "" && own != info.PublicKey:
		return say(Warn, "give --key the secrets.json of that node, or another --node", "the node's key is %.64q, the consensor's %s", info.PublicKey, own)
	}
	return say(OK, "", "the node is active, and answers in %v", since(began))
}

// A nodeInfo is what a node says of itself.
type nodeInfo struct{ PublicKey, Status string }

// errNoNode says that something answers which is no node.
var errNoNode = errors.New("GET /nodeInfo is not answered as nodes do")

func askNode(ctx context.Context, url string) (nodeInfo, error) {
	var answer struct{ NodeInfo *nodeInfo }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/nodeInfo", nil)
	if err != nil {
		return nodeInfo{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy, as the consensor asks
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nodeInfo{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxInfo))
	if err != nil {
		return nodeInfo{}, err
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(text, &answer) != nil || answer.NodeInfo == nil {
		return nodeInfo{}, fmt.Errorf("%w: %d", errNoNode, resp.StatusCode)
	}
	return *answer.NodeInfo, nil
}
