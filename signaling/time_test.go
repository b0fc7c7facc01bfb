package signaling_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

func TestExpire(t *testing.T) {
	for _, tt := range []struct {
		name           string
		change         func(*signaling.Config)
		earliest, last time.Duration
	}{
		{"defaults", nil, 5 * time.Second, 6100 * time.Millisecond},
		{"short", func(c *signaling.Config) {
			c.ExpireTimeout, c.CleanupInterval = 200*time.Millisecond, 100*time.Millisecond
		}, 200 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startPipeNet(t, signaling.Hooks{}, tt.change)
				time.Sleep(130 * time.Millisecond) // not on a tick
				a := n.listen(t, "a", "t", here, true)
				other := n.listen(t, "other", "t", here, true)
				a.expect(openFrame)
				other.expect(openFrame)
				for _, f := range []string{
					`{"type":"OFFER","dst":"b"}`, `{"type":"CANDIDATE","dst":"b"}`, `{"type":"ANSWER","dst":"b"}`, `{"type":"CANDIDATE","dst":"c"}`,
				} {
					a.send(f)
				}
				other.send(`{"type":"OFFER","dst":"b"}`)
				time.Sleep(time.Minute)
				got := a.heard()
				if len(got) != 2 || got[0].frame != `{"type":"EXPIRE","src":"b","dst":"a"}` || got[1].frame != `{"type":"EXPIRE","src":"c","dst":"a"}` {
					t.Fatalf("a heard %v, want one EXPIRE for b and one for c", got)
				}
				for _, h := range got {
					if h.at < tt.earliest || h.at > tt.last {
						t.Errorf("EXPIRE after %v, want %v to %v", h.at, tt.earliest, tt.last)
					}
				}
				other.expect(`{"type":"EXPIRE","src":"b","dst":"other"}`)
				b := n.listen(t, "b", "t", here, true)
				b.expect(openFrame) // and nothing of what expired
			})
		})
	}
}

// The age of a queue is that of its first message.
func TestExpireCountsFromTheFirstMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		b := n.listen(t, "b", "t", here, true)
		a.send(`{"type":"OFFER","dst":"x"}`)
		time.Sleep(4500 * time.Millisecond)
		b.send(`{"type":"OFFER","dst":"x"}`)
		time.Sleep(1600 * time.Millisecond)
		a.expect(openFrame, `{"type":"EXPIRE","src":"x","dst":"a"}`)
		b.expect(openFrame, `{"type":"EXPIRE","src":"x","dst":"b"}`)
	})
}

func TestExpireTellsAmbiguousPairsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		ab := n.listen(t, "a_b", "t", here, true)
		a.send(`{"type":"OFFER","dst":"b_c"}`)
		ab.send(`{"type":"OFFER","dst":"c"}`)
		time.Sleep(7 * time.Second)
		a.expect(openFrame, `{"type":"EXPIRE","src":"b_c","dst":"a"}`)
		ab.expect(openFrame, `{"type":"EXPIRE","src":"c","dst":"a_b"}`)
	})
}

func TestExpireOfASenderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		a.send(`{"type":"OFFER","dst":"b"}`)
		a.conn.Close()
		time.Sleep(7 * time.Second)
		n.listen(t, "a", "t", here, true).expect(openFrame) // the EXPIRE did not wait for it
		if st := n.Stats(); st.Queues != 0 || st.QueuedBytes != 0 || st.Expired != 0 || st.Dropped[signaling.DropExpired] != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

