package signaling_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// numbered is the payload of the storm's messages.
type numbered struct{ From, N int }

// TestStorm lets one peer come and go while others send to it without pause,
// by leaving and by taking its id over from itself. Whatever was sent arrives
// once, in each sender's order, and never before OPEN.
func TestStorm(t *testing.T) {
	const senders, each = 6, 150
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) {
		c.QueueMessages, c.OutboundMessages = senders*each, 2*senders*each
		c.QueueBytes, c.OutboundBytes = 4<<20, 8<<20
		c.ExpireTimeout = time.Minute
	})
	var sending sync.WaitGroup
	for i := range senders {
		p := s.join(t, fmt.Sprint("sender", i), "t")
		sending.Go(func() {
			for n := range each {
				f := fmt.Sprintf(`{"type":"CANDIDATE","dst":"target","payload":{"From":%d,"N":%d}}`, i, n)
				if err := p.conn.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
					t.Errorf("sender %d: %v", i, err)
				}
				time.Sleep(time.Duration(n%3) * 100 * time.Microsecond)
			}
		})
	}
	defer sending.Wait()

	next := make([]int, senders)
	got := 0
	for p, round := s.target(t), 0; got < senders*each; round++ {
		got += p.take(next, min(1+round*7%40, senders*each-got))
		if round%2 == 0 {
			p.send(`{"type":"LEAVE"}`)
			got += p.takeRest(next)
			p = s.target(t)
			continue
		}
		older := p
		p = s.target(t) // takes over
		got += older.takeRest(next)
	}
	for i, n := range next {
		if n != each {
			t.Errorf("sender %d: %d messages arrived, want %d", i, n, each)
		}
	}
	for drop, n := range s.Stats().Dropped {
		if n != 0 {
			t.Errorf("dropped as %s = %d", drop, n)
		}
	}
}

// target opens a WebSocket as the one to whom all send.
func (s *site) target(t *testing.T) *peer {
	return s.join(t, "target", "t")
}

// take reads n numbered messages and checks that each is the next of its sender.
func (p *peer) take(next []int, n int) int {
	p.t.Helper()
	for range n {
		frame, err := p.read()
		if err != nil {
			p.t.Fatal(err)
		}
		p.check(frame, next)
	}
	return n
}

// takeRest is take until the server has closed.
func (p *peer) takeRest(next []int) (n int) {
	p.t.Helper()
	defer p.conn.Close()
	for {
		frame, err := p.read()
		if websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
			return n
		}
		if err != nil {
			p.t.Fatal(err)
		}
		p.check(frame, next)
		n++
	}
}

func (p *peer) check(frame string, next []int) {
	p.t.Helper()
	m, err := signaling.ParseMessage([]byte(frame))
	if err != nil {
		p.t.Fatal(err)
	}
	var num numbered
	if err := json.Unmarshal(m.Payload, &num); err != nil || m.Src != fmt.Sprint("sender", num.From) {
		p.t.Fatalf("got %s: %v", frame, err)
	}
	if num.N != next[num.From] {
		p.t.Fatalf("from sender %d: message %d, want %d", num.From, num.N, next[num.From])
	}
	next[num.From]++
}

// TestFlood sends to a peer that reads as fast as it can, faster than can be
// written: the senders are slowed down, nothing is lost, nobody is dropped.
func TestFlood(t *testing.T) {
	const senders, each = 4, 3000
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) {
		c.QueueMessages, c.OutboundMessages = 2, 4
		c.SlowTimeout = time.Minute
	})
	p := s.target(t)
	var sending sync.WaitGroup
	defer sending.Wait()
	for i := range senders {
		sender := s.join(t, fmt.Sprint("sender", i), "t")
		sending.Go(func() {
			for n := range each {
				f := fmt.Sprintf(`{"type":"CANDIDATE","dst":"target","payload":{"From":%d,"N":%d}}`, i, n)
				if err := sender.conn.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
					t.Errorf("sender %d: %v", i, err)
					return
				}
			}
		})
	}
	p.take(make([]int, senders), senders*each)
	if st := s.Stats(); st.Delayed == 0 || st.Relayed != senders*each {
		t.Errorf("relayed %d, delayed %d; want all, and some of them", st.Relayed, st.Delayed)
	}
}

// TestScramble has many sockets fight for the same few ids, reconnecting,
// leaving, breaking off and talking all at once. Every socket must hear OPEN or
// ID-TAKEN first, and the hooks must come and go in turn.
func TestScramble(t *testing.T) {
	var d diary
	hooks := d.hooks()
	connected, n := hooks.Connected, 0
	hooks.Connected = func(p signaling.Peer) {
		if n++; n%5 == 0 { // hooks are called one at a time: n needs no lock
			time.Sleep(time.Millisecond)
		}
		connected(p)
	}
	s := startSite(t, hooks, nil)
	ids := []string{"x", "y", "z"}
	var fighting sync.WaitGroup
	for i := range 12 {
		fighting.Go(func() {
			for n := range 25 {
				s.fight(t, ids[(i+n)%len(ids)], fmt.Sprint("token", i%4), n, ids)
			}
		})
	}
	fighting.Wait()
	for _, id := range ids {
		s.awaitGone(t, id)
	}
	eventually(t, "all sockets are gone", func() bool { return s.Stats().Sockets == 0 })
	s.stop()

	here := map[string]bool{}
	for _, line := range d.lines {
		what, id, _ := strings.Cut(line, " ")
		if what == "left" {
			if !here[id] {
				t.Fatalf("%s left without being here", id)
			}
			continue
		}
		if here[id] == (what == "connected") {
			t.Fatalf("%s was told twice", line)
		}
		here[id] = !here[id]
	}
}

func (s *site) fight(t *testing.T, id, token string, n int, ids []string) {
	conn, _, err := websocket.DefaultDialer.Dial(s.wsURL("key=peerjs&id="+id+"&token="+token), nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, first, err := conn.ReadMessage()
	if err != nil || string(first) != openFrame && string(first) != taken {
		t.Errorf("first frame: %s, %v", first, err)
		return
	}
	for _, dst := range ids {
		_ = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"OFFER","dst":%q,"payload":%d}`, dst, n))
		s.Peer(dst)
	}
	switch n % 3 {
	case 0:
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"LEAVE"}`))
	case 1:
		_ = conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
	}
}
