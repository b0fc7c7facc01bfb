package signaling_test

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// spared is a config whose limits per address and connection do not apply to
// the address here, so that another limit is what is met.
func spared(c *signaling.Config) {
	c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
}

// TestWeaknesses attacks the server in every way that is known to work against
// npm peer 1.0. The attackers come from the address here.
func TestWeaknesses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		proof  bool // key ids are proven
		attack func(*testing.T, *pipeNet)
	}{
		{name: "a bad frame ends or wedges more than its socket", attack: attackFrames},
		{name: "an id is squatted before its owner comes", attack: attackReserved},
		{name: "an id is squatted while its owner is away", change: func(c *signaling.Config) { c.IDGrace = 5 * time.Second }, attack: attackAbsent},
		{name: "a socket that gave its id up speaks on as its next holder", attack: attackLeftover},
		{name: "a key id is taken without the key", proof: true, attack: attackKeyID},
		{name: "the answer to a lost client repeats its token", attack: attackLostPath},
		{name: "a wrong key is admitted", attack: attackKey},
		{name: "the ids are listed to anybody", change: func(c *signaling.Config) { c.AllowDiscovery, c.CallRate, c.CallBurst = true, 1, 3 }, attack: attackDiscovery},
		{name: "one sender fills the queues", change: spared, attack: attackQueues},
		{name: "one token opens many sockets", change: spared, attack: attackManySockets},
		{name: "one address takes all places", change: func(c *signaling.Config) { c.ConcurrentLimit, c.SocketsPerAddress = 20, 10 }, attack: attackPlaces},
		{name: "few addresses take all places", change: func(c *signaling.Config) { c.ConcurrentLimit = 100 }, attack: attackFewPlaces},
		{name: "who is refused takes all places of newcomers", change: func(c *signaling.Config) { c.MaxPending = 20 }, attack: attackRefused},
		{name: "a huge message is taken", attack: attackHuge},
		{name: "a peer that does not read fills the memory", change: spared, attack: attackNotReading},
		{name: "a message that never ends holds its memory", attack: neverEnding},
		{name: "a peer is flooded with offers", attack: attackFlood},
		{name: "an expire or leave is forged in another's name", attack: attackForged},
		{name: "an impostor collects what waits for a key", proof: true, attack: attackWaiting},
		{name: "any page uses the server", change: func(c *signaling.Config) { c.AllowOrigin = []string{"https://wallet.example"} }, attack: attackOrigin},
		{name: "an id generator without ideas hangs the server", change: func(c *signaling.Config) { c.GenerateID = func() string { return "b" } }, attack: attackGenerator},
		{name: "control characters get into frames, lists and logs", change: func(c *signaling.Config) { c.AllowDiscovery = true }, attack: attackControls},
		{name: "an error page tells of the inside", attack: attackErrorPage},
		{name: "a silent or superseded socket stays for ever", attack: attackSilence},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hooks signaling.Hooks
				if tt.proof {
					hooks.Proof = newProofs().proof
				}
				tt.attack(t, startPipeNet(t, hooks, tt.change))
			})
		})
	}
}

// alive shows that two peers elsewhere can talk.
func alive(t *testing.T, n *pipeNet) {
	t.Helper()
	a := n.listen(t, "alive-a", "t", there, true)
	b := n.listen(t, "alive-b", "t", there, true)
	a.send(`{"type":"OFFER","dst":"alive-b","payload":1}`)
	b.expect(openFrame, `{"type":"OFFER","src":"alive-a","dst":"alive-b","payload":1}`)
	a.conn.Close()
	b.conn.Close()
	synctest.Wait()
}

func attackFrames(t *testing.T, n *pipeNet) {
	for _, bytes := range []string{"\x81\x02{}", "\x83\x80\x00\x00\x00\x00", "\xc1\x80\x00\x00\x00\x00", "\x81\x81\x00\x00\x00\x00\xff"} {
		early, _ := n.try(t, "key=peerjs&id=a", here, "") // not admitted
		_, _ = early.NetConn().Write([]byte(bytes))
		late := n.listen(t, "late", "t", here, true)
		_, _ = late.conn.NetConn().Write([]byte(bytes))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, code, closed := late.closedAt(); !closed || code < 1002 {
			t.Errorf("%q: closed = %v with %d, want 1002 or 1007", bytes, closed, code)
		}
		alive(t, n)
	}
	a := n.listen(t, "a", "t", here, true)
	for _, frame := range []string{"not json", "", "null", `"x"`, "5", "true", "[]", "{}", `{"type":5}`} {
		a.send(frame)
	}
	a.send(`{"type":"OFFER","dst":"a"}`)
	a.expect(openFrame, `{"type":"OFFER","src":"a","dst":"a"}`)
}

