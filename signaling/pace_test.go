package signaling_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// say sends n frames as fast as they are read, in the background.
func (l *listener) say(n int, frame string) (done <-chan time.Duration) {
	took := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		for range n {
			if l.conn.WriteMessage(websocket.TextMessage, []byte(frame)) != nil {
				break
			}
		}
		took <- time.Since(began)
	}()
	return took
}

func count(frames []heard, text string) (n int) {
	for _, f := range frames {
		if strings.Contains(f.frame, text) {
			n++
		}
	}
	return n
}

// A burst goes through at once, more of it a little later; nothing is lost.
func TestMessagePace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		frame string
		took  time.Duration // until the last was taken
		kept  int
	}{
		{"a burst of candidates", 200, `{"type":"CANDIDATE","dst":"b","payload":1}`, 0, 200},
		{"more than a burst", 300, `{"type":"CANDIDATE","dst":"b","payload":1}`, 2 * time.Second, 300}, // 100 at 50 a second
		{"as much as is only delayed", 450, `{"type":"OFFER","dst":"b","payload":1}`, 5 * time.Second, 450},
		{"more", 1000, `{"type":"OFFER","dst":"b","payload":1}`, 7100 * time.Millisecond, 550}, // 475, and what is forgiven while the others are dropped
		{"heartbeats", 20_000, `{"type":"HEARTBEAT"}`, 0, 0},
		{"far too many heartbeats", 49_500, `{"type":"HEARTBEAT"}`, 5 * time.Second, 0},
		{"far too many of another form", 49_500, `{"type":"HEARTBEAT","dst":"b"}`, 5 * time.Second, 0},
		{"heartbeats of another form", 5000, `{"type":"HEARTBEAT","dst":"b"}`, 0, 0},
		{"large messages", 60, `{"type":"OFFER","dst":"b","payload":"` + strings.Repeat("x", 64<<10) + `"}`, 2 * time.Second, 60}, // 300 times the weight
		{"garbage", 12, `garbage`, 1550 * time.Millisecond, 0},                                                                    // 25 times the weight, and the delay too
		{"heartbeats with a load", 60, `{"type":"HEARTBEAT","payload":"` + strings.Repeat("x", 64<<10) + `"}`, 2 * time.Second, 0},
		{"unknown types", 300, `{"type":"FOO"}`, 2 * time.Second, 0},
		{"leave and expire", 300, `{"type":"EXPIRE","dst":"b","payload":1}`, 2 * time.Second, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *pipeNet) {
				a := n.listen(t, "a", "t", here, true)
				b := n.listen(t, "b", "t", there, true)
				took := <-a.say(tt.n, tt.frame)
				// The pipe holds one frame, which is read before the delay of the one before it is over.
				if took > tt.took || took < tt.took-100*time.Millisecond {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				time.Sleep(time.Second)
				if got := count(b.heard(), `"src":"a"`); got < tt.kept || got > tt.kept+tt.kept/10 {
					t.Errorf("%d arrived, want %d", got, tt.kept)
				}
				if _, code, closed := a.closedAt(); closed {
					t.Fatalf("the sender was closed with %d", code)
				}
				a.heard()
				a.send(`{"type":"OFFER","dst":"a","payload":"still here"}`)
				time.Sleep(time.Second)
				if got := count(a.heard(), "still here"); got != 1 {
					t.Error("the sender is heard no more")
				}
				st := n.Stats()
				if dropped := st.Dropped[signaling.DropRate]; (dropped > 0) != (tt.name == "more") || (st.Paced > 0) != (tt.took > 0) {
					t.Errorf("dropped for its rate = %d, delayed = %d", dropped, st.Paced)
				}
			})
		})
	}
}

// A rate that is kept up is not met by the limit, for as long as it lasts.
func TestSteadySender(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		for range 20_000 { // 400 s
			a.send(`{"type":"CANDIDATE","dst":"a"}`)
			time.Sleep(20 * time.Millisecond)
		}
		if st := n.Stats(); st.Paced != 0 || st.Relayed != 20_000 {
			t.Errorf("delayed %d times, relayed %d; want 0, 20,000", st.Paced, st.Relayed)
		}
	})
}

// A node answers many clients: it may say ten times as much.
func TestPaceOfANode(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		if !n.MarkNode("a") {
			t.Fatal("MarkNode = false")
		}
		if took := <-a.say(2000, `{"type":"ANSWER","dst":"a","payload":1}`); took != 0 {
			t.Errorf("a burst of 2,000 took %v", took)
		}
		if took := <-a.say(1000, `{"type":"ANSWER","dst":"a","payload":1}`); took < 1900*time.Millisecond || took > 2*time.Second {
			t.Errorf("1,000 more took %v, want 2 s", took)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if got := count(a.heard(), "ANSWER"); got != 3000 {
			t.Errorf("%d arrived, want 3000", got)
		}
	})
}

