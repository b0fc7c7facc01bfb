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
	return []scenario{{
		section: "Signalling server, under attack", name: "bad input",
		about: "10,000 sockets say nothing and read nothing, 1,000 send garbage as fast as they can, one sends messages of 100 MiB, one sends itself offers and reads none; who is thrown out comes back. " +
			"They come from the load's core and from limited addresses; 16 honest pairs on the server's core relay 400 offers a second meanwhile",
		sides: []side{{name: liberdus, measure: measureAttack}},
		metrics: []metric{
			{name: "p99 latency under attack against before", goals: []goal{{"", 2}}},
			{name: "p99 latency before", unit: "µs"},
			{name: "p99 latency under attack", unit: "µs"},
			{name: "resident memory under attack", unit: "MB"},
		},
	}}
}

const (
	honestPairs = 16
	honestPace  = 40 * time.Millisecond
)

func measureAttack(ctx context.Context, e *env) (figures, error) {
	s, err := e.archiver(ctx, "--concurrent-limit", "100000", "--limit-exempt", "127.0.0.0/24")
	if err != nil {
		return nil, err
	}
	honest, err := e.loadOn(onServerCore, "signalling")
	if err != nil {
		return nil, err
	}
	ask := relayArgs{Addr: s.addr, Pairs: honestPairs, Messages: e.few(6000, 800), Bytes: offerBytes, Pace: honestPace}
	var before, under relayed
	for range 2 { // the first time is to warm up
		if err := honest.do(ctx, "relay", ask, &before); err != nil {
			return nil, err
		}
	}
	bad, err := e.load("attack")
	if err != nil {
		return nil, err
	}
	if err := bad.do(ctx, "attack", attackArgs{Addr: s.addr, Silent: e.few(10_000, 500), Garbage: e.few(1000, 50)}, nil); err != nil {
		return nil, err
	}
	if err := honest.do(ctx, "relay", ask, &under); err != nil {
		return nil, err
	}
	rss, err := s.rss()
	return figures{
		"p99 latency under attack against before": under.P99.Seconds() / before.P99.Seconds(),
		"p99 latency before":                      micros(before.P99, 1),
		"p99 latency under attack":                micros(under.P99, 1),
		"resident memory under attack":            rss / (1 << 20),
	}, err
}

// attackArgs ask for so many attackers of each kind, and one of the others.
type attackArgs struct {
	Addr            string
	Silent, Garbage int
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
		for i := range a.Garbage {
			garbage := frame(opText, bytes.Repeat([]byte{'{', byte(i), '"'}, 300))
			go repeat(a.Addr, i, fmt.Sprintf("garbage-%d", i), nil, garbage)
		}
		header := []byte{0x81, 0xff, 0, 0, 0, 0, 6 << 4, 0, 0, 0, 0, 0, 0, 0} // 100 MiB, masked with zeroes
		go repeat(a.Addr, 1, "big", header, big)
		go repeat(a.Addr, 2, "mute", nil, frame(opText, offer))
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
