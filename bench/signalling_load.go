package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// signallingLoad plays the clients of a signalling server.
type signallingLoad struct {
	group sync.WaitGroup // of idle sockets

	mu    sync.Mutex
	idle  []*wsClient // guarded by mu
	lost  error       // why the first idle socket ended; guarded by mu
	pairs []*pair
	used  time.Time // when the pairs were used last
	round int       // of pairs
}

// pairsLast is how long pairs are kept that say nothing: less than the 60
// seconds after which servers take them for dead.
const pairsLast = 30 * time.Second

// openArgs ask for n more sockets that only live, at the given address.
type openArgs struct {
	Addr string
	N    int
}

// relayArgs ask for so many messages between pairs of sockets. A pair has one
// message on the way. With a pace, a pair waits so long between messages, and
// the time counts from when the message should have left.
type relayArgs struct {
	Addr            string
	Pairs, Messages int
	Bytes           int           // of one message
	Pace            time.Duration // 0 = at once
}

// relayed is what relaying gave.
type relayed struct {
	Wall     time.Duration
	P50, P99 time.Duration // from sending to having read
}

func newSignallingLoad() loader {
	l := &signallingLoad{}
	var heartbeats sync.Once
	return func(ctx context.Context, c command) (any, error) {
		switch c.Do {
		case "open":
			var a openArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			heartbeats.Do(func() { go l.beat() }) // until the process ends
			return nil, errors.Join(l.open(a), l.broken())
		case "relay":
			var a relayArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			r, err := l.relay(a)
			return r, errors.Join(err, l.broken())
		case "rest":
			var d time.Duration
			if err := json.Unmarshal(c.Args, &d); err != nil {
				return nil, err
			}
			time.Sleep(d)
			return nil, l.broken()
		}
		return nil, fmt.Errorf("no such command: %s", c.Do)
	}
}

// target is the URL of a PeerJS client. The destination is for the bare relay.
func target(id, dst string) string {
	return "/liberdus-peer/peerjs?key=liberdus&id=" + id + "&token=" + "t0k" + id + "&version=1.5.5&dst=" + dst
}

// source spreads sockets over addresses, each of which has its own ports.
func source(i int) string { return fmt.Sprintf("127.0.0.%d", 2+i%16) }

const (
	openParallel = 64
	heartbeat    = 5 * time.Second // of PeerJS 1.5
	beats        = 100             // steps in which the heartbeats of all sockets are sent
)

// open opens sockets until there are n more.
func (l *signallingLoad) open(a openArgs) error {
	next := make(chan int)
	errs := make(chan error, openParallel)
	for range openParallel {
		go func() {
			var err error
			for i := range next {
				if err == nil {
					err = l.openOne(a.Addr, i)
				}
			}
			errs <- err
		}()
	}
	l.mu.Lock()
	opened := len(l.idle)
	l.mu.Unlock()
	for i := range a.N {
		next <- opened + i
	}
	close(next)
	var all []error
	for range openParallel {
		all = append(all, <-errs)
	}
	return first(all)
}

func (l *signallingLoad) openOne(addr string, i int) error {
	c, err := dialWS(addr, source(i), target(fmt.Sprintf("idle-%d", i), ""), 512)
	if err != nil {
		return err
	}
	if err := c.expect(`{"type":"OPEN"}`); err != nil {
		c.abandon()
		return err
	}
	l.mu.Lock()
	l.idle = append(l.idle, c)
	l.mu.Unlock()
	l.group.Go(func() { l.live(c) })
	return nil
}

// live reads an idle socket, which gets nothing but pings.
func (l *signallingLoad) live(c *wsClient) {
	msg, err := c.next()
	if err == nil {
		err = fmt.Errorf("an idle socket was sent %s", msg)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = err
	}
}

// first returns the first error: hundreds of sockets fail for one reason.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *signallingLoad) broken() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return fmt.Errorf("an idle socket ended: %w", l.lost)
	}
	return nil
}

