package conformance

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

func livenessStatements() []Statement {
	second := Options{AliveTimeout: time.Second, AllowDiscovery: true}
	lively := Options{AliveTimeout: 3 * time.Second, AllowDiscovery: true}
	return []Statement{
		{
			Number: 66, Asked: "alive_timeout 1000 and a silent client: what comes, when, /peers", Options: second, Want: "close 1005 · after 1s to 1.5s · []",
			observe: func(c *check) string {
				start := time.Now()
				got := c.reg("a").next()
				return join(got, c.during(time.Since(start), time.Second, 1500*time.Millisecond), c.awaitPeers("[]"))
			},
		},
		{
			Number: 67, Asked: "a HEARTBEAT every 0.4 s, for longer than alive_timeout", Options: lively, Want: "nothing · stays",
			observe: func(c *check) string { return c.lively(func(a *socket) { _ = a.trySend(`{"type":"HEARTBEAT"}`) }) },
		},
		{
			Number: 68, Asked: "an OFFER and a ping every 0.4 s instead", Options: lively, Want: "nothing · stays", Reference: "close 1005 · gone",
			Why: "whoever sends is alive",
			observe: func(c *check) string {
				return c.lively(func(a *socket) {
					_ = a.trySend(message("OFFER", "b", "1"))
					_ = a.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
				})
			},
		},
		{
			Number: 69, Asked: "a connection that ends with a reset, or without a goodbye: /peers", Options: Options{AllowDiscovery: true}, Want: "[] each time",
			observe: func(c *check) string {
				c.reg("a").reset()
				reset := c.awaitPeers("[]")
				c.reg("a").drop()
				return all(reset, c.awaitPeers("[]"))
			},
		},
		{
			Number: 70, Asked: "a message to a client that has said goodbye but keeps its connection open: the sender, the client when it comes again", Options: Options{AllowDiscovery: true},
			Want: "nothing · " + open + " · " + delivered("OFFER", "a", "b", "1"), Reference: "nothing · " + nothing + " · " + nothing,
			Why: "it waits, as for anybody who is not there; the reference loses it, and takes who comes again for a reconnect",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				b.sayClose()
				b.next() // the answer; the connection stays
				a.send(message("OFFER", "b", "1"))
				got := a.heard()
				back := c.ws(query(Key, "b", "t"))
				return join(got, back.nextWithin(c.due()), back.nextWithin(c.due()))
			},
		},
		{Number: 71, Asked: "1000 HEARTBEATs a second: the sender, the round trips of others", Want: "stays · all within 1s", observe: flood},
	}
}

// lively lets a do something every 0.4 s, and says how it fares.
func (c *check) lively(act func(a *socket)) string {
	a := c.reg("a")
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		act(a)
	}
	got := onlyEnd(a.collect(short))
	if c.peers() == `["a"]` {
		return join(got, "stays")
	}
	return join(got, "gone")
}

// onlyEnd is how the connection ended, if it did.
func onlyEnd(got []string) string {
	for _, text := range got {
		if text[0] != '{' && text != "pong " {
			return text
		}
	}
	return nothing
}

// flood sends heartbeats for as long as the side soaks, while others talk.
func flood(c *check) string {
	a, b := c.reg("a"), c.reg("b")
	stop := make(chan struct{})
	sent := make(chan error, 1)
	go func() { sent <- beats(a, stop) }()

	slowest := time.Duration(0)
	for start := time.Now(); time.Since(start) < c.side.Soak; <-time.After(50 * time.Millisecond) {
		asked := time.Now()
		if got := b.heard(); got != nothing {
			return "others see " + got
		}
		slowest = max(slowest, time.Since(asked))
	}
	close(stop)
	if err := <-sent; err != nil {
		return fmt.Sprintf("the sender is cut off: %v", err)
	}
	result := "stays"
	if got := a.heard(); got != nothing {
		result = got
	}
	if slowest > time.Second+c.side.Slack {
		return join(result, fmt.Sprintf("one took %v", slowest))
	}
	return join(result, "all within 1s")
}

// beats sends a heartbeat every millisecond, and makes good for late ticks.
func beats(s *socket, stop <-chan struct{}) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	start, n := time.Now(), 0
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		for due := int(time.Since(start) / time.Millisecond); n < due; n++ {
			if err := s.trySend(`{"type":"HEARTBEAT"}`); err != nil {
				return err
			}
		}
	}
}
