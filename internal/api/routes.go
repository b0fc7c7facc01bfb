package api

import "strings"

// A route of the table. What a caller may reach is here and nowhere else: a
// node behind this one trusts callers on its own host with much more.
type route struct {
	method, pattern string
	// handle answers from the ledger; nil: only a node behind this one can.
	handle handler
	own    bool     // answered here even if there is a node behind
	steps  []string // of the pattern
}

// table returns the routes of this node. Where several fit, the first counts:
// literal segments stand before placeholders.
func (a *API) table() []route {
	all := []route{
		{method: "POST", pattern: "inject", handle: a.inject},
		{method: "GET", pattern: "account/{id}", handle: a.account},
		{method: "GET", pattern: "account/{id}/balance"},
		{method: "GET", pattern: "account/{id}/chats/{timestamp}"},
		{method: "GET", pattern: "messages/{chatId}/toll"},
		{method: "GET", pattern: "messages/{chatId}/{timestamp}"},
		{method: "GET", pattern: "address/{aliasHash}"},
		{method: "GET", pattern: "transaction/{id}", handle: a.transaction},
		{method: "GET", pattern: "timestamp", handle: a.timestamp},
		{method: "GET", pattern: "nodeInfo", handle: a.getNodeInfo},
		{method: "GET", pattern: "netconfig"},
		{method: "GET", pattern: "stake"},
		{method: "GET", pattern: "node/rotation"},
		{method: "GET", pattern: "is-healthy", handle: a.isHealthy, own: true},
	}
	var routes []route
	for _, rt := range all {
		if rt.handle == nil && a.upstream == nil {
			continue
		}
		rt.steps = strings.Split(rt.pattern, "/")
		routes = append(routes, rt)
	}
	return routes
}

// match reports whether path, split into segments, is of the route, and what
// stands for its placeholder.
func (rt route) match(path []string) (param string, ok bool) {
	if len(rt.steps) != len(path) {
		return "", false
	}
	for i, want := range rt.steps {
		switch {
		case isPlaceholder(want) && path[i] != "":
			param = path[i]
		case want != path[i]:
			return "", false
		}
	}
	return param, true
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