// beat sends the heartbeats of the idle sockets, evenly over time.
func (l *signallingLoad) beat() {
	hello := frame(opText, []byte(`{"type":"HEARTBEAT"}`))
	tick := time.NewTicker(heartbeat / beats)
	for step := 0; ; step = (step + 1) % beats {
		<-tick.C
		l.mu.Lock()
		idle := l.idle
		l.mu.Unlock()
		for i := step; i < len(idle); i += beats {
			_ = idle[i].write(hello) // live notices the error
		}
	}
}

// A pair is two sockets that send each other messages in turn.
type pair struct {
	ends  [2]*wsClient
	sends [2][]byte // whole frames
	mark  []byte    // what must arrive in each message
}

func newPair(addr string, round, i, size int) (*pair, error) {
	ids := [2]string{fmt.Sprintf("left-%d-%d", round, i), fmt.Sprintf("right-%d-%d", round, i)}
	payload := description(i, size)
	p := &pair{mark: []byte(payload)}
	for k := range ids {
		c, err := dialWS(addr, source(i), target(ids[k], ids[1-k]), 4096)
		if err != nil {
			return nil, err
		}
		p.ends[k] = c
		if err := c.expect(`{"type":"OPEN"}`); err != nil {
			return nil, err
		}
		p.sends[k] = frame(opText, fmt.Appendf(nil, `{"type":"OFFER","dst":"%s","payload":%s}`, ids[1-k], payload))
	}
	return p, nil
}

// description is the payload of an OFFER as PeerJS sends it, of size bytes.
func description(i, size int) string {
	line := fmt.Sprintf(`a=candidate:%d 1 udp 2122260223 192.0.2.%d 54321 typ host generation 0 ufrag Tz4x network-id 1\r\n`, 100000+i, i%250)
	head := `{"sdp":{"type":"offer","sdp":"v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\ns=-\r\n`
	foot := `"},"type":"data","connectionId":"dc_k7v1m2a9","label":"dc_k7v1m2a9","reliable":false,"serialization":"json"}`
	body := head + strings.Repeat(line, size/len(line)+1)
	return strings.TrimRight(body[:max(size-len(foot), len(head))], `\`) + foot // no half of an escape
}

func (l *signallingLoad) relay(a relayArgs) (relayed, error) {
	if time.Since(l.used) > pairsLast {
		for _, p := range l.pairs {
			p.ends[0].abandon()
			p.ends[1].abandon()
		}
		l.pairs, l.round = nil, l.round+1
	}
	defer func() { l.used = time.Now() }()
	for len(l.pairs) < a.Pairs {
		p, err := newPair(a.Addr, l.round, len(l.pairs), a.Bytes)
		if err != nil {
			return relayed{}, err
		}
		l.pairs = append(l.pairs, p)
	}
	each := (a.Messages + a.Pairs - 1) / a.Pairs
	times := make([][]time.Duration, a.Pairs)
	errs := make([]error, a.Pairs)
	start := time.Now()
	var group sync.WaitGroup
	for i, p := range l.pairs[:a.Pairs] {
		group.Go(func() {
			offset := a.Pace * time.Duration(i) / time.Duration(a.Pairs)
			times[i], errs[i] = p.run(each, a.Pace, start.Add(offset))
		})
	}
	group.Wait()
	r := relayed{Wall: time.Since(start)}
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	if len(all) > 0 {
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r, first(errs)
}

// run passes n messages from one end to the other, in turns.
func (p *pair) run(n int, pace time.Duration, start time.Time) ([]time.Duration, error) {
	times := make([]time.Duration, 0, n)
	for i := range n {
		from, to := p.ends[i%2], p.ends[1-i%2]
		due := time.Now()
		if pace > 0 {
			due = start.Add(time.Duration(i) * pace)
			time.Sleep(time.Until(due))
		}
		if err := from.write(p.sends[i%2]); err != nil {
			return nil, err
		}
		got, err := to.next()
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(due))
		if !bytes.Contains(got, p.mark) {
			return nil, fmt.Errorf("message %d arrived changed: %.200s", i, got)
		}
	}
	return times, nil
}
