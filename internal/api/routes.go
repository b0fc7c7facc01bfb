package api

import (
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/tally"
)

// A route of the table. What a caller may reach is here and nowhere else: a
// node behind this one trusts callers on its own host with much more.
type route struct {
	method, pattern string
	handle          handler  // answers from the ledger
	own             bool     // handle answers even if there is a node behind
	here            bool     // and even at a gateway
	steps           []string // of the pattern
	took            *tally.Histogram
	answered        tally.Counts[Class]
}

// table returns the routes of this node. Where several fit, the first counts:
// literal segments stand before placeholders. The list of all accounts and what
// is for operators is not here.
func (a *API) table() []route {
	var routes []route
	for _, rt := range slices.Concat(a.ofAccounts(), a.ofTheNode(), a.ofNetworkAccount(), ofGovernance()) {
		rt.steps, rt.took, rt.answered = strings.Split(rt.pattern, "/"), newTimes(), tally.Of(allClasses[:])
		routes = append(routes, rt)
	}
	return routes
}

// ofAccounts are the routes by which wallets live.
func (a *API) ofAccounts() []route {
	return []route{
		{method: "POST", pattern: "inject", handle: a.inject},
		{method: "GET", pattern: "account/{id}", handle: a.account},
		{method: "GET", pattern: "account/{id}/balance", handle: a.balance},
		{method: "GET", pattern: "account/{id}/chats/{timestamp}", handle: a.chats},
		{method: "GET", pattern: "account/{id}/alias", handle: a.alias},
		{method: "GET", pattern: "account/{id}/toll", handle: a.toll},
		{method: "GET", pattern: "account/{id}/friends", handle: a.untilFriendsEnd(a.friends)},
		{method: "GET", pattern: "account/{id}/recentMessages", handle: a.recentMessages},
		{method: "GET", pattern: "account/{id}/{friendId}/toll", handle: a.untilFriendsEnd(a.toll)},
		{method: "GET", pattern: "messages/{chatId}/toll", handle: a.chatToll},
		{method: "GET", pattern: "messages/{chatId}/{timestamp}", handle: a.messages},
		{method: "GET", pattern: "address/{aliasHash}", handle: a.address},
		{method: "GET", pattern: "transaction/{id}", handle: a.transaction},
		{method: "GET", pattern: "collector/api/transaction", handle: a.collected, own: true},
		{method: "GET", pattern: "collector/api/poll", handle: a.poll, own: true, here: true},
	}
}

// ofTheNode are the routes about the node, and about stakes on nodes. A ledger
// has no Shardus configuration, and one node, which does not rotate.
func (a *API) ofTheNode() []route {
	return []route{
		{method: "GET", pattern: "timestamp", handle: a.timestamp},
		{method: "GET", pattern: "nodeInfo", handle: a.getNodeInfo},
		{method: "GET", pattern: "is-healthy", handle: a.isHealthy, own: true},
		{method: "GET", pattern: "netconfig", handle: always(`{"config":{}}`)},
		{method: "GET", pattern: "node/rotation", handle: always(`{"isRotationBound":false,"rotationIndex":{"idx":1,"total":1}}`)},
		{method: "GET", pattern: "stake", handle: a.stake},
		{method: "GET", pattern: "canStake/{nominee}", handle: a.canStake},
		{method: "GET", pattern: "canUnstake/{nominee}/{nominator}", handle: a.canUnstake},
	}
}

// ofNetworkAccount are the routes that show parts of the network's account.
func (a *API) ofNetworkAccount() []route {
	return []route{
		{method: "GET", pattern: "network/parameters", handle: a.parameters},
		{method: "GET", pattern: "network/parameters/next", handle: a.network("parameters", "next")},
		{method: "GET", pattern: "network/windows", handle: a.network("windows", "windows")},
		{method: "GET", pattern: "network/windows/all", handle: a.allWindows},
		{method: "GET", pattern: "network/windows/dev", handle: a.network("devWindows", "devWindows")},
		{method: "GET", pattern: "issues/count", handle: a.network("count", "issue")},
		{method: "GET", pattern: "issues/dev/count", handle: a.network("count", "devIssue")},
	}
}

// ofGovernance are the routes about issues and proposals, of which a ledger has
// none: what a node answers whose network has had none yet.
func ofGovernance() []route {
	return []route{
		{method: "GET", pattern: "issues", handle: always(`{"issues":[]}`)},
		{method: "GET", pattern: "issues/latest", handle: always(`{"issue":null}`)},
		{method: "GET", pattern: "issues/dev", handle: always(`{"devIssues":[]}`)},
		{method: "GET", pattern: "issues/dev/latest", handle: always(`{"devIssue":null}`)},
		{method: "GET", pattern: "proposals", handle: always(`{"proposals":[]}`)},
		{method: "GET", pattern: "proposals/latest", handle: always(`{"proposals":[]}`)},
		{method: "GET", pattern: "proposals/count", handle: always(`{"count":null}`)},
		{method: "GET", pattern: "proposals/dev", handle: always(`{"devProposals":[]}`)},
		{method: "GET", pattern: "proposals/dev/latest", handle: always(`{"devProposals":[]}`)},
		{method: "GET", pattern: "proposals/dev/count", handle: always(`{"count":null}`)},
	}
}

// Params are what stands for a route's placeholders, in their order.
type params [2]string

// match reports whether path, split into segments, is of the route, and what
// stands for its placeholders.
func (rt route) match(path []string) (p params, ok bool) {
	if len(rt.steps) != len(path) {
		return p, false
	}
	n := 0
	for i, want := range rt.steps {
		switch {
		case isPlaceholder(want) && path[i] != "":
			p[n] = path[i]
			n++
		case want != path[i]:
			return p, false
		}
	}
	return p, true
}

// target builds the path of a request to the node behind this one: the route's
// own literals, and what stands for its placeholders if it is plain enough.
func (rt route) target(path []string) (string, bool) {
	built := make([]byte, 0, 96)
	for i, step := range rt.steps {
		if isPlaceholder(step) {
			if step = path[i]; !isPlain(step) {
				return "", false
			}
		}
		built = append(append(built, '/'), step...)
	}
	return string(built), true
}

func isPlaceholder(step string) bool { return strings.HasPrefix(step, "{") }

// maxParam is how many characters may stand for a placeholder.
const maxParam = 128

// isPlain reports whether s is 1 to 128 of [A-Za-z0-9_.-], and not only dots,
// which mean another folder to many who read a path.
func isPlain(s string) bool {
	if len(s) > maxParam {
		return false
	}
	dots := true
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			dots = false
		case c != '.':
			return false
		}
	}
	return !dots
}
