package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// waits is a look-up that never comes back by itself.
func waits(ctx context.Context, _ string) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("look-up: %w", context.Cause(ctx))
}

// failing is a ledger whose every call ends with err.
func failing(err error) fake {
	look := func(context.Context, string) (json.RawMessage, error) { return nil, err }
	return fake{
		put:     func(context.Context, signing.Object) (ledger.Result, error) { return ledger.Result{}, err },
		account: look, list: look, receipt: look,
	}
}

// asking is one request for each call of the ledger.
var asking = []struct{ method, path, body string }{
	{"POST", "/inject", `{"from":"alice"}`},
	{"GET", "/account/a1", ""},
	{"GET", "/account/id", `{"id":"a1"}`},
	{"GET", "/transaction/t1", ""},
	{"GET", "/account/u1/balance", ""},
	{"GET", "/account/u1/chats/0", ""},
	{"GET", "/account/u1/friends", ""},
	{"GET", "/messages/c1/0", ""},
	{"GET", "/messages/c1/toll", ""},
	{"GET", "/address/h1", ""},
	{"GET", "/network/parameters", ""},
	{"GET", "/canUnstake/n1/u1", ""},
}

func TestLedgerErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
		want   string
		logged bool
	}{
		{"unexpected", errors.New("ledger: /secret/path: odd"), 503, fault("unavailable", "the node's ledger is unavailable"), true},
		{"too large", fmt.Errorf("ledger: %w", ledger.ErrTooLarge), 413, fault("too-large", "the chat is too large for one answer: ask for its pages, messages/CHATID/TIMESTAMP-0"), false},
		{"closed", fmt.Errorf("ledger: %w", ledger.ErrClosed), 503, fault("unavailable", "the node's ledger is unavailable"), false},
		{"storage", fmt.Errorf("ledger: /secret/path: %w", ledger.ErrStorage), 503, fault("unavailable", "the node's ledger is unavailable"), false},
		{"stalled", fmt.Errorf("ledger: /secret/path: %w", ledger.ErrStalled), 503, fault("unavailable", "the node's ledger is unavailable"), false},
		{"undecided", fmt.Errorf("ledger: %w", &ledger.Undecided{TxID: "t9"}), 504, fault("timeout", "undecided: ask /transaction/t9"), false},
		{"late", fmt.Errorf("ledger: %w", context.DeadlineExceeded), 504, fault("timeout", "the node did not finish in time"), false},
	} {
		for _, ask := range asking {
			t.Run(tt.name+" "+ask.path, func(t *testing.T) {
				var log bytes.Buffer
				a := api.New(failing(tt.err), nil, slog.New(slog.NewTextHandler(&log, nil)))
				want := answer{tt.status, tt.want}
				if got, ok := overHTTP(t, a, ask.method, ask.path, ask.body); !ok || got != want {
					t.Errorf("HTTP = %v, want %v", got, want)
				}
				if got := overChannel(t, a, ask.method, ask.path, ask.body); got != want {
					t.Errorf("data channel = %v, want %v", got, want)
				}
				if got := strings.Contains(log.String(), tt.err.Error()); got != tt.logged {
					t.Errorf("log = %q, want the error in it: %v", &log, tt.logged)
				}
			})
		}
	}
}

// A ledger that hangs costs a caller no more than the time there is.
func TestLedgerDeadlines(t *testing.T) {
	hanging := fake{
		put: func(ctx context.Context, _ signing.Object) (ledger.Result, error) {
			_, err := waits(ctx, "")
			return ledger.Result{}, err
		},
		account: waits, list: waits, receipt: waits,
	}
	for _, ask := range asking {
		t.Run(ask.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(hanging)
				want := answer{504, fault("timeout", "the node did not finish in time")}
				begin := time.Now()
				if got, ok := overHTTP(t, a, ask.method, ask.path, ask.body); !ok || got != want {
					t.Errorf("HTTP = %v, want %v", got, want)
				}
				if took := time.Since(begin); took != 30*time.Second {
					t.Errorf("HTTP took %v, want 30s", took)
				}
				begin = time.Now()
				if got := overChannel(t, a, ask.method, ask.path, ask.body); got != want {
					t.Errorf("data channel = %v, want %v", got, want)
				}
				if took := time.Since(begin); took != 30*time.Second {
					t.Errorf("data channel took %v, want 30s", took)
				}
			})
		})
	}
}

// A deadline with a cause of its own is a deadline still.
func TestDeadlineWithACause(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Nanosecond, errors.New("enough"))
	defer cancel()
	<-ctx.Done()
	l := working()
	l.account = waits
	if got := newAPI(l).Handle(ctx, rpc.Request{URL: "account/a1", Method: "GET"}); got.Status != 504 {
		t.Errorf("Handle = %d %s, want 504", got.Status, got.Body)
	}
}

// What a node tells of itself is asked for each time, and may not be written.
func TestNodeInfo(t *testing.T) {
	n := 0
	a := api.New(working(), func() signing.Object {
		n++
		if n == 3 {
			return signing.Object{"bad": make(chan int)}
		}
		return signing.Object{"n": n}
	}, slog.New(slog.DiscardHandler))
	for _, want := range []answer{
		{200, `{"nodeInfo":{"n":1}}`},
		{200, `{"nodeInfo":{"n":2}}`},
		{503, fault("unavailable", "the node's ledger is unavailable")},
	} {
		if got := overChannel(t, a, "GET", "nodeInfo", ""); got != want {
			t.Errorf("nodeInfo = %v, want %v", got, want)
		}
	}
}
