// Package api is the node's API: the routes of a Liberdus node, independent of
// what carries them. HTTP requests and data channel messages go through the
// same table to the same handlers, so both doors give the same status and the
// same bytes.
//
//	data channel ── rpc.Request ──┐
//	                              ├─► table ─► handler ─► Ledger
//	HTTP ── method and path ──────┘
//
// In place of the ledger there may be another node, an [Upstream], or the [Nodes]
// of a network, to which requests are handed on. What is not in the table is not
// found, by either door.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// A Ledger is what the handlers put to and get from. A Shardus node has the
// same calls under the names in the comments.
type Ledger interface {
	// Put offers a signed transaction (shardus.put).
	Put(ctx context.Context, tx signing.Object) (ledger.Result, error)
	// Account returns an account's canonical text, nil if there is none
	// (the data of shardus.getLocalOrRemoteAccount).
	Account(ctx context.Context, id string) (json.RawMessage, error)
	// Head is Account, without the messages of a chat.
	Head(ctx context.Context, id string) (json.RawMessage, error)
	// Messages returns the canonical text of the list of a chat's transactions
	// since a time in ms, nil if there is no such chat.
	Messages(ctx context.Context, chatID string, since float64) (json.RawMessage, error)
	// MessagePage is Messages from a number on, as many as go into one reply, and
	// the number to go on with, 0 after the last.
	MessagePage(ctx context.Context, chatID string, since float64, from int64) (list json.RawMessage, next int64, err error)
	// StakeRequired returns the least stake on a node, in wei.
	StakeRequired() *big.Int
	// Healthy returns why no transactions are taken now, nil if they are.
	Healthy() error
	// Receipt returns a transaction's receipt, nil if it is not known.
	Receipt(ctx context.Context, txID string) (json.RawMessage, error)
}

var _ Ledger = (*ledger.Ledger)(nil)

// An API answers requests for a node. Use [New].
type API struct {
	ledger   Ledger   // nil if there is an upstream, or nodes
	upstream Upstream // nil if there is a ledger, or nodes
	nodes    Nodes    // nil but at a gateway
	nodeInfo func() signing.Object
	log      *slog.Logger
	routes   []route

	feed  rpc.Feed // nil: no polls; see Polls
	polls atomic.Pointer[pollRoom]

	// injecting bounds the bytes of the transactions in hand, by all doors:
	// parsed, a hostile one takes about fifty times its size.
	injecting *room

	bodies  bodies
	counts  counters
	caller  func(*http.Request) netip.Addr // see Callers
	limited func(who string, by rpc.Limit) // see Limited

	zippers sync.Pool // of *gzip.Writer
}

// ledgerProbe is the account that is read to see whether the ledger can be:
// that of the network, which is always there.
const ledgerProbe = ledger.NetworkAccountID

// maxInjecting is how many bytes of transactions are in hand at once.
const maxInjecting = 8 << 20

// New returns the API of a node. The function nodeInfo gives the members of
// the node's GET /nodeInfo, which change as the node joins.
func New(l Ledger, nodeInfo func() signing.Object, log *slog.Logger) *API {
	a := &API{
		ledger: l, nodeInfo: nodeInfo, log: log.With("part", "api"),
	}
	a.prepare()
	return a
}

// prepare makes what does not depend on what is behind.
func (a *API) prepare() {
	a.injecting, a.zippers = newRoom(maxInjecting), sync.Pool{New: newZipper}
	a.bodies, a.caller = newBodies(), func(*http.Request) netip.Addr { return netip.Addr{} }
	a.limited = func(string, rpc.Limit) {}
	a.routes, a.counts = a.table(), newCounters()
}

// A handler answers a request.
type handler func(ctx context.Context, p params, r rpc.Request) (rpc.Response, error)

// Handle answers one request.
func (a *API) Handle(ctx context.Context, r rpc.Request) rpc.Response {
	f, fault := a.find(r)
	if fault != nil {
		return a.count(DoorChannel, *fault)
	}
	return a.count(DoorChannel, a.answer(ctx, f, r))
}

// Found is the route of a request, and what stands in its path.
type found struct {
	route
	params params
	path   []string
}

// wantsBody reports whether the answer depends on the request's body.
func (f found) wantsBody() bool {
	return f.method == "POST" || f.pattern == "account/{id}" && f.params[0] == "id"
}

