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

func tightIn(c *signaling.Config) { c.InboundTotal = 260 << 10 }

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
		if got := n.Stats().Ended[signaling.EndCrowded]; got != 2 { // they take buffers of 128 KiB
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

// One address cannot make others pay for messages that it does not finish.
func TestInboundShare(t *testing.T) {
	inBubble(t, func(c *signaling.Config) { c.InboundTotal = 1 << 20 }, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		for i := range 6 {
			n.listen(t, fmt.Sprint("half", i), "t", there, true).begin(140 << 10)
		}
		if got := n.Stats().Ended[signaling.EndCrowded]; got != 5 { // a quarter of all is one message
			t.Errorf("%d ended, want 5", got)
		}
		a.send(`{"type":"OFFER","dst":"a","payload":"` + strings.Repeat("x", 200<<10) + `"}`)
		if count(a.heard(), "OFFER") != 1 {
			t.Error("a large message from another address does not get through")
		}
	})
}

func shareOut(c *signaling.Config) {
	c.OutboundBytes, c.OutboundTotal, c.SlowTimeout = 300<<10, 1250<<10, time.Minute
}

// fill sends so many messages of 30 KiB: two are what one sender may have in an
// outbox here.
func (l *listener) fill(dst string, messages int) {
	for range messages {
		l.send(fmt.Sprintf(`{"type":"LEAVE","dst":%q,"payload":%q}`, dst, strings.Repeat("x", 30<<10)))
	}
}

// Those of one address that do not read cannot make others pay, who read slowly.
func TestOutboundShare(t *testing.T) {
	inBubble(t, shareOut, func(t *testing.T, n *pipeNet) {
		n.open(t, "slow", "t", here)
		n.listen(t, "friend", "t", here, true).fill("slow", 2)
		for i := range 12 {
			id := fmt.Sprint("stuck", i)
			n.open(t, id, "t", there)
			n.listen(t, "filler"+id, "t", fmt.Sprintf("192.0.2.%d:1", 10+i), true).fill(id, 3)
		}
		if got := n.Stats().Ended[signaling.EndCrowded]; got == 0 {
			t.Error("none of those who do not read is ended")
		}
		n.listen(t, "another", "t", "192.0.2.99:1", true).fill("slow", 1)
		if _, here := n.Peer("slow"); !here {
			t.Error("somebody who reads slowly, at another address, is ended")
		}
	})
}

// A message that is being written to somebody who does not read takes room until
// that is over. What is too much then is refused, and its sender told; nobody is
// ended who has nothing else to read.
func TestMessagesBeingWrittenCount(t *testing.T) {
	inBubble(t, shareOut, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		offer := func(dst string) int {
			a.send(fmt.Sprintf(`{"type":"OFFER","dst":%q,"payload":%q}`, dst, strings.Repeat("x", 60<<10)))
			return count(a.heard(), "EXPIRE")
		}
		for i := range 6 { // more than a quarter of all
			id := fmt.Sprint("stuck", i)
			n.open(t, id, "t", there)
			n.listen(t, "filler"+id, "t", fmt.Sprintf("192.0.2.%d:1", 10+i), true).send(fmt.Sprintf(`{"type":"OFFER","dst":%q,"payload":%q}`, id, strings.Repeat("x", 60<<10)))
		}
		if got := offer("stuck0"); got != 1 || n.Stats().Dropped[signaling.DropNoRoom] != 1 {
			t.Errorf("%d EXPIREs and %d refused for want of room, want 1 of each", got, n.Stats().Dropped[signaling.DropNoRoom])
		}
		if got := n.Stats().Ended[signaling.EndCrowded]; got != 0 {
			t.Errorf("%d are ended, want none", got)
		}
		n.open(t, "elsewhere", "t", "192.0.2.99:1")
		if got := offer("elsewhere") + offer("elsewhere"); got != 0 {
			t.Error("a message to another address is refused")
		}
		time.Sleep(15 * time.Second) // a write's time
		n.open(t, "stuck0", "t", there)
		if got := offer("stuck0") + offer("stuck0"); got != 0 {
			t.Error("the room is not given back")
		}
	})
}

// One address that sends much to many who read slowly has its own messages
// dropped, and nobody else pays.
func TestSentShare(t *testing.T) {
	inBubble(t, shareOut, func(t *testing.T, n *pipeNet) {
		a := n.listen(t, "a", "t", here, true)
		for i := range 12 {
			id := fmt.Sprint("slow", i)
			n.open(t, id, "t", fmt.Sprintf("192.0.2.%d:1", 10+i))
			n.listen(t, "filler"+id, "t", there, true).fill(id, 2)
		}
		st := n.Stats()
		if st.Ended[signaling.EndCrowded] != 0 || st.Dropped[signaling.DropSenderShare] == 0 {
			t.Errorf("%d receivers were ended and %d messages dropped, want 0 and some", st.Ended[signaling.EndCrowded], st.Dropped[signaling.DropSenderShare])
		}
		a.fill("slow0", 1)
		a.fill("slow11", 1)
		if got := n.Stats().Dropped[signaling.DropSenderShare]; got != st.Dropped[signaling.DropSenderShare] {
			t.Error("a message from another address is dropped")
		}
		a.send(`{"type":"OFFER","dst":"gone","payload":1}`)
		f := n.listen(t, "late", "t", there, true)
		f.send(`{"type":"OFFER","dst":"a","payload":1}`)
		if got := count(f.heard(), "EXPIRE"); got != 1 {
			t.Errorf("%d EXPIREs for what was dropped, want 1", got)
		}
	})
}
