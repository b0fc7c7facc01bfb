package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

func attackScenarios() []scenario {
	all := scenario{
		section: "Signalling server, under attack", name: "bad input",
		about: "10,000 sockets say nothing and read nothing, 500 send text that is no JSON as fast as they can, 500 text that is not UTF-8, one sends messages of 100 MiB, " +
			"one sends itself offers and reads none; who is thrown out comes back after a second. They come from the load's core; 16 honest pairs on the server's core, which they get before it, relay 400 offers a second meanwhile. " +
			"Nobody is exempt from limits; attackers have 100 addresses, honest peers 16 others",
		sides: attackSides(attackArgs{Silent: 10_000, Garbage: 500, Invalid: 500, Big: 1, Mute: 1}),
		metrics: []metric{
			{name: survives, more: true, goals: []goal{{"", 1}}},
			{name: "p99 latency under attack against before", goals: []goal{{"", 2}}},
			{name: "p99 latency before", unit: "µs"},
			{name: "p99 latency under attack", unit: "µs"},
			{name: "median latency before", unit: "µs"},
			{name: "median latency under attack", unit: "µs"},
			{name: "server's processor before", unit: "%"},
			{name: "server's processor under attack", unit: "%"},
			{name: "resident memory under attack", unit: "MB"},
		},
	}
	scenarios := []scenario{all}
	for _, part := range []struct {
		name, about string
		args        attackArgs
	}{
		{"bad input, silence", "the 10,000 silent sockets alone", attackArgs{Silent: 10_000}},
		{"bad input, flood", "those alone that send text that is no JSON", attackArgs{Garbage: 500}},
		{"bad input, storm", "those alone that send text that is not UTF-8, and come back", attackArgs{Invalid: 500}},
		{"bad input, huge", "messages of 100 MiB and offers to oneself alone", attackArgs{Big: 1, Mute: 1}},
	} {
		s := all
		s.name, s.about, s.part = part.name, part.about, true
		s.sides = attackSides(part.args)
		scenarios = append(scenarios, s)
	}
	return scenarios
}

const (
	honestPairs = 16
	honestPace  = 40 * time.Millisecond
)

// survives is 1, or 0 for a server that has ended under the attack.
const survives = "the server survives"

// attackSides are the three servers under the same attack.
func attackSides(a attackArgs) []side {
	with := func(name string, start func(context.Context, *env) (*server, error)) side {
		return side{name: name, measure: func(ctx context.Context, e *env) (figures, error) {
			s, err := start(ctx, e)
			if err != nil {
				return nil, err
			}
			return measureAttack(ctx, e, s, a)
		}}
	}
	return []side{
		with(liberdus, func(ctx context.Context, e *env) (*server, error) {
			return e.archiver(ctx, "--concurrent-limit", "12000", "--limit-exempt", "")
		}),
		with(npmPeer, startNPMPeer),
		with(bareRelay, startRelay),
	}
}

func measureAttack(ctx context.Context, e *env, s *server, a attackArgs) (figures, error) {
	honest, err := e.loadOn(beforeServer, "signalling")
	if err != nil {
		return nil, err
	}
	h := honestPeers{e: e, s: s, l: honest}
	h.relay(ctx) // to warm up
	before := h.relay(ctx)
	bad, err := e.load("attack")
	if err != nil {
		return nil, err
	}
	a.Addr = s.addr
	if e.quick {
		a.Silent, a.Garbage, a.Invalid = a.Silent/20, a.Garbage/20, a.Invalid/20
	}
	if err := bad.do(ctx, "attack", a, nil); err != nil {
		return nil, err
	}
	under := h.relay(ctx)
	f := figures{
		survives:                    1,
		"p99 latency before":        before.p99,
		"median latency before":     before.median,
		"server's processor before": before.cpu * 100,
	}
	if h.err != nil {
		f[survives] = 0
		return f, s.hasEnded(h.err)
	}
	rss, err := s.rss()
	f["p99 latency under attack against before"] = under.p99 / before.p99
	f["p99 latency under attack"] = under.p99
	f["median latency under attack"] = under.median
	f["server's processor under attack"] = under.cpu * 100
	f["resident memory under attack"] = rss / (1 << 20)
	return f, err
}

