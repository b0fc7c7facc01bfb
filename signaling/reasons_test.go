package signaling_test

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// A cause is a way to make the server count one reason.
type cause struct {
	reason string // set and name, such as "drop malformed"
	change func(*signaling.Config)
	make   func(*testing.T, *pipeNet)
}

// say1 lets a, which is spared all pacing, say one frame.
func say1(frame string) func(*testing.T, *pipeNet) {
	return func(t *testing.T, n *pipeNet) { n.listen(t, "a", "t", here, true).send(frame) }
}

func open1(query string) func(*testing.T, *pipeNet) {
	return func(t *testing.T, n *pipeNet) { n.try(t, query, here, "") }
}

func times(k int, f func(*testing.T, *pipeNet)) func(*testing.T, *pipeNet) {
	return func(t *testing.T, n *pipeNet) {
		for range k {
			f(t, n)
		}
	}
}

func call1(t *testing.T, n *pipeNet) { n.get(t, "/peerjs/id", here) }

const offerX = `{"type":"OFFER","dst":"x","payload":"0123456789"}`

// unread is somebody who is sent more than it reads.
func unread(t *testing.T, n *pipeNet) {
	n.open(t, "slow", "t", here)
	a := n.listen(t, "a", "t", here, true)
	a.say(5, fmt.Sprintf(`{"type":"OFFER","dst":"slow","payload":%q}`, strings.Repeat("x", 255<<10)))
	time.Sleep(15 * time.Second)
}

func broken(t *testing.T, n *pipeNet) {
	n.listen(t, "b", "t", here, true).end.broken.Store(true)
	say1(`{"type":"OFFER","dst":"b"}`)(t, n)
}

// raw lets a write bytes that are no frame of its library.
func raw(bytes string) func(*testing.T, *pipeNet) {
	return func(t *testing.T, n *pipeNet) {
		_, _ = n.listen(t, "a", "t", here, true).conn.NetConn().Write([]byte(bytes))
	}
}

