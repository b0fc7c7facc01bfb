package signaling_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

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
	// Here a machine may be slow, and it is not about how long that takes.
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.CloseTimeout = patience })
	a := s.join(t, "a", "t")
	if err := a.conn.WriteMessage(websocket.TextMessage, make([]byte, 20<<20)); err != nil {
		t.Errorf("the connection was reset under the message: %v", err)
	}
	a.expectClose(websocket.CloseMessageTooBig)
}

// Who goes on sending after a close frame is not read as fast as it can send.
func TestWhoIsClosedIsReadSlowly(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.CloseTimeout = 500 * time.Millisecond })
	a := s.join(t, "a", "t")
	conn := a.conn.NetConn().(*net.TCPConn)
	_ = conn.SetWriteBuffer(32 << 10)
	garbage := []byte("\x81\xfe\x04\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 1<<10))
	const most = 4 << 20 // with what the system holds; as fast as it goes that takes milliseconds
	sent := 0
	for sent < most {
		n, err := conn.Write(garbage)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= most {
		t.Errorf("%d bytes were taken of somebody who should have stopped", sent)
	}
	a.expectClose(websocket.CloseInvalidFramePayloadData)
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
		{"reserved bit of a control frame", "\xa9\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"bad opcode of a control frame", "\x8b\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"ping that is too long", "\x89\xfe\x00\x7e\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"fragmented ping", "\x09\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"unmasked pong", "\x8a\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"end of a message that has not begun", "\x80\x80\x00\x00\x00\x00", websocket.CloseProtocolError, signaling.EndProtocol},
		{"message amid another", "\x01\x81\x00\x00\x00\x00{\x81\x81\x00\x00\x00\x00}", websocket.CloseProtocolError, signaling.EndProtocol},
		{"half a close code", "\x88\x81\x00\x00\x00\x00\x03", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close code 999", "\x88\x82\x00\x00\x00\x00\x03\xe7", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close code 1005", "\x88\x82\x00\x00\x00\x00\x03\xed", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close code 1006", "\x88\x82\x00\x00\x00\x00\x03\xee", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close code 1015", "\x88\x82\x00\x00\x00\x00\x03\xf7", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close code 5000", "\x88\x82\x00\x00\x00\x00\x13\x88", websocket.CloseProtocolError, signaling.EndProtocol},
		{"close reason that is not UTF-8", "\x88\x83\x00\x00\x00\x00\x03\xe8\xff", websocket.CloseInvalidFramePayloadData, signaling.EndProtocol},
		{"fragments over the limit", "\x01\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x\x80\xff\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00", websocket.CloseMessageTooBig, signaling.EndTooLarge},
		{"claims 2^63 bytes", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", websocket.CloseMessageTooBig, signaling.EndTooLarge},
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

// Frames that RFC 6455 allows and hardly anybody sends.
func TestUnusualFrames(t *testing.T) {
	const offer = `{"type":"OFFER","dst":"b","payload":1}`
	text := func(first byte, s string) string {
		return string([]byte{first, 0x80 | byte(len(s)), 0, 0, 0, 0}) + s
	}
	for _, tt := range []struct{ name, bytes string }{
		{"fragments", text(0x01, offer[:9]) + text(0x00, offer[9:20]) + text(0x80, offer[20:])},
		{"empty fragments", text(0x01, "") + text(0x00, "") + text(0x00, offer) + text(0x80, "")},
		{"fragments and a pong between", text(0x01, offer[:9]) + text(0x8a, "so") + text(0x80, offer[9:])},
		{"fragments and a HEARTBEAT before", text(0x01, `{"type":`) + text(0x80, `"HEARTBEAT"}`) + text(0x81, offer)},
		{"a character cut in two", text(0x01, offer[:37]+`,"x":"`+"\xc3") + text(0x80, "\xbc\"}")},
		{"binary", text(0x82, offer)},
		{"a length of 16 bits", "\x81\xfe\x00\x26\x00\x00\x00\x00" + offer},
		{"a length of 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x26\x00\x00\x00\x00" + offer},
		{"an empty message", text(0x81, "") + text(0x81, offer)},
	} {
		for _, step := range []int{1, 3, len(tt.bytes)} {
			t.Run(fmt.Sprintf("%s by %d", tt.name, step), func(t *testing.T) {
				s := startSite(t, signaling.Hooks{}, nil)
				a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
				for piece := range slices.Chunk([]byte(tt.bytes), step) {
					if _, err := a.conn.NetConn().Write(piece); err != nil {
						t.Fatal(err)
					}
				}
				b.expect(`{"type":"OFFER","src":"a","dst":"b","payload":1}`)
				a.expectQuiet()
			})
		}
	}
}

// A ping is answered with what it says, also amid a message, and a close frame
// with its code.
func TestControlFramesAreAnswered(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a := s.join(t, "a", "t")
	said := make(chan string, 2)
	a.conn.SetPongHandler(func(payload string) error {
		said <- payload
		return nil
	})
	long := strings.Repeat("p", 125)
	for _, payload := range []string{"", long} {
		a.send(`{"type":"OFFER","dst":"a"}`)
		_, _ = a.conn.NetConn().Write([]byte("\x01\x81\x00\x00\x00\x00{"))
		_ = a.conn.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(patience))
		_, _ = a.conn.NetConn().Write([]byte("\x80\x81\x00\x00\x00\x00}"))
		a.expect(`{"type":"OFFER","src":"a","dst":"a"}`)
		a.expectQuiet()
		if got := <-said; got != payload {
			t.Errorf("pong says %q, want %q", got, payload)
		}
	}
	_ = a.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4321, "bye"), time.Now().Add(patience))
	a.expectClose(4321)
	if _, err := a.conn.NetConn().Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the close frames: %v, want %v at once", err, io.EOF)
	}
	b := s.join(t, "b", "t")
	_ = b.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience))
	b.expectClose(websocket.CloseNoStatusReceived)
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
			name: "messages", change: func(c *signaling.Config) { c.QueueMessages = 4 }, // half of them one sender's
			send: []string{"x", "x", "y", "x"}, want: map[string]int{"x": 2, "y": 1}, drop: signaling.DropSenderShare, expire: 1,
		},
		{
			name: "bytes", change: func(c *signaling.Config) { c.QueueBytes = 2000 },
			send: []string{"x", "x", "y", "x"}, size: 400, want: map[string]int{"x": 2, "y": 1}, drop: signaling.DropSenderShare, expire: 1,
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
	offer := `{"type":"OFFER","dst":"x"}`
	a, a2, b := s.join(t, "a", "t"), s.join(t, "a2", "t"), s.join(t, "b", "t")
	a.send(offer, offer) // half is for others
	a.expect(`{"type":"EXPIRE","src":"x","dst":"a"}`)
	a2.send(offer)
	a2.expectQuiet()
	b.send(offer) // is the third that speaks: the queue cannot even remember it
	b.expect(`{"type":"EXPIRE","src":"x","dst":"b"}`)
	s.join(t, "x", "t").expect(`{"type":"OFFER","src":"a","dst":"x"}`, `{"type":"OFFER","src":"a2","dst":"x"}`)
	a.expectQuiet()
	a2.expectQuiet()
	b.expectQuiet()
}