// Who does not stop is closed; others do not notice.
func TestAbuse(t *testing.T) {
	for _, tt := range []struct {
		name, frame string
		dropped     uint64 // at least
	}{
		{"offers", `{"type":"OFFER","dst":"b"}`, 2000},
		{"garbage", `garbage`, 80}, // 25 times the weight
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *pipeNet) {
				a := n.listen(t, "a", "t", here, true)
				b := n.listen(t, "b", "t", there, true)
				c := n.listen(t, "c", "t", there, true)
				took := a.say(1_000_000, tt.frame)
				for range 20 {
					c.send(`{"type":"OFFER","dst":"b","payload":"honest"}`)
					time.Sleep(100 * time.Millisecond)
				}
				if got := count(b.heard(), "honest"); got != 20 {
					t.Errorf("%d of 20 honest messages arrived in time", got)
				}
				if d := <-took; d > 20*time.Second {
					t.Errorf("closed after %v", d)
				}
				if _, code, closed := a.closedAt(); !closed || code != websocket.ClosePolicyViolation {
					t.Errorf("closed = %v with %d, want 1008", closed, code)
				}
				st := n.Stats()
				if st.Ended[signaling.EndAbuse] != 1 || uint64(st.Dropped[signaling.DropRate]) < tt.dropped || st.Peers != 2 {
					t.Errorf("stats = %+v", st)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := n.Stats().Sockets; got != 2 {
					t.Errorf("%d sockets, want 2", got)
				}
			})
		})
	}
}

// What simple-peerjs does by default: hundreds of heartbeats a second, for ever.
func TestHeartbeatFlood(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		for range 10_000 {
			a.send(`{"type":"HEARTBEAT"}`)
			time.Sleep(time.Millisecond)
		}
		a.send(`{"type":"OFFER","dst":"a","payload":1}`)
		if got := count(a.heard(), `"src":"a"`); got != 1 {
			t.Error("an offer after them does not arrive")
		}
		if st := n.Stats(); st.Paced != 0 || st.Peers != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

// One sender, and one address, may have only so much wait for absent peers; the
// rest is left for others, and the sender is told.
func TestSenderShares(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		send   func(i int) string
		n      int
		kept   int // of the sender's messages
		told   int // EXPIREs at once
	}{
		{
			name: "messages", change: func(c *signaling.Config) { c.SenderMessages = 5 }, n: 8, kept: 5,
			send: func(int) string { return `{"type":"OFFER","dst":"x"}` },
		},
		{
			name: "bytes", change: func(c *signaling.Config) { c.SenderBytes = 1000 }, n: 4, kept: 2,
			send: func(int) string { return `{"type":"OFFER","dst":"x","payload":"` + strings.Repeat("x", 400) + `"}` },
		},
		{
			name: "queues", change: func(c *signaling.Config) { c.SenderQueues = 3 }, n: 5, kept: 3, told: 2,
			send: func(i int) string { return fmt.Sprintf(`{"type":"OFFER","dst":"x%d"}`, i) },
		},
		{
			name: "queues of an address", change: func(c *signaling.Config) { c.MaxQueues = 8 }, n: 5, kept: 2, told: 3,
			send: func(i int) string { return fmt.Sprintf(`{"type":"OFFER","dst":"x%d"}`, i) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.change, func(t *testing.T, n *pipeNet) {
				a := n.listen(t, "a", "t", here, true)
				b := n.listen(t, "b", "t", there, true)
				a.expect(openFrame)
				for i := range tt.n {
					a.send(tt.send(i))
				}
				st := n.Stats()
				if got := int(st.Queued); got != tt.kept {
					t.Errorf("%d messages wait, want %d", got, tt.kept)
				}
				if got := int(st.Dropped[signaling.DropSenderShare]); got != tt.n-tt.kept {
					t.Errorf("%d were dropped, want %d", got, tt.n-tt.kept)
				}
				if got := count(a.heard(), "EXPIRE"); got != tt.told {
					t.Errorf("the sender was told of %d at once, want %d", got, tt.told)
				}
				b.send(`{"type":"OFFER","dst":"y"}`)
				if got := n.Stats().Queued - st.Queued; got != 1 {
					t.Error("nothing is left for another sender")
				}
				time.Sleep(7 * time.Second)
				if got := count(a.heard(), "EXPIRE"); got == 0 {
					t.Error("the sender never hears that nobody came")
				}
				a.send(tt.send(0)) // and may begin anew
				if got := n.Stats().Queued - st.Queued; got != 2 {
					t.Error("nothing may wait although nothing waits any more")
				}
			})
		})
	}
}

// Pings are answered, but not as fast as they can be sent. Nobody is closed.
func TestPaceOfPings(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		began := time.Now()
		for range 40_000 {
			if err := a.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 2900*time.Millisecond || took > 3200*time.Millisecond {
			t.Errorf("40,000 pings took %v, want 3 s", took)
		}
		a.send(`{"type":"OFFER","dst":"a","payload":1}`)
		if got := count(a.heard(), `"src":"a"`); got != 1 {
			t.Error("an offer after them does not arrive")
		}
	})
}

// A message in very many frames, empty ones among them, is read no faster than
// as many signs of life; one in as many as browsers make is not held up.
func TestPaceOfFragments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames int
		took   time.Duration
	}{
		{"a few", 100, 0},
		{"very many", 40_000, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *pipeNet) {
				a := n.listen(t, "a", "t", here, true)
				began := time.Now()
				text := `{"type":"OFFER","dst":"a","payload":1}`
				raw := append([]byte{0x01, byte(0x80 | len(text)), 0, 0, 0, 0}, text...)
				for range tt.frames {
					raw = append(raw, 0x00, 0x80, 0, 0, 0, 0)
				}
				if _, err := a.conn.NetConn().Write(append(raw, 0x80, 0x80, 0, 0, 0, 0)); err != nil {
					t.Fatal(err)
				}
				if got := count(a.heard(), `"src":"a"`); got != 1 {
					t.Error("the message does not arrive")
				}
				if took := time.Since(began); took < tt.took*9/10 || took > tt.took+500*time.Millisecond {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}