func attackReserved(t *testing.T, n *pipeNet) {
	_, id := n.get(t, "/peerjs/id", there)
	n.listen(t, id, "evil", here, true).expect(taken)
	n.listen(t, id, "t", there, true).expect(openFrame)
	n.listen(t, id, "evil", here, true).expect(taken)
}

func attackAbsent(t *testing.T, n *pipeNet) {
	owner := n.listen(t, "owner", "t", there, true)
	owner.conn.NetConn().Close()
	synctest.Wait()
	n.listen(t, "owner", "evil", here, true).expect(taken)
	time.Sleep(4 * time.Second)
	n.listen(t, "owner", "t", there, true).expect(openFrame)
}

func attackLeftover(t *testing.T, n *pipeNet) {
	b := n.listen(t, "b", "t", there, true)
	evil := n.listen(t, "victim", "evil", here, true)
	evil.conn.SetCloseHandler(func(int, string) error { return nil }) // stays
	evil.send(`{"type":"LEAVE"}`)
	victim := n.listen(t, "victim", "t", there, true)
	evil.send(`{"type":"OFFER","dst":"b","payload":"evil"}`)
	b.expect(openFrame)
	evil.conn.Close()
	synctest.Wait()
	if p, ok := n.Peer("victim"); !ok || p.Addr != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("the victim's id is held by %+v, %v", p, ok)
	}
	victim.send(`{"type":"OFFER","dst":"b","payload":"victim"}`)
	b.expect(`{"type":"OFFER","src":"victim","dst":"b","payload":"victim"}`)
	if got := n.Stats().Dropped[signaling.DropNotCurrent]; got != 1 {
		t.Errorf("dropped as not current = %d, want 1", got)
	}
}

func attackKeyID(t *testing.T, n *pipeNet) {
	n.listen(t, keyID, "evil", here, true).expect(badToken)
	node := n.listen(t, keyID, "good.60.a", there, true)
	n.listen(t, keyID, "evil", here, true).expect(badToken)
	n.listen(t, keyID, "good.60.a", here, true).expect(badToken) // overheard
	node.expect(openFrame)
	ghost := node
	n.listen(t, keyID, "good.61.b", there, true).expect(openFrame) // the key comes back at once
	if _, _, closed := ghost.closedAt(); !closed {
		t.Error("the ghost is still here")
	}
}

func attackLostPath(t *testing.T, n *pipeNet) {
	for _, path := range []string{"/peerjs/me/sesame/offer", "/nowhere?token=sesame", "/peerjs/sesame"} {
		if status, body := n.get(t, path, here); status != 404 || strings.Contains(body, "sesame") {
			t.Errorf("GET %s = %d %q", path, status, body)
		}
	}
	long := strings.Repeat("x", 513)
	n.listen(t, "a", long, here, true).expect(missing)
}

func attackKey(t *testing.T, n *pipeNet) {
	for _, key := range []string{"", "PEERJS", "peerjs ", "liberdus"} {
		conn, _ := n.try(t, "id=a&token=t&key="+strings.ReplaceAll(key, " ", "%20"), here, "")
		if _, frame, err := conn.ReadMessage(); err != nil || string(frame) == openFrame {
			t.Errorf("key %q: %s, %v", key, frame, err)
		}
	}
}

func attackDiscovery(t *testing.T, n *pipeNet) {
	n.listen(t, "victim", "t", there, true)
	if status, body := n.get(t, "/guess/peers", here); status != 401 || strings.Contains(body, "victim") {
		t.Errorf("with another key: %d %s", status, body)
	}
	last := 0
	for range 4 {
		last, _ = n.get(t, "/peerjs/peers", here)
	}
	if last != 429 {
		t.Errorf("the list may be had without pause: status %d", last)
	}
	off := signaling.DefaultConfig()
	if off.AllowDiscovery {
		t.Error("the list is there by default")
	}
}