// Who takes the id of a sender learns nothing of whom that has called; the sender,
// back with its token, does.
func TestExpireIsTheSenders(t *testing.T) {
	for _, tt := range []struct {
		name, token string
		proven      bool
		want        []string
	}{
		{"itself", "good.60.a", false, []string{openFrame, `{"type":"EXPIRE","src":"b","dst":"` + keyID + `"}`}},
		{"a stranger", "good.61.b", false, []string{openFrame}},
		{"the same key", "good.61.b", true, []string{openFrame, `{"type":"EXPIRE","src":"b","dst":"` + keyID + `"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hooks signaling.Hooks
				if tt.proven {
					hooks.Proof = newProofs().proof
				}
				n := startPipeNet(t, hooks, nil)
				a := n.listen(t, keyID, "good.60.a", here, true)
				a.send(`{"type":"OFFER","dst":"b"}`)
				a.conn.Close()
				synctest.Wait()
				next := n.listen(t, keyID, tt.token, here, true)
				time.Sleep(7 * time.Second)
				next.expect(tt.want...)
			})
		})
	}
}

// A key that comes back with another token is the same sender, and is told once.
func TestExpireOfAKeyWithTwoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, nil)
		n.listen(t, keyID, "good.60.a", here, true).send(`{"type":"OFFER","dst":"b"}`)
		synctest.Wait()
		a := n.listen(t, keyID, "good.61.b", here, true)
		a.send(`{"type":"OFFER","dst":"b"}`)
		time.Sleep(7 * time.Second)
		a.expect(openFrame, `{"type":"EXPIRE","src":"b","dst":"`+keyID+`"}`)
	})
}

func TestExpireAfterOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, func(c *signaling.Config) { c.QueueMessages = 3 })
		a, b, c := n.listen(t, "a", "t", here, true), n.listen(t, "b", "t", here, true), n.listen(t, "c", "t", here, true)
		for _, l := range []*listener{a, a, b, c} { // the last is dropped: c has nothing in the queue
			l.send(`{"type":"OFFER","dst":"x"}`)
		}
		time.Sleep(7 * time.Second)
		a.expect(openFrame, `{"type":"EXPIRE","src":"x","dst":"a"}`)
		b.expect(openFrame, `{"type":"EXPIRE","src":"x","dst":"b"}`)
		c.expect(openFrame, `{"type":"EXPIRE","src":"x","dst":"c"}`)
	})
}

func TestLiveness(t *testing.T) {
	never := time.Duration(0)
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		id     string
		mark   bool
		pongs  bool
		pings  time.Duration // own pings
		say    string        // said every interval
		every  time.Duration // 0: never
		want   time.Duration // closed then, at most 300 ms later
	}{
		{name: "silent", want: time.Minute},
		{name: "silent, short timeout", change: func(c *signaling.Config) { c.AliveTimeout = time.Second }, want: time.Second},
		{name: "answers pings", pongs: true, want: never},
		{name: "pings by itself", pings: 20 * time.Second, want: never},
		{name: "heartbeats", say: `{"type":"HEARTBEAT"}`, every: 5 * time.Second, want: never},
		{name: "heartbeats of another form", say: `{ "type":"HEARTBEAT" }`, every: 30 * time.Second, want: never},
		{name: "short timeout, heartbeats", change: func(c *signaling.Config) { c.AliveTimeout = time.Second }, say: `{"type":"HEARTBEAT"}`, every: 400 * time.Millisecond, want: never},
		{name: "offers", say: `{"type":"OFFER","dst":"x"}`, every: 30 * time.Second, want: never},
		{name: "rubbish", say: `rubbish`, every: 5 * time.Second, want: time.Minute},
		{name: "silent, proven", id: keyID, want: 10 * time.Second},
		{name: "proven, answers pings", id: keyID, pongs: true, want: never},
		{name: "proven, heartbeats", id: keyID, say: `{"type":"HEARTBEAT"}`, every: 5 * time.Second, want: never},
		{name: "silent, marked", mark: true, want: 10 * time.Second},
		{name: "marked, answers pings", mark: true, pongs: true, want: never},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, tt.change)
				time.Sleep(30 * time.Millisecond) // not on a tick
				id := tt.id
				if id == "" {
					id = "a"
				}
				a := n.listen(t, id, "good.60.a", here, tt.pongs)
				if tt.mark && !n.MarkNode(id) {
					t.Fatal("MarkNode = false")
				}
				if tt.pings > 0 {
					tt.every, tt.say = tt.pings, ""
				}
				for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); {
					if tt.every == 0 {
						time.Sleep(5 * time.Minute)
						break
					}
					time.Sleep(tt.every)
					if _, _, closed := a.closedAt(); closed {
						break
					}
					if tt.pings > 0 {
						_ = a.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
						continue
					}
					a.send(tt.say)
				}
				at, code, closed := a.closedAt()
				_, there := n.Peer(id)
				switch {
				case tt.want == never:
					if closed || !there {
						t.Errorf("closed after %v, want never", at)
					}
				case !closed || there || at < tt.want || at > tt.want+300*time.Millisecond || code != websocket.CloseNoStatusReceived:
					t.Errorf("closed = %v after %v with code %d, want after %v with 1005", closed, at, code, tt.want)
				}
			})
		})
	}
}

// Who speaks by itself is pinged seldom, unless it must be noticed soon that it
// has gone; who falls silent is pinged again.
func TestPingsOfThoseWhoSpeak(t *testing.T) {
	for _, tt := range []struct {
		name  string
		id    string
		every time.Duration // between heartbeats
		speak time.Duration // for so long
		want  int           // pings in 102 s
	}{
		{"a stranger", "a", 5 * time.Second, 200 * time.Second, 5},
		{"many heartbeats", "a", 100 * time.Millisecond, 200 * time.Second, 5},
		{"seldom", "a", 30 * time.Second, 80 * time.Second, 17},
		{"falls silent", "a", 5 * time.Second, 41 * time.Second, 2 + 12},
		{"a node", keyID, 5 * time.Second, 200 * time.Second, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, nil)
				time.Sleep(30 * time.Millisecond) // not on a tick
				a := n.open(t, tt.id, "good.60.a", here)
				var pings atomic.Int32
				a.conn.SetPingHandler(func(text string) error {
					pings.Add(1)
					return a.conn.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(time.Second))
				})
				go a.read()
				time.Sleep(2 * time.Second) // apart from the pongs
				for start := time.Now(); time.Since(start) < min(tt.speak, 100*time.Second); time.Sleep(tt.every) {
					a.send(`{"type":"HEARTBEAT"}`)
				}
				time.Sleep(time.Until(a.start.Add(102 * time.Second)))
				if got := int(pings.Load()); got < tt.want-1 || got > tt.want+1 {
					t.Errorf("%d pings, want %d", got, tt.want)
				}
				if _, _, closed := a.closedAt(); closed {
					t.Error("closed")
				}
			})
		})
	}
}

// The server's pings come every 5 s to those who say nothing, also to plain ids.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.open(t, "a", "t", here)
		pings := 0
		a.conn.SetPingHandler(func(string) error { pings++; return nil })
		go a.read()
		time.Sleep(52 * time.Second)
		synctest.Wait()
		if pings != 10 {
			t.Errorf("%d pings in 52 s, want 10", pings)
		}
		if p, _ := n.Peer("a"); time.Since(p.LastSeen) < 51*time.Second {
			t.Errorf("LastSeen = %v ago, want 52 s", time.Since(p.LastSeen))
		}
	})
}

// Pings that are due together are written a few at a time, and none late.
func TestPingsOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		const sockets = 60
		start := time.Now()
		at := make(chan time.Duration, sockets)
		for i := range sockets {
			a := n.open(t, fmt.Sprint(i), "t", here)
			a.conn.SetPingHandler(func(string) error { at <- time.Since(start); return nil })
			go a.read()
		}
		time.Sleep(5*time.Second + 60*time.Millisecond)
		synctest.Wait()
		if len(at) != sockets {
			t.Fatalf("%d pings of %d were written 60 ms after they were due", len(at), sockets)
		}
		together := map[time.Duration]int{}
		for range sockets {
			together[<-at]++
		}
		for when, n := range together {
			if n > 3 {
				t.Errorf("%d pings at once after %v", n, when)
			}
		}
	})
}

func TestLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		n.listen(t, "a", "t", here, true)
		time.Sleep(52 * time.Second)
		synctest.Wait()
		if p, _ := n.Peer("a"); time.Since(p.LastSeen) > 5*time.Second {
			t.Errorf("LastSeen = %v ago, want at most 5 s", time.Since(p.LastSeen))
		}
	})
}

func TestTokenFromAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, nil)
		first := n.listen(t, keyID, "good.60.a", here, true)
		n.listen(t, keyID, "good.60.a", there, true).expect(badToken)
		if _, _, closed := first.closedAt(); closed {
			t.Error("the owner was closed")
		}
		again := n.listen(t, keyID, "good.60.a", "192.0.2.1:1001", true)
		again.expect(openFrame)
		n.listen(t, keyID, "good.61.b", there, true).expect(openFrame)
		if p, _ := n.Peer(keyID); p.Addr != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("the holder is at %v, want 192.0.2.2", p.Addr)
		}
	})
}

// A node that lost its connection and comes back within its token's life does
// so although the token has expired meanwhile.
func TestExpiredTokenMayReattach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		proof := func(string, string) (time.Time, error) {
			if time.Since(start) > time.Minute {
				return time.Time{}, errors.New("expired")
			}
			return start.Add(time.Minute), nil
		}
		n := startPipeNet(t, signaling.Hooks{Proof: proof}, nil)
		n.listen(t, keyID, "k", here, true).expect(openFrame)
		time.Sleep(2 * time.Minute)
		n.listen(t, keyID, "k", here, true).expect(openFrame)
		n.listen(t, keyID, "other", here, true).expect(badToken)
	})
}

func TestUsedTokensAreForgottenWhenTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{Proof: newProofs().proof}, func(c *signaling.Config) { c.MaxUsedTokens = 1 })
		n.listen(t, keyID, "good.60.a", here, true).expect(openFrame)
		n.listen(t, otherKeyID, "good.60.b", here, true).expect(badToken) // no room
		time.Sleep(64 * time.Second)
		n.listen(t, otherKeyID, "good.60.b", here, true).expect(openFrame) // this proof believes it still
	})
}

// Who does not read is closed once a write has taken too long. Senders are not
// told LEAVE: PeerJS would tear down healthy connections.
func TestBlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		n.open(t, "stuck", "t", here) // reads nothing more: a pipe has no buffer
		a.send(`{"type":"OFFER","dst":"stuck"}`)
		a.send(`{"type":"OFFER","dst":"stuck"}`)
		time.Sleep(9 * time.Second)
		if _, ok := n.Peer("stuck"); !ok {
			t.Error("closed too early")
		}
		time.Sleep(2 * time.Second)
		if _, ok := n.Peer("stuck"); ok {
			t.Error("still there after the write timeout")
		}
		a.expect(openFrame)
		if st := n.Stats(); st.Ended[signaling.EndSlowReader] != 1 || st.Dropped[signaling.DropSlowReader] != 2 || st.Sockets != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

// Who is sent more than it reads has SlowTimeout to make room; the senders wait
// that long, and then hear EXPIRE if it does not come back.
func TestNoRoom(t *testing.T) {
	for _, tt := range []struct {
		name string
		read int // messages that the receiver reads one second after the sender's share is taken
		gone bool
	}{
		{"reads nothing", 0, true},
		{"reads too little", 1, true},
		{"makes room", 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startPipeNet(t, signaling.Hooks{}, func(c *signaling.Config) { c.QueueMessages, c.OutboundMessages = 3, 16 }) // of one sender 4
				b := n.listen(t, "b", "t", here, true)
				stuck := n.open(t, "stuck", "t", here)
				if _, _, err := stuck.conn.ReadMessage(); err != nil { // OPEN
					t.Fatal(err)
				}
				a := n.listen(t, "a", "t", here, true)
				for range 5 { // one is in the writer's hands
					a.send(`{"type":"OFFER","dst":"stuck"}`)
				}
				go func() { // the pipe holds nothing: this blocks while a is not read
					_ = a.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"OFFER","dst":"stuck"}`))
					_ = a.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"OFFER","dst":"b"}`))
				}()
				time.Sleep(time.Second)
				b.expect(openFrame) // a has to wait
				for range tt.read {
					if _, _, err := stuck.conn.ReadMessage(); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(1100 * time.Millisecond)
				if _, ok := n.Peer("stuck"); ok == tt.gone {
					t.Errorf("after 2.1 s the receiver is here = %v", ok)
				}
				b.expect(`{"type":"OFFER","src":"a","dst":"b"}`) // a waits no more
				time.Sleep(7 * time.Second)
				if tt.gone {
					a.expect(openFrame, `{"type":"EXPIRE","src":"stuck","dst":"a"}`)
				} else {
					a.expect(openFrame)
				}
			})
		})
	}
}

// A close frame counts when it is read, not when it could be answered.
func TestCloseFrameCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		b := n.open(t, "b", "t", here)
		if _, _, err := b.conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		if err := b.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer is stuck: b does not read
		if _, ok := n.Peer("b"); ok {
			t.Error("b is still registered")
		}
		a.send(`{"type":"OFFER","dst":"b"}`)
		time.Sleep(7 * time.Second)
		a.expect(openFrame, `{"type":"EXPIRE","src":"b","dst":"a"}`)
		if st := n.Stats(); st.Ended[signaling.EndClosed] != 1 || st.Sockets != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

// When a connection breaks under a message, its sender hears LEAVE.
func TestBrokenWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		b := n.listen(t, "b", "t", here, true)
		b.end.broken.Store(true)
		a.send(`{"type":"OFFER","dst":"b"}`)
		a.expect(openFrame, `{"type":"LEAVE","src":"b","dst":"a"}`)
		a.send(`{"type":"OFFER","dst":"b"}`) // from now on b is absent
		time.Sleep(7 * time.Second)
		a.expect(`{"type":"EXPIRE","src":"b","dst":"a"}`)
		if st := n.Stats(); st.Ended[signaling.EndWriteFailed] != 1 || st.Dropped[signaling.DropWriteFailed] != 1 || st.Sockets != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPipeNet(t, signaling.Hooks{}, nil)
		a := n.listen(t, "a", "t", here, true)
		n.open(t, "stuck", "t", here)
		synctest.Wait()
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if at, code, ok := a.closedAt(); !ok || code != websocket.CloseGoingAway || at != 0 {
			t.Errorf("closed = %v after %v with %d, want at once with 1001", ok, at, code)
		}
		if st := n.Stats(); st.Sockets != 0 || st.Peers != 0 || st.Ended[signaling.EndStopped] != 2 {
			t.Errorf("stats = %+v, want nobody", st)
		}
		d := websocket.Dialer{NetDialContext: n.dialer(here)}
		if _, resp, err := d.Dial("ws://pipe/peerjs?key=peerjs&id=b&token=t", nil); err == nil || resp == nil || resp.StatusCode != 503 {
			t.Errorf("a new socket: %v, %v, want status 503", resp, err)
		}
	})
}

// diary notes what the hooks are told.
type diary struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (d *diary) hooks() signaling.Hooks {
	note := func(what string) func(signaling.Peer) {
		return func(p signaling.Peer) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.lines = append(d.lines, fmt.Sprintf("%s %s", what, p.ID))
		}
	}
	return signaling.Hooks{Connected: note("connected"), Left: note("left"), Disconnected: note("disconnected")}
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, want) {
		t.Errorf("hooks: %s; want %s", strings.Join(d.lines, ", "), strings.Join(want, ", "))
	}
	d.lines = nil
}

func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		n := startPipeNet(t, d.hooks(), nil)
		a := n.listen(t, "a", "t", here, false)
		d.expect(t, "connected a")
		n.listen(t, "a", "other", here, false)
		d.expect(t)
		again := n.listen(t, "a", "t", here, false)
		d.expect(t, "disconnected a", "connected a")
		a.conn.Close()
		d.expect(t)
		again.send(`{"type":"LEAVE"}`)
		d.expect(t, "left a", "disconnected a")
		b := n.listen(t, "b", "t", here, false)
		b.conn.Close()
		d.expect(t, "connected b", "disconnected b")
		n.listen(t, "c", "t", here, false)
		time.Sleep(61 * time.Second)
		d.expect(t, "connected c", "disconnected c")
		n.listen(t, "d", "t", here, false)
		n.stop()
		d.expect(t, "connected d", "disconnected d")
	})
}