// find returns the route of a request, or the fault that there is none.
func (a *API) find(r rpc.Request) (found, *rpc.Response) {
	if err := rpc.CheckURL(r.URL); err != nil {
		return found{}, new(rpc.Fault(rpc.BadRequest, err.Error()))
	}
	path, err := segments(r.URL)
	if err != nil {
		return found{}, new(rpc.Fault(rpc.BadRequest, "url: "+err.Error()))
	}
	for _, rt := range a.routes {
		if rt.method != r.Method {
			continue
		}
		if p, ok := rt.match(path); ok {
			return found{rt, p, path}, nil
		}
	}
	return found{}, new(a.missing(path, r))
}

// answer answers a request whose route is found, and notes it there.
func (a *API) answer(ctx context.Context, f found, r rpc.Request) rpc.Response {
	began := time.Now()
	resp := a.ask(ctx, f, r)
	f.took.Since(began)
	if class, ok := classOf(resp); ok {
		f.answered[class].Add(1)
	}
	return resp
}

// ask gets the answer from the ledger, from the node behind this one, or from
// those of a network.
func (a *API) ask(ctx context.Context, f found, r rpc.Request) rpc.Response {
	if a.nodes != nil && !f.here {
		return a.askOn(ctx, f, r)
	}
	if a.upstream != nil && !f.own {
		return a.handOn(ctx, f.route, f.path, r)
	}
	resp, err := f.handle(ctx, f.params, r)
	if err != nil {
		return a.fault(ctx, r, err)
	}
	return resp
}

// missing says that there is no such path, and with what those begin that are.
func (a *API) missing(path []string, r rpc.Request) rpc.Response {
	return rpc.Fault(rpc.NotFound, "no such path: "+r.Method+" /"+clip(strings.Join(path, "/"))+"; those of this node begin with "+a.known())
}

// fault turns an error of the ledger into what the caller sees.
func (a *API) fault(ctx context.Context, r rpc.Request, err error) rpc.Response {
	switch bad, ok := errors.AsType[*badRequest](err); {
	case ok:
		return rpc.Fault(rpc.BadRequest, bad.text)
	case errors.Is(err, ledger.ErrTooLarge):
		return rpc.Fault(rpc.TooLarge, "the chat is too large for one answer: ask for its pages, messages/CHATID/TIMESTAMP-0")
	case isUndecided(err):
		return rpc.Fault(rpc.Timeout, undecided(err))
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return rpc.Fault(rpc.Timeout, "the node did not finish in time")
	}
	a.log.Log(ctx, level(err), "request failed", "method", r.Method, "type", r.Type(), "err", err)
	return rpc.Fault(rpc.Unavailable, "the node's ledger is unavailable")
}

func isUndecided(err error) bool { return undecided(err) != "" }

// undecided says where to ask about a transaction that may still be taken; "" if
// err is not about one.
func undecided(err error) string {
	u, ok := errors.AsType[*ledger.Undecided](err)
	if !ok {
		return ""
	}
	return "undecided: ask /transaction/" + u.TxID
}

// known lists how the routes begin, for a caller who missed.
func (a *API) known() string {
	var names []string
	for _, rt := range a.routes {
		if !slices.Contains(names, rt.steps[0]) {
			names = append(names, rt.steps[0])
		}
	}
	return strings.Join(names, ", ")
}

// segments splits the path of an rpc url and undoes its percent escapes.
func segments(target string) ([]string, error) {
	path, _, _ := strings.Cut(target, "?") // which one route reads by itself
	list := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if !strings.Contains(path, "%") {
		return list, nil
	}
	for i, s := range list {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return nil, err
		}
		list[i] = plain
	}
	return list, nil
}

// clip makes what a stranger wrote fit for a sentence.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// badRequest is an error of the caller's making.
type badRequest struct{ text string }

func (e *badRequest) Error() string { return e.text }

func now() int64 { return time.Now().UnixMilli() }

// level keeps a failed disk, of which the ledger has told, from filling the log
// with every request.
func level(err error) slog.Level {
	if errors.Is(err, ledger.ErrStorage) || errors.Is(err, ledger.ErrStalled) || errors.Is(err, ledger.ErrClosed) {
		return slog.LevelDebug
	}
	return slog.LevelError
}