func attackQueues(t *testing.T, n *pipeNet) {
	a := n.listen(t, "a", "t", here, true)
	big := strings.Repeat("x", 20<<10)
	for i := range 300 {
		a.send(fmt.Sprintf(`{"type":"OFFER","dst":"nobody%d"}`, i))
		if i < 60 { // 1.2 MB
			a.send(fmt.Sprintf(`{"type":"OFFER","dst":"nobody%d","payload":%q}`, i, big))
		}
	}
	cfg := signaling.DefaultConfig()
	st := n.Stats()
	if st.Queues > cfg.SenderQueues || st.QueuedBytes > cfg.SenderBytes || int(st.Queued) > cfg.SenderMessages {
		t.Errorf("%d queues with %d bytes of %d messages are one sender's", st.Queues, st.QueuedBytes, st.Queued)
	}
	b := n.listen(t, "b", "t", there, true)
	b.send(`{"type":"OFFER","dst":"late","payload":1}`)
	n.listen(t, "late", "t", there, true).expect(openFrame, `{"type":"OFFER","src":"b","dst":"late","payload":1}`)
}

func attackManySockets(t *testing.T, n *pipeNet) {
	for range 100 {
		n.listen(t, "a", "t", here, true)
	}
	if got := n.Stats(); got.Sockets != 1 || got.Peers != 1 {
		t.Errorf("%d sockets, %d peers, want 1 and 1", got.Sockets, got.Peers)
	}
}

func attackPlaces(t *testing.T, n *pipeNet) {
	refused := 0
	for i := range 30 {
		if _, status := n.try(t, query(i), here, ""); status == 429 {
			refused++
		}
	}
	if refused != 20 {
		t.Errorf("%d of 30 sockets were refused, want 20", refused)
	}
	alive(t, n)
}

func attackFewPlaces(t *testing.T, n *pipeNet) {
	for i := range 400 {
		n.try(t, query(i), fmt.Sprintf("198.51.100.%d:1", i%4), "")
	}
	if got := n.Stats(); got.Peers > 97 || got.Refused[signaling.RefusedShare] == 0 {
		t.Errorf("%d of 100 places are taken by 4 addresses, %d refused for their share", got.Peers, got.Refused[signaling.RefusedShare])
	}
	alive(t, n)
}

func attackRefused(t *testing.T, n *pipeNet) {
	var first *websocket.Conn
	for i := range 100 { // neither reads why, nor closes
		conn, status := n.try(t, "key=peerjs", fmt.Sprintf("[2001:db8:0:%x::1]:1", i), "")
		if status != 101 {
			t.Fatalf("socket %d: status %d", i, status)
		}
		if first == nil {
			first = conn
		}
	}
	start := time.Now()
	_, _ = io.Copy(io.Discard, first.NetConn()) // an error is the end, too
	if took := time.Since(start); took != 0 {
		t.Errorf("who gave way was cut off after %v", took)
	}
	if got := n.Stats().Pending; got > 20 {
		t.Errorf("%d sockets without an id, want at most 20", got)
	}
	alive(t, n)
	time.Sleep(15 * time.Second)
	if got := n.Stats(); got.Pending != 0 || got.Addresses != 0 && got.Sockets == 0 {
		t.Errorf("%d sockets without an id are left, and %d addresses", got.Pending, got.Addresses)
	}
}

func attackHuge(t *testing.T, n *pipeNet) {
	a := n.listen(t, "a", "t", here, true)
	go func() { _ = a.conn.WriteMessage(websocket.TextMessage, make([]byte, 20<<20)) }()
	time.Sleep(5 * time.Second)
	if _, code, closed := a.closedAt(); !closed || code != websocket.CloseMessageTooBig {
		t.Errorf("closed = %v with %d, want 1009", closed, code)
	}
	alive(t, n)
}

func attackNotReading(t *testing.T, n *pipeNet) {
	n.open(t, "slow", "t", here) // never reads
	a := n.listen(t, "a", "t", here, true)
	frame := fmt.Sprintf(`{"type":"OFFER","dst":"slow","payload":%q}`, strings.Repeat("x", 200<<10))
	took := <-a.say(20, frame) // 4 MB
	if took > 15*time.Second {
		t.Errorf("the sender was held up for %v", took)
	}
	synctest.Wait()
	if _, ok := n.Peer("slow"); ok {
		t.Error("who does not read is still here")
	}
	if got := count(a.heard(), "LEAVE"); got != 0 {
		t.Error("the sender was told LEAVE: PeerJS would close healthy connections")
	}
}

// neverEnding sends a message in fragments, and no last one. It answers pings
// all the while: being alive does not help it.
func neverEnding(t *testing.T, n *pipeNet) {
	evil := n.listen(t, "evil", "t", here, true)
	w, err := evil.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		if _, err := w.Write(make([]byte, 5000)); err != nil { // more than its buffer: goes out
			break
		}
		synctest.Wait()
	}
	at, code, closed := evil.closedAt()
	if !closed || code != websocket.ClosePolicyViolation || at < 15*time.Second || at > 21*time.Second {
		t.Errorf("closed = %v after %v with %d, want after 15 to 20 s with 1008", closed, at, code)
	}
	time.Sleep(5 * time.Second)
	if got := n.Stats().Sockets; got != 0 {
		t.Errorf("%d sockets, want none", got)
	}
}

