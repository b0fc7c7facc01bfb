package signaling_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

func TestMessageAboveTheLimit(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.MaxMessage = 1000 })
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	fits := func(n int) string {
		frame := `{"type":"OFFER","dst":"b","payload":""}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", n-len(frame))+`"`, 1)
	}
	a.send(fits(1000))
	if got, err := b.read(); err != nil || !strings.HasSuffix(got, `xxx"}`) {
		t.Fatalf("at the limit: %q, %v", got, err)
	}
	a.send(fits(1001))
	a.expectClose(websocket.CloseMessageTooBig)
	b.expectQuiet()
	s.awaitGone(t, "a")
	if n := s.Stats().Ended[signaling.EndTooLarge]; n != 1 {
		t.Errorf("ended as too large = %d, want 1", n)
	}
}

// The close frame must get through although the peer is still sending.
func TestHugeMessageStillHearsWhy(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a := s.join(t, "a", "t")
	if err := a.conn.WriteMessage(websocket.TextMessage, make([]byte, 20<<20)); err != nil {
		t.Errorf("the connection was reset under the message: %v", err)
	}
	a.expectClose(websocket.CloseMessageTooBig)
}

func TestBrokenFrames(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes string
		code  int
		end   signaling.End
	}{
		{"unmasked", "\x81\x02{}", websocket.CloseProtocolError, signaling.EndProtocol},
		{"bad opcode", "\x83\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"reserved bit", "\xc1\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"text that is not UTF-8", "\x81\x81\x00\x00\x00\x00\xff", websocket.CloseInvalidFramePayloadData, signaling.EndNotUTF8},
		{"claims 2^62 bytes", "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", websocket.CloseMessageTooBig, signaling.EndTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, nil)
			a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
			if _, err := a.conn.NetConn().Write([]byte(tt.bytes)); err != nil {
				t.Fatal(err)
			}
			a.expectClose(tt.code)
			a.conn.Close()
			s.awaitGone(t, "a")
			if n := s.Stats().Ended[tt.end]; n != 1 {
				t.Errorf("ended as %s = %d, want 1", tt.end, n)
			}
			b.expectQuiet()
		})
	}
}

func TestQueueLimits(t *testing.T) {
	const offer = `{"type":"OFFER","dst":%q,"payload":"%s"}`
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		send   []string // destinations, in order
		size   int      // of each payload
		want   map[string]int
		drop   signaling.Drop
		expire int // EXPIREs that come at once
	}{
		{
			name: "messages", change: func(c *signaling.Config) { c.QueueMessages = 2 },
			send: []string{"x", "x", "x", "y"}, want: map[string]int{"x": 2, "y": 1}, drop: signaling.DropQueueFull,
		},
		{
			name: "bytes", change: func(c *signaling.Config) { c.QueueBytes = 1000 },
			send: []string{"x", "x", "x", "y"}, size: 400, want: map[string]int{"x": 2, "y": 1}, drop: signaling.DropQueueFull,
		},
		{
			name: "bytes in all", change: func(c *signaling.Config) { c.QueueTotalBytes = 1000 },
			send: []string{"x", "y", "x"}, size: 400, want: map[string]int{"x": 1, "y": 1}, drop: signaling.DropQueueTotal,
		},
		{
			name: "queues", change: func(c *signaling.Config) { c.MaxQueues = 2 },
			send: []string{"x", "y", "z"}, want: map[string]int{"x": 1, "y": 1, "z": 0}, drop: signaling.DropQueueCount, expire: 1,
		},
		{
			name: "an id that nobody can have", change: func(*signaling.Config) {},
			send: []string{strings.Repeat("x", 129)}, drop: signaling.DropBadDst, expire: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, tt.change)
			a := s.join(t, "a", "t")
			for _, dst := range tt.send {
				a.send(fmt.Sprintf(offer, dst, strings.Repeat("p", tt.size)))
			}
			if tt.expire > 0 {
				a.expect(fmt.Sprintf(`{"type":"EXPIRE","src":%q,"dst":"a"}`, tt.send[len(tt.send)-1]))
			}
			a.expectQuiet()
			if n := s.Stats().Dropped[tt.drop]; n != 1 {
				t.Errorf("dropped as %s = %d, want 1", tt.drop, n)
			}
			for dst, n := range tt.want {
				p := s.join(t, dst, "t")
				for range n {
					if _, err := p.read(); err != nil {
						t.Fatal(err)
					}
				}
				p.expectQuiet()
			}
		})
	}
}

// Who could not say anything to an absent peer is told so when it comes.
func TestOverflowedSenderHearsOfIt(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.QueueMessages = 2 })
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	a.send(`{"type":"OFFER","dst":"x"}`, `{"type":"OFFER","dst":"x"}`, `{"type":"OFFER","dst":"x"}`)
	a.expectQuiet()
	b.send(`{"type":"OFFER","dst":"x"}`)
	b.expectQuiet()
	c := s.join(t, "c", "t")
	c.send(`{"type":"OFFER","dst":"x"}`) // the queue cannot even remember c
	c.expect(`{"type":"EXPIRE","src":"x","dst":"c"}`)
	s.join(t, "x", "t").expect(`{"type":"OFFER","src":"a","dst":"x"}`, `{"type":"OFFER","src":"a","dst":"x"}`)
	b.expect(`{"type":"EXPIRE","src":"x","dst":"b"}`)
	a.expectQuiet() // what a said was delivered, but for one message
	c.expectQuiet()
}

// A peer that does not read loses its id; its senders are not told LEAVE, and
// what it missed waits for its return.
func TestSlowReaderIsDropped(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.OutboundMessages = 65 })
	a := s.join(t, "a", "t")
	s.join(t, "slow", "t") // never reads again
	frame := fmt.Sprintf(`{"type":"OFFER","dst":"slow","payload":"%s"}`, strings.Repeat("x", 200<<10))
	for i := 0; ; i++ {
		if _, ok := s.Peer("slow"); !ok {
			break
		}
		if i > 1000 {
			t.Fatal("200 MB went to somebody who does not read")
		}
		a.send(frame)
	}
	a.expectQuiet()
	st := s.Stats()
	if st.Ended[signaling.EndSlowReader] != 1 || st.Dropped[signaling.DropSlowReader] == 0 || st.Queued == 0 {
		t.Errorf("stats = %+v, want one slow reader, drops, and a message that waits", st)
	}
	eventually(t, "the slow socket is gone", func() bool { return s.Stats().Sockets == 1 })
}

func TestConnectionWithoutGoodbye(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	b.conn.NetConn().Close() // no close frame
	s.awaitGone(t, "b")
	if n := s.Stats().Ended[signaling.EndLost]; n != 1 {
		t.Errorf("ended as lost = %d, want 1", n)
	}
	a.expectQuiet()
}