// hasEnded returns nil if the server has ended by itself, which explains err,
// else err.
func (s *server) hasEnded(err error) error {
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopLimit):
		return err
	}
}

// honestPeers go on whatever happens. After an error they do nothing more.
type honestPeers struct {
	e   *env
	s   *server
	l   *load
	err error
}

// served is how they were served: latencies in microseconds, and the part of a core
// that the server took.
type served struct{ median, p99, cpu float64 }

func (h *honestPeers) relay(ctx context.Context) served {
	if h.err != nil {
		return served{}
	}
	ask := relayArgs{Addr: h.s.addr, Pairs: honestPairs, Messages: h.e.few(5000, 800), Bytes: offerBytes, Pace: honestPace}
	var r relayed
	cpu, err := h.s.spent(func() error { return h.l.do(ctx, "relay", ask, &r) })
	h.err = err
	return served{median: micros(r.P50, 1), p99: micros(r.P99, 1), cpu: cpu.Seconds() / r.Wall.Seconds()}
}

// attackArgs ask for so many attackers of each kind.
type attackArgs struct {
	Addr      string
	Silent    int // say nothing, and read nothing
	Garbage   int // send text that is no JSON
	Invalid   int // send text that is not UTF-8
	Big, Mute int // send messages of 100 MiB; send themselves offers and read none
}

// newAttack plays those who mean harm. They go on until the process ends.
func newAttack() loader {
	var silent []*wsClient // kept, or the garbage collector would close them
	return func(_ context.Context, c command) (any, error) {
		var a attackArgs
		if err := json.Unmarshal(c.Args, &a); err != nil {
			return nil, err
		}
		silent = append(silent, open(a)...)
		offer := fmt.Appendf(nil, `{"type":"OFFER","dst":"mute","payload":%s}`, description(1, offerBytes))
		big := bytes.Repeat([]byte("x"), 1<<20)
		garbage, invalid := frame(opText, bytes.Repeat([]byte(`{x"`), 300)), frame(opText, bytes.Repeat([]byte("{\xff\""), 300))
		for i := range a.Garbage {
			go repeat(a.Addr, i, fmt.Sprintf("garbage-%d", i), nil, garbage)
		}
		for i := range a.Invalid {
			go repeat(a.Addr, i, fmt.Sprintf("invalid-%d", i), nil, invalid)
		}
		header := []byte{0x81, 0xff, 0, 0, 0, 0, 6 << 4, 0, 0, 0, 0, 0, 0, 0} // 100 MiB, masked with zeroes
		for range a.Big {
			go repeat(a.Addr, 1, "big", header, big)
		}
		for range a.Mute {
			go repeat(a.Addr, 2, "mute", nil, frame(opText, offer))
		}
		return nil, nil
	}
}

// badSource is one of 100 addresses, apart from those of honest sockets.
func badSource(i int) string { return fmt.Sprintf("127.0.1.%d", 1+i%100) }

// open opens the silent sockets. Some may be refused: that is the server's right.
func open(a attackArgs) []*wsClient {
	var group sync.WaitGroup
	next := make(chan int)
	opened := make([]*wsClient, a.Silent)
	for range openParallel {
		group.Go(func() {
			for i := range next {
				// Never read and never closed: its buffer is the least there is.
				opened[i], _ = dialWS(a.Addr, badSource(i), target(fmt.Sprintf("silent-%d", i), ""), 16)
			}
		})
	}
	for i := range a.Silent {
		next <- i
	}
	close(next)
	group.Wait()
	return opened
}

// repeat writes the same frame for ever, and comes back when it is thrown out.
func repeat(addr string, i int, id string, first, again []byte) {
	for {
		c, err := dialWS(addr, badSource(i), target(id, id), 16)
		if err == nil {
			holdLittle(c)
			err = c.write(first)
			for err == nil {
				err = c.write(again)
			}
			c.abandon()
		}
		time.Sleep(time.Second)
	}
}

// holdLittle keeps the system from holding megabytes that an attacker has not
// got rid of. All TCP connections of a machine share one memory: there the
// attacker would stall himself, and here the honest too.
func holdLittle(c *wsClient) {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(32 << 10)
	}
}