var causes = []cause{
	{reason: "drop malformed", make: say1(`{`)},
	{reason: "drop unknown_type", make: say1(`{"type":"FOO"}`)},
	{reason: "drop bad_dst", make: say1(`{"type":"OFFER"}`)},
	{reason: "drop not_current", make: func(t *testing.T, n *pipeNet) { attackLeftover(t, n) }},
	{reason: "drop absent", make: say1(`{"type":"EXPIRE","dst":"x"}`)},
	{reason: "drop queue_full", change: func(c *signaling.Config) { c.QueueMessages = 1 }, make: func(t *testing.T, n *pipeNet) {
		say1(offerX)(t, n)
		n.listen(t, "b", "t", here, true).send(offerX)
	}},
	{reason: "drop queue_total", change: func(c *signaling.Config) { c.QueueTotalBytes = 1 }, make: say1(offerX)},
	{
		reason: "drop queue_count", change: func(c *signaling.Config) { c.MaxQueues = 1 },
		make: func(t *testing.T, n *pipeNet) {
			say1(offerX)(t, n)
			say1(`{"type":"OFFER","dst":"y"}`)(t, n)
		},
	},
	{reason: "drop sender_share", change: func(c *signaling.Config) { c.SenderMessages = 1 }, make: times(2, say1(offerX))},
	{reason: "drop rate", make: func(t *testing.T, n *pipeNet) { <-n.listen(t, "loud", "t", there, true).say(1000, offerX) }},
	{
		reason: "drop expired",
		make: func(t *testing.T, n *pipeNet) {
			say1(offerX)(t, n)
			time.Sleep(7 * time.Second)
		},
	},
	{
		reason: "drop no_room",
		make: func(t *testing.T, n *pipeNet) {
			crowd(t, n)
			a := n.listen(t, "a", "t", here, true)
			<-a.say(5, `{"type":"OFFER","dst":"stuck"}`)
		},
	},
	{reason: "drop slow_reader", make: unread},
	{reason: "drop write_failed", make: broken},
	{
		reason: "drop gone",
		make: func(t *testing.T, n *pipeNet) {
			b, a := n.open(t, "b", "t", here), n.listen(t, "a", "t", here, true)
			a.send(`{"type":"OFFER","dst":"b"}`) // is stuck
			a.send(`{"type":"OFFER","dst":"b"}`)
			_ = b.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
			time.Sleep(15 * time.Second)
		},
	},

	{reason: "refusal params", make: open1("key=peerjs&id=a")},
	{reason: "refusal key", make: open1("key=no&id=a&token=t")},
	{reason: "refusal token", make: open1("key=peerjs&token=evil&id=" + keyID)},
	{
		reason: "refusal taken",
		make: func(t *testing.T, n *pipeNet) {
			n.listen(t, "a", "t", here, true)
			n.listen(t, "a", "other", here, true)
		},
	},
	{reason: "refusal full", change: func(c *signaling.Config) { c.ConcurrentLimit = 0 }, make: open1(query(1))},
	{
		reason: "refusal share", change: func(c *signaling.Config) { c.ConcurrentLimit = 20; c.LimitExempt = nil },
		make: func(t *testing.T, n *pipeNet) {
			for i := range 20 {
				n.try(t, query(i), here, "")
			}
		},
	},
	{
		reason: "refusal pending", change: func(c *signaling.Config) { c.MaxPending = 1 },
		make: func(t *testing.T, n *pipeNet) {
			n.upgrading(t, here)
			n.try(t, query(1), here, "")
		},
	},
	{reason: "refusal stopping", make: func(t *testing.T, n *pipeNet) {
		n.stop()
		n.try(t, query(1), here, "")
	}},
	{reason: "refusal origin", change: func(c *signaling.Config) { c.AllowOrigin = []string{"null"} }, make: func(t *testing.T, n *pipeNet) { n.try(t, query(1), here, "https://x") }},
	{reason: "refusal connects", change: func(c *signaling.Config) { c.ConnectBurst, c.LimitExempt = 1, nil }, make: times(2, open1(query(1)))},
	{reason: "refusal sockets", change: func(c *signaling.Config) { c.SocketsPerAddress, c.LimitExempt = 1, nil }, make: times(2, open1(query(1)))},
	{reason: "refusal opening", change: func(c *signaling.Config) { c.PendingPerAddress, c.LimitExempt = 1, nil }, make: times(2, open1("key=peerjs"))},
	{reason: "refusal calls", change: func(c *signaling.Config) { c.CallBurst, c.LimitExempt = 1, nil }, make: times(2, call1)},
	{reason: "refusal reserved", make: func(t *testing.T, n *pipeNet) { attackReserved(t, n) }},
	{
		reason: "refusal early", change: func(c *signaling.Config) { c.MaxUsedTokens = 1 },
		make: func(t *testing.T, n *pipeNet) {
			n.listen(t, keyID, "good.60.a", here, true)
			n.listen(t, otherKeyID, "good.60.b", here, true)
		},
	},
	{
		reason: "refusal garbage", change: func(c *signaling.Config) { c.LimitExempt = nil },
		make: times(11, func(t *testing.T, n *pipeNet) { garbage(t, n, here) }),
	},
	{reason: "refusal grace", change: func(c *signaling.Config) { c.IDGrace = 5 * time.Second }, make: func(t *testing.T, n *pipeNet) { attackAbsent(t, n) }},
	{reason: "refusal handshake", make: func(_ *testing.T, n *pipeNet) {
		conn, _ := n.connect(here)
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /peerjs?"+query(1)+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1))
	}},
	{reason: "refusal discovery", make: func(t *testing.T, n *pipeNet) { n.get(t, "/peerjs/peers", here) }},
	{
		reason: "refusal no_id", change: func(c *signaling.Config) { c.GenerateID = func() string { return "a" } },
		make: func(t *testing.T, n *pipeNet) {
			n.listen(t, "a", "t", here, true)
			call1(t, n)
		},
	},

	{reason: "end closed", make: func(t *testing.T, n *pipeNet) {
		l := n.listen(t, "a", "t", here, true)
		_ = l.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
	}},
	{reason: "end lost", make: func(t *testing.T, n *pipeNet) { n.listen(t, "a", "t", here, true).conn.NetConn().Close() }},
	{reason: "end left", make: say1(`{"type":"LEAVE"}`)},
	{reason: "end replaced", make: times(2, func(t *testing.T, n *pipeNet) { n.listen(t, "a", "t", here, true) })},
	{reason: "end silent", make: func(t *testing.T, n *pipeNet) {
		n.listen(t, "a", "t", here, false)
		time.Sleep(61 * time.Second)
	}},
	{reason: "end slow_reader", make: unread},
	{reason: "end write_failed", make: broken},
	{reason: "end too_large", make: raw("\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
	{reason: "end not_utf8", make: raw("\x81\x81\x00\x00\x00\x00\xff")},
	{reason: "end protocol", make: raw("\x81\x02{}")},
	{reason: "end slow_sender", make: neverEnding},
	{reason: "end abuse", make: func(t *testing.T, n *pipeNet) { <-n.listen(t, "loud", "t", there, true).say(1_000_000, `x`) }},
	{reason: "end crowded", change: tightOut, make: unreadAll},
	{reason: "end stopped", make: func(t *testing.T, n *pipeNet) {
		n.listen(t, "a", "t", here, true)
		n.stop()
	}},
}

// counts returns what was counted, by the names that causes have.
func counts(st signaling.Stats) map[string]uint64 {
	all := map[string]uint64{}
	for name, n := range st.Dropped {
		all["drop "+string(name)] = n
	}
	for name, n := range st.Refused {
		all["refusal "+string(name)] = n
	}
	for name, n := range st.Ended {
		all["end "+string(name)] = n
	}
	return all
}

// Every reason that the stats have can be met, and none is missing here.
func TestEveryReasonIsReached(t *testing.T) {
	var names []string
	for _, c := range causes {
		names = append(names, c.reason)
		t.Run(c.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, func(cfg *signaling.Config) {
					spared(cfg)
					if c.change != nil {
						c.change(cfg)
					}
				})
				if before := counts(n.Stats())[c.reason]; before != 0 {
					t.Fatalf("counted %d times before anything happened", before)
				}
				c.make(t, n)
				synctest.Wait()
				if counts(n.Stats())[c.reason] == 0 {
					t.Errorf("was not counted: %v", counts(n.Stats()))
				}
			})
		})
	}
	slices.Sort(names)
	all := slices.Sorted(maps.Keys(counts(newPlainServer(t).Stats())))
	if !slices.Equal(names, all) {
		t.Errorf("the causes are of\n%q, the reasons are\n%q", names, all)
	}
}

func newPlainServer(t *testing.T) *signaling.Server {
	t.Helper()
	s, err := signaling.NewServer(signaling.DefaultConfig(), signaling.Hooks{}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
