package main

import (
	"context"
)

// ledgerScenarios measure the embedded ledger. Its sides are processes on both
// cores, since a node's ledger has all cores of its machine.
func ledgerScenarios() []scenario {
	const checks = "secp256k1 checks alone"
	put := func(scheme string) scenario {
		return scenario{
			section: "Ledger", name: "put " + scheme,
			about: "transfers between users drawn uniformly from 100,000, 256 in flight, from signed objects to synced receipts; the reference checks the secp256k1 signatures of such transfers (canonical text, hash, recovery) and does nothing else",
			sides: []side{
				{"ours", func(ctx context.Context, e *env) (figures, error) { return putSide(ctx, e, scheme) }},
				{checks, checkSide},
			},
			metrics: []metric{
				{name: "transactions a second", more: true, goals: []goal{{checks, 0.5}}},
				{name: "CPU per transaction", unit: "µs"},
			},
		}
	}
	const small, middle, large = "10 thousand accounts", "100 thousand accounts", "ours, a million"
	points := func(metric string) []curvePoint {
		return []curvePoint{{10_000, small, metric}, {100_000, middle, metric}, {1_000_000, large, metric}}
	}
	sized := func(users int) func(ctx context.Context, e *env) (figures, error) {
		return func(ctx context.Context, e *env) (figures, error) { return sizeSide(ctx, e, users) }
	}
	return []scenario{
		put("secp256k1"), put("ed25519"),
		{
			section: "Ledger", name: "account",
			about: "one of 100,000 accounts, drawn uniformly, in the handler of `account/<id>`, without a door; the reference is a GET of the same text from a Go map behind net/http, its client not counted",
			sides: []side{{"ours", accountSide}, {"map behind net/http", mapSide}},
			metrics: []metric{
				{name: "CPU per account", unit: "µs"},
			},
		},
		{
			section: "Ledger", name: "size",
			about: "a ledger of a million accounts beside smaller ones; accounts are drawn uniformly; a start is that of a ledger that was closed",
			sides: []side{{large, sized(1_000_000)}, {small, sized(10_000)}, {middle, sized(100_000)}},
			metrics: []metric{
				{name: "CPU per account read", unit: "µs"},
				{name: "CPU per transaction", unit: "µs", goals: []goal{{small, 1.5}}}, // the logarithms' ratio
				{name: "start", unit: "ms", goals: []goal{{small, 1.5}}},
			},
			curves: []curve{{
				file: "accounts", title: "a ledger's cost by its size", x: "accounts", unit: "µs of processor time", log: true,
				lines: []curveLine{
					{name: "transaction", points: points("CPU per transaction")},
					{name: "account read", points: points("CPU per account read")},
				},
			}},
		},
	}
}

// ledgerArgs is what a ledger's load is told.
type ledgerArgs struct {
	Dir    string
	Users  int    // accounts to make
	Keys   int    // of them that can send
	Scheme string // of the keys
	Warm   int    // transactions before those that count
	Total  int
}

// ledgerFigures is what it gives.
type ledgerFigures struct{ Seconds, CPU float64 } // of all

// onLedger starts the load and makes the ledger.
func onLedger(ctx context.Context, e *env, a *ledgerArgs) (*load, error) {
	dir, err := e.dir()
	if err != nil {
		return nil, err
	}
	a.Dir = dir
	l, err := e.loadOn(onBothCores, "ledger")
	if err != nil {
		return nil, err
	}
	return l, l.do(ctx, "make", a, nil)
}

func (e *env) size(n int) int {
	if e.quick {
		return n / 10
	}
	return n
}

func perTransaction(f ledgerFigures, n int) figures {
	return figures{"transactions a second": float64(n) / f.Seconds, "CPU per transaction": f.CPU / float64(n) * 1e6}
}

func putSide(ctx context.Context, e *env, scheme string) (figures, error) {
	a := ledgerArgs{Users: e.size(100_000), Keys: e.size(100_000), Scheme: scheme, Warm: e.size(20_000), Total: e.size(40_000)}
	l, err := onLedger(ctx, e, &a)
	if err != nil {
		return nil, err
	}
	var f ledgerFigures
	if err := l.do(ctx, "put", a, &f); err != nil {
		return nil, err
	}
	return perTransaction(f, a.Total), nil
}

func checkSide(ctx context.Context, e *env) (figures, error) {
	a := ledgerArgs{Users: 1000, Keys: 1000, Scheme: "secp256k1", Total: e.size(40_000)}
	l, err := onLedger(ctx, e, &a)
	if err != nil {
		return nil, err
	}
	var f ledgerFigures
	if err := l.do(ctx, "check", a, &f); err != nil {
		return nil, err
	}
	return perTransaction(f, a.Total), nil
}

func accountSide(ctx context.Context, e *env) (figures, error) {
	a := ledgerArgs{Users: e.size(100_000), Total: e.size(400_000)}
	l, err := onLedger(ctx, e, &a)
	if err != nil {
		return nil, err
	}
	var f ledgerFigures
	if err := l.do(ctx, "handle", a, &f); err != nil {
		return nil, err
	}
	return figures{"CPU per account": f.CPU / float64(a.Total) * 1e6}, nil
}

// mapSide has the accounts served by a process of its own, so that its client is
// not in the figure.
func mapSide(ctx context.Context, e *env) (figures, error) {
	server, err := e.listen(ctx, "map", e.self, "serve", "map")
	if err != nil {
		return nil, err
	}
	l, err := e.load("http")
	if err != nil {
		return nil, err
	}
	total := e.size(100_000)
	ask := func(n int) error {
		return l.do(ctx, "request", requestArgs{URL: server.addr, Account: mapAccount, InFlight: 16, Total: n}, nil)
	}
	if err := ask(total / 10); err != nil {
		return nil, err
	}
	before, err := server.cpu()
	if err != nil {
		return nil, err
	}
	if err := ask(total); err != nil {
		return nil, err
	}
	after, err := server.cpu()
	return figures{"CPU per account": (after - before).Seconds() / float64(total) * 1e6}, err
}

func sizeSide(ctx context.Context, e *env, users int) (figures, error) {
	a := ledgerArgs{Users: e.size(users), Keys: e.size(10_000), Scheme: "secp256k1", Warm: e.size(5000), Total: e.size(10_000)}
	l, err := onLedger(ctx, e, &a)
	if err != nil {
		return nil, err
	}
	var start []float64
	if err := l.do(ctx, "open", a, &start); err != nil {
		return nil, err
	}
	var read, put ledgerFigures
	if err := l.do(ctx, "read", a, &read); err != nil {
		return nil, err
	}
	if err := l.do(ctx, "put", a, &put); err != nil {
		return nil, err
	}
	return figures{
		"CPU per account read": read.CPU / float64(a.Total) * 1e6,
		"CPU per transaction":  put.CPU / float64(a.Total) * 1e6,
		"start":                spreadOf(start).median,
	}, nil
}
