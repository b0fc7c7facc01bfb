package signaling_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// crowd fills the outbox of stuck, who reads nothing but OPEN, for good: many
// senders have a share of it, and each wants more.
func crowd(t *testing.T, n *pipeNet) {
	stuck := n.open(t, "stuck", "t", there)
	if _, _, err := stuck.conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		n.listen(t, fmt.Sprint("crowd", i), "t", there, true).say(80, `{"type":"ANSWER","dst":"stuck","payload":1}`)
	}
	time.Sleep(500 * time.Millisecond)
	synctest.Wait()
}

// Somebody who does not read, and those who fill its outbox, do not stop a peer
// from serving others. What finds no room is dropped, and the peer is told.
func TestCrowdedOutboxHoldsUpNobody(t *testing.T) {
	for _, marked := range []bool{false, true} {
		t.Run(fmt.Sprintf("node %v", marked), func(t *testing.T) {
			inBubble(t, func(c *signaling.Config) { c.SlowTimeout, c.WriteTimeout = time.Minute, time.Minute }, func(t *testing.T, n *pipeNet) {
				node := n.listen(t, "node", "t", here, true)
				honest := n.listen(t, "honest", "t", here, true)
				if marked {
					n.MarkNode("node")
				}
				crowd(t, n)
				before := n.Stats().Dropped[signaling.DropNoRoom]
				for i := range 50 {
					node.send(`{"type":"ANSWER","dst":"stuck","payload":1}`)
					node.send(fmt.Sprintf(`{"type":"ANSWER","dst":"honest","payload":%d}`, i))
				}
				time.Sleep(500 * time.Millisecond)
				if got := count(honest.heard(), "ANSWER"); got != 50 {
					t.Errorf("%d of 50 answers arrived in 0.5 s", got)
				}
				if got, dropped := count(node.heard(), "EXPIRE"), n.Stats().Dropped[signaling.DropNoRoom]-before; got != int(dropped) || got < 40 {
					t.Errorf("%d dropped, and told of %d", dropped, got)
				}
			})
		})
	}
}

// One sender does not keep others from reaching a peer that reads slowly.
func TestShareOfAnOutbox(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		slow := n.open(t, "slow", "t", there)
		flood := n.listen(t, "flood", "t", there, true)
		a := n.listen(t, "a", "t", here, true)
		flood.say(190, `{"type":"OFFER","dst":"slow","payload":1}`)
		time.Sleep(time.Second)
		a.send(`{"type":"OFFER","dst":"slow","payload":"honest"}`)
		a.send(`{"type":"OFFER","dst":"a","payload":"next"}`)
		if got := count(a.heard(), "next"); got != 1 {
			t.Error("the other sender waits, too")
		}
		for i := range 100 {
			_, frame, err := slow.conn.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if string(frame) == `{"type":"OFFER","src":"a","dst":"slow","payload":"honest"}` {
				return
			}
			if i > 70 {
				break
			}
		}
		t.Error("more than a share is before the message of another sender")
	})
}

// A node waits for no client that does not read, not even without any help.
func TestNodeWaitsForNobody(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *pipeNet) {
		n.open(t, "stuck", "t", there)
		node := n.listen(t, "node", "t", here, true)
		n.MarkNode("node")
		if took := <-node.say(500, `{"type":"ANSWER","dst":"stuck","payload":1}`); took > 500*time.Millisecond {
			t.Errorf("500 answers took %v", took)
		}
	})
}