func attackFlood(t *testing.T, n *pipeNet) {
	victim := n.listen(t, "victim", "t", there, true)
	evil := n.listen(t, "evil", "t", here, true)
	evil.say(1_000_000, `{"type":"OFFER","dst":"victim"}`)
	time.Sleep(time.Minute)
	if got := count(victim.heard(), "OFFER"); got > 1500 {
		t.Errorf("the victim got %d offers in a minute", got)
	}
	if _, _, closed := evil.closedAt(); !closed {
		t.Error("the flood goes on")
	}
}

func attackForged(t *testing.T, n *pipeNet) {
	a := n.listen(t, "a", "t", there, true)
	n.listen(t, "b", "t", there, true)
	evil := n.listen(t, "evil", "t", here, true)
	for _, typ := range []string{"LEAVE", "EXPIRE", "OFFER"} {
		evil.send(fmt.Sprintf(`{"src":"b","type":%q,"dst":"a","src":"b"}`, typ))
	}
	a.expect(openFrame, `{"type":"LEAVE","src":"evil","dst":"a"}`, `{"type":"EXPIRE","src":"evil","dst":"a"}`, `{"type":"OFFER","src":"evil","dst":"a"}`)
}

func attackWaiting(t *testing.T, n *pipeNet) {
	a := n.listen(t, "a", "t", there, true)
	a.send(`{"type":"OFFER","dst":"` + keyID + `","payload":"secret"}`)
	n.listen(t, keyID, "evil", here, true).expect(badToken)
	n.listen(t, keyID, "good.60.a", there, true).expect(openFrame, `{"type":"OFFER","src":"a","dst":"`+keyID+`","payload":"secret"}`)
}

func attackOrigin(t *testing.T, n *pipeNet) {
	for origin, want := range map[string]int{"https://evil.example": 403, "https://wallet.example": 101, "": 101} {
		if _, got := n.try(t, query(len(origin)), here, origin); got != want {
			t.Errorf("origin %q: status %d, want %d", origin, got, want)
		}
	}
}

func attackGenerator(t *testing.T, n *pipeNet) {
	n.listen(t, "b", "t", there, true)
	began := time.Now()
	if status, _ := n.get(t, "/peerjs/id", here); status != 503 || time.Since(began) > time.Second {
		t.Errorf("status %d after %v, want 503 at once", status, time.Since(began))
	}
}

func attackControls(t *testing.T, n *pipeNet) {
	for _, id := range []string{"a\nb", "\x1b[31m", "\x00", "\u0085", strings.Repeat("x", 129)} {
		n.listen(t, id, "t", here, true).expect(missing)
	}
	a := n.listen(t, "a", "t", here, true)
	a.send(`{"type":"OFFER","dst":"b\u0000"}`) // such an id can never come
	a.expect(openFrame, `{"type":"EXPIRE","src":"b\u0000","dst":"a"}`)
	if _, list := n.get(t, "/peerjs/peers", here); list != `["a"]` {
		t.Errorf("peers = %s", list)
	}
}

func attackErrorPage(t *testing.T, n *pipeNet) {
	for _, path := range []string{"/peerjs/nope", "/%2e%2e/id/x", "/" + strings.Repeat("a", 1000)} {
		status, body := n.get(t, path, here)
		if status != 404 || len(body) > 1000 || strings.Contains(body, "<") || strings.Contains(body, ".go") {
			t.Errorf("GET %.20s = %d %q", path, status, body)
		}
	}
}

func attackSilence(t *testing.T, n *pipeNet) {
	silent := n.listen(t, "silent", "t", here, false)
	older := n.listen(t, "a", "t", here, true)
	older.conn.SetCloseHandler(func(int, string) error { return nil }) // does not answer
	newer := n.listen(t, "a", "t", here, true)
	newer.expect(openFrame)
	time.Sleep(3 * time.Second)
	if got := n.Stats().Sockets; got != 2 {
		t.Errorf("%d sockets, want the older of a to be gone", got)
	}
	time.Sleep(time.Minute)
	if _, _, closed := silent.closedAt(); !closed {
		t.Error("the silent socket is still open")
	}
	if _, _, closed := newer.closedAt(); closed {
		t.Error("a socket that answers pings was closed")
	}
}
