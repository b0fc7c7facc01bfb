package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

const (
	npmPeer   = "npm peer 1.0.2"
	bareRelay = "bare gorilla relay"
	liberdus  = "liberdus"

	offerBytes = 1500
	pairs      = 32
)

func signallingScenarios() []scenario {
	const section = "Signalling server"
	return []scenario{
		{
			section: section, name: "relaying",
			about: "32 pairs of sockets send each other 1.5 KB offers in turns, one on the way for each pair; nobody else is connected",
			sides: signallingSides(measureRelay),
			metrics: []metric{
				{name: "CPU per message", unit: "µs", goals: []goal{{npmPeer, 0.85}, {bareRelay, 1.25}}},
				{name: "median latency", unit: "µs"},
			},
		},
		{
			section: section, name: "connecting",
			about: "sockets are opened, 64 at a time, up to OPEN, and stay open",
			sides: signallingSides(measureConnect),
			metrics: []metric{
				{name: "CPU per connect", unit: "µs", goals: []goal{{bareRelay, 1.25}}},
			},
		},
		{
			section: "Signalling server, idle sockets", name: "idle sockets",
			about: "sockets of 16 addresses do what PeerJS does when nothing happens: HEARTBEAT every 5 s, an answer to each ping; offers are relayed beside them, the cost of the idle ones subtracted",
			sides: signallingSides(measureIdle),
			metrics: []metric{
				{name: "resident per socket at 19,000", unit: "KB", goals: []goal{{npmPeer, 1.1}}},
				{name: "resident per socket from 5,000 to 19,000", unit: "KB"},
				{name: "growth from 5,000 on against up to 5,000", goals: []goal{{"", 1.15}}},
				{name: "idle CPU per socket and second", unit: "µs"},
			},
		},
		{
			section: "Signalling server, idle sockets", name: "flatness",
			about: "two servers of a kind, one with 1,000 and one with 18,000 idle sockets, relay 10,000 offers each in four turns; the processor time of the process, user and system, less that of its idle sockets",
			sides: []side{{name: liberdus, measure: measureFlatness}},
			metrics: []metric{
				{name: "CPU per message, 1,000 idle", unit: "µs"},
				{name: "CPU per message, 18,000 idle", unit: "µs"},
				{name: "CPU per message, 18,000 against 1,000 idle", goals: []goal{{"", 1.15}}},
			},
		},
	}
}

// signallingSides are the three servers under the same measurement.
func signallingSides(measure func(context.Context, *env, *server) (figures, error)) []side {
	with := func(name string, start func(context.Context, *env) (*server, error)) side {
		return side{name: name, measure: func(ctx context.Context, e *env) (figures, error) {
			s, err := start(ctx, e)
			if err != nil {
				return nil, err
			}
			return measure(ctx, e, s)
		}}
	}
	return []side{
		with(liberdus, func(ctx context.Context, e *env) (*server, error) {
			return e.archiver(ctx, "--concurrent-limit", "100000")
		}),
		with(npmPeer, startNPMPeer),
		with(bareRelay, startRelay),
	}
}

func startNPMPeer(ctx context.Context, e *env) (*server, error) {
	return e.listen(ctx, npmPeer, "node", filepath.FromSlash("bench/npm-peer.cjs"))
}

func startRelay(ctx context.Context, e *env) (*server, error) { return e.serve(ctx, "relay") }

// spent is the processor time a server uses for what is done meanwhile.
func (s *server) spent(do func() error) (time.Duration, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := s.cpu()
	return after - before, err
}

func micros(d time.Duration, n int) float64 { return d.Seconds() * 1e6 / float64(n) }

// perMessage relays n messages and returns the processor time of each.
// idle is what the server spends a second without them.
func perMessage(ctx context.Context, l *load, s *server, n int, idle float64) (float64, relayed, error) {
	var r relayed
	cpu, err := s.spent(func() error {
		return l.do(ctx, "relay", relayArgs{Addr: s.addr, Pairs: pairs, Messages: n, Bytes: offerBytes}, &r)
	})
	return micros(cpu, n) - idle*r.Wall.Seconds()*1e6/float64(n), r, err
}

// few returns less where a look is all that is wanted.
func (e *env) few(n, quick int) int {
	if e.quick {
		return quick
	}
	return n
}

func measureRelay(ctx context.Context, e *env, s *server) (figures, error) {
	l, err := e.load("signalling")
	if err != nil {
		return nil, err
	}
	if _, _, err := perMessage(ctx, l, s, e.few(20_000, 2000), 0); err != nil { // until the JIT has settled
		return nil, err
	}
	cpu, r, err := perMessage(ctx, l, s, e.few(60_000, 5000), 0)
	return figures{"CPU per message": cpu, "median latency": micros(r.P50, 1)}, err
}

