package signaling_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// begin sends the first n bytes of a message of 200 KiB, and no more.
func (l *listener) begin(n int) {
	head := []byte{0x81, 0xff, 0, 0, 0, 0, 0, 3, 32, 0, 0, 0, 0, 0}
	go func() { _, _ = l.conn.NetConn().Write(append(head, make([]byte, n)...)) }()
	time.Sleep(time.Second)
}

func tightIn(c *signaling.Config) { c.InboundTotal = 256 << 10 }

// halfRead begins more large messages than there is room for.
func halfRead(t *testing.T, n *pipeNet) {
	for i := range 4 {
		n.listen(t, fmt.Sprint("half", i), "t", there, true).begin(100 << 10)
	}
}

// Messages that do not come to their end take only so much memory; usual ones
// go through all the while.
func TestInboundBudget(t *testing.T) {
	inBubble(t, tightIn, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		halfRead(t, n)
		if got := n.Stats().Ended[signaling.EndCrowded]; got != 2 { // 256 KiB are two of them and a half
			t.Errorf("%d ended, want 2", got)
		}
		a.send(`{"type":"OFFER","dst":"a","payload":"` + strings.Repeat("x", 10<<10) + `"}`)
		if count(a.heard(), "OFFER") != 1 {
			t.Error("a usual message does not get through")
		}
		time.Sleep(30 * time.Second) // they took too long
		a.send(`{"type":"OFFER","dst":"a","payload":"` + strings.Repeat("x", 200<<10) + `"}`)
		if count(a.heard(), "OFFER") != 1 {
			t.Error("the room is not given back")
		}
	})
}

func tightOut(c *signaling.Config) { c.OutboundTotal, c.SlowTimeout = 256<<10, time.Minute }

// unreadAll fills the outboxes of four who read nothing.
func unreadAll(t *testing.T, n *pipeNet) {
	a := n.listen(t, "filler", "t", here, true)
	for i := range 4 {
		id := fmt.Sprint("stuck", i)
		n.open(t, id, "t", there)
		for range 6 {
			a.send(fmt.Sprintf(`{"type":"LEAVE","dst":%q,"payload":%q}`, id, strings.Repeat("x", 30<<10)))
		}
	}
}

// Peers that do not read take only so much memory together.
func TestOutboundBudget(t *testing.T) {
	inBubble(t, tightOut, func(t *testing.T, n *pipeNet) {
		unreadAll(t, n)
		if got := n.Stats().Ended[signaling.EndCrowded]; got == 0 || got > 3 {
			t.Errorf("%d ended, want 1 to 3 of 4", got)
		}
		b := n.listen(t, "b", "t", here, true)
		b.send(`{"type":"OFFER","dst":"b","payload":"` + strings.Repeat("x", 100<<10) + `"}`)
		if count(b.heard(), "OFFER") != 1 {
			t.Error("a message to somebody who reads does not get through")
		}
	})
}