// One sender leaves half of what may wait for an absent peer to others: nobody
// can keep a peer that is away for a moment from being called.
func TestOneSenderTakesHalfOfAQueue(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	most := signaling.DefaultConfig().QueueMessages
	for range most {
		a.send(`{"type":"OFFER","dst":"x"}`)
	}
	for range most / 2 {
		a.expect(`{"type":"EXPIRE","src":"x","dst":"a"}`)
	}
	a.send(`{"type":"OFFER","dst":"y","payload":"` + strings.Repeat("y", signaling.DefaultConfig().QueueBytes/2) + `"}`)
	a.expect(`{"type":"EXPIRE","src":"y","dst":"a"}`)
	b.send(`{"type":"OFFER","dst":"x"}`)
	b.expectQuiet()
	if st := s.Stats(); int(st.Queued) != most/2+1 || int(st.Dropped[signaling.DropSenderShare]) != most/2+1 || st.Queues != 1 {
		t.Errorf("%d wait for %d peers and %d are dropped, want %d, 1, %[4]d", st.Queued, st.Queues, st.Dropped[signaling.DropSenderShare], most/2+1)
	}
	x := s.join(t, "x", "t")
	for range most / 2 {
		x.expect(`{"type":"OFFER","src":"a","dst":"x"}`)
	}
	x.expect(`{"type":"OFFER","src":"b","dst":"x"}`)
}

// A peer that does not read loses its id; its senders are not told LEAVE, and
// what it missed waits for its return.
func TestSlowReaderIsDropped(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) {
		c.OutboundMessages, c.OutboundBytes, c.QueueBytes = 65, 8<<20, 4<<20 // all that is on its way may wait
		c.ExpireTimeout = time.Minute                                        // for as long as a busy machine takes
	})
	a := s.join(t, "a", "t")
	s.join(t, "slow", "t") // never reads again
	frame := fmt.Sprintf(`{"type":"OFFER","dst":"slow","payload":"%s"}`, strings.Repeat("x", 120<<10))
	for sent := 0; ; sent++ {
		isThere := true
		// The system's buffers could hold more than may wait.
		eventually(t, "the server takes what was sent", func() bool {
			_, isThere = s.Peer("slow")
			return !isThere || sent < int(s.Stats().Relayed)+8
		})
		if !isThere {
			break
		}
		if sent > 1000 {
			t.Fatal("120 MB went to somebody who does not read")
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