func measureConnect(ctx context.Context, e *env, s *server) (figures, error) {
	l, err := e.load("signalling")
	if err != nil {
		return nil, err
	}
	if err := l.do(ctx, "open", openArgs{Addr: s.addr, N: e.few(2000, 200)}, nil); err != nil {
		return nil, err
	}
	n := e.few(8000, 1000)
	cpu, err := s.spent(func() error { return l.do(ctx, "open", openArgs{Addr: s.addr, N: n}, nil) })
	return figures{"CPU per connect": micros(cpu, n)}, err
}

const (
	fewSockets, someSockets, manySockets = 1000, 5000, 19_000 // ulimit -n is often 20,000
	crowdSockets, flatTurns              = 18_000, 4

	settle = 6 * time.Second // longer than a round of heartbeats and pings
)

func measureIdle(ctx context.Context, e *env, s *server) (figures, error) {
	l, err := e.load("signalling")
	if err != nil {
		return nil, err
	}
	if _, _, err := perMessage(ctx, l, s, e.few(20_000, 2000), 0); err != nil {
		return nil, err
	}
	i := idler{e: e, l: l, s: s}
	none := i.rest(ctx)
	some := i.grow(ctx, e.few(someSockets, 2*fewSockets))
	n := e.few(manySockets, 4*fewSockets)
	many := i.grow(ctx, n)
	if i.err != nil {
		return nil, i.err
	}
	up := (some.rss - none.rss) / float64(some.sockets)
	slope := (many.rss - some.rss) / float64(many.sockets-some.sockets)
	return figures{
		"resident per socket at 19,000":            (many.rss - none.rss) / float64(n) / 1024,
		"resident per socket from 5,000 to 19,000": slope / 1024,
		"growth from 5,000 on against up to 5,000": slope / up,
		"idle CPU per socket and second":           (many.cpu - none.cpu) / float64(n) * 1e6,
	}, nil
}

// measureFlatness lets the two servers take turns, so that what else the machine
// does meets both.
func measureFlatness(ctx context.Context, e *env) (figures, error) {
	var sides [2]idler
	var idle [2]cost
	for k, n := range []int{fewSockets, e.few(crowdSockets, 4*fewSockets)} {
		s, err := e.archiver(ctx, "--concurrent-limit", "18500")
		if err != nil {
			return nil, err
		}
		l, err := e.load("signalling")
		if err != nil {
			return nil, err
		}
		sides[k] = idler{e: e, l: l, s: s}
		idle[k] = sides[k].grow(ctx, n)
	}
	var spent [2]float64
	for range flatTurns {
		for k := range sides {
			spent[k] += sides[k].message(ctx, idle[k]) / flatTurns
		}
	}
	return figures{
		"CPU per message, 1,000 idle":                spent[0],
		"CPU per message, 18,000 idle":               spent[1],
		"CPU per message, 18,000 against 1,000 idle": spent[1] / spent[0],
	}, errors.Join(sides[0].err, sides[1].err)
}

// An idler opens idle sockets and looks what they cost. After an error it does
// nothing more.
type idler struct {
	e       *env
	l       *load
	s       *server
	sockets int
	err     error
}

// cost is what a server with so many idle sockets uses.
type cost struct {
	sockets int
	rss     float64 // bytes
	cpu     float64 // seconds a second
}

func (i *idler) grow(ctx context.Context, to int) cost {
	if i.err == nil {
		i.err = i.l.do(ctx, "open", openArgs{Addr: i.s.addr, N: to - i.sockets}, nil)
	}
	i.sockets = to
	return i.rest(ctx)
}

// rest lets the server settle, and then measures it for as long again.
func (i *idler) rest(ctx context.Context) (c cost) {
	if i.err != nil {
		return c
	}
	wait := func() error { return i.l.do(ctx, "rest", settle, nil) }
	if i.err = wait(); i.err != nil {
		return c
	}
	cpu, err := i.s.spent(wait)
	c = cost{sockets: i.sockets, cpu: cpu.Seconds() / settle.Seconds()}
	if c.rss, i.err = i.s.rss(); err != nil {
		i.err = err
	}
	return c
}

func (i *idler) message(ctx context.Context, idle cost) float64 {
	if i.err != nil {
		return 0
	}
	// The pairs of before have been silent for too long: these connect first.
	if _, _, i.err = perMessage(ctx, i.l, i.s, 2*pairs, 0); i.err != nil {
		return 0
	}
	var v float64
	v, _, i.err = perMessage(ctx, i.l, i.s, i.e.few(10_000, 2000), idle.cpu)
	return v
}
