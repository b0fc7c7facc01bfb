package rtc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

var (
	churns    = flag.Int("churns", 300, "connects that TestChurn breaks off")
	churnSeed = flag.Uint64("churnseed", 0, "seed of TestChurn; 0 chooses one")
)

// quick are settings under which what was broken off ends soon.
func quick(c *rtc.Config) {
	c.HandshakeTimeout, c.Silence = 700*time.Millisecond, 900*time.Millisecond
	c.MaxSessions, c.MaxSessionsPerPeer, c.OffersAtOnce = 1<<20, 1<<20, 1<<20
}

// A churn breaks connects to one node off, in every way and at any moment.
type churn struct {
	t      *testing.T
	h      *hub
	n      *node
	key    *signing.NodeKey
	faults sync.Map // by the id of the dialling peer: a func(*signaling.Message) bool
}

func newChurn(t *testing.T) *churn {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	c := &churn{t: t, h: newHub(), key: key}
	c.h.tamper = func(m *signaling.Message) bool {
		for _, id := range []string{m.Src, m.Dst} {
			if f, ok := c.faults.Load(id); ok {
				return f.(func(*signaling.Message) bool)(m)
			}
		}
		return true
	}
	c.n = startLogging(t, c.h, key.Public(), func(cfg *rtc.Config) {
		quick(cfg)
		cfg.Signer, cfg.Serve = keyring{key: key}, untilBye
	}, discard())
	return c
}

// untilBye echoes until it is told to close.
func untilBye(ctx context.Context, s *rtc.Session) {
	for {
		msg, err := s.Recv()
		if err != nil || string(msg) == "bye" || s.Send(ctx, msg) != nil {
			return
		}
	}
}

// A worker is one of the dialling peers.
type worker struct {
	*churn
	peer *node
	rng  *rand.Rand
}

// moment is any time within a connect, which takes some milliseconds.
func (w *worker) moment() time.Duration {
	return time.Duration(w.rng.ExpFloat64() * float64(12*time.Millisecond))
}

// ways are the ways to break a connect off.
var ways = [...]struct {
	name  string
	churn func(*worker)
}{
	{"the caller gives up", func(w *worker) { w.dial(w.moment(), nil) }},
	{"the dialler closes", func(w *worker) { w.dial(time.Second, func(s *rtc.Session) { w.talk(s, "hello") }) }},
	{"the node closes", func(w *worker) {
		w.dial(time.Second, func(s *rtc.Session) { w.talk(s, "hello"); w.talk(s, "bye") })
	}},
	{"the answer is lost", func(w *worker) {
		w.faulty(func(m *signaling.Message) bool { return m.Type != signaling.TypeAnswer })
		w.dial(w.moment(), nil)
	}},
	{"the signalling connection ends", (*worker).cutSignalling},
	{"the path goes dead", (*worker).cutPath},
	{"the path goes dead when open", (*worker).cutOpen},
	{"an offer without candidates", func(w *worker) { w.offer(offerSDP) }},
	{"a description of garbage", func(w *worker) { w.offer(w.spoil(offerSDP)) }},
	{"messages of garbage", (*worker).babble},
	{"datagrams of garbage", (*worker).spray},
	{"a peer that is not ours closes", func(w *worker) { w.foreign(1) }},
	{"a second PeerJS offer", func(w *worker) { w.foreign(2) }},
}

// faulty puts f between this worker and the node for one connect.
func (w *worker) faulty(f func(*signaling.Message) bool) { w.faults.Store(w.peer.id, f) }

// dial opens a session, gives it to use, and closes it.
func (w *worker) dial(patience time.Duration, use func(*rtc.Session)) {
	defer w.faults.Delete(w.peer.id)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := w.peer.Dial(ctx, target(w.n))
	if err != nil {
		return
	}
	if use != nil {
		use(s)
	}
	s.Close()
}

// talk sends a message and reads once, whatever comes.
func (w *worker) talk(s *rtc.Session, msg string) {
	if s.Send(s.Context(), []byte(msg)) == nil {
		_, _ = s.Recv()
	}
}

func (w *worker) cutSignalling() {
	id := fmt.Sprint("short-lived-", w.rng.Uint64())
	cfg := rtc.DefaultConfig()
	quick(&cfg)
	cfg.Loopback, cfg.Verifier = true, verifier{}
	p, err := rtc.New(cfg, discard())
	if err != nil {
		w.t.Error(err)
		return
	}
	defer p.Close()
	wire := w.h.join(id)
	link, err := p.Attach("hub", wire)
	if err != nil {
		w.t.Error(err)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = link.Run(context.Background()) })
	wg.Go(func() { time.Sleep(w.moment()); wire.end() }) // any moment will do
	if s, err := p.Dial(context.Background(), target(w.n)); err == nil {
		w.talk(s, "hello") // outlives the signalling connection
	}
	wg.Wait()
}

func (w *worker) cutPath() {
	p, err := newProxy(w.rng.Int64N(40))
	if err != nil {
		w.t.Error(err)
		return
	}
	defer p.close()
	w.faulty(p.through)
	w.dial(400*time.Millisecond, nil)
}

func (w *worker) cutOpen() {
	p, err := newProxy(1 << 60)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer p.close()
	w.faulty(p.through)
	w.dial(time.Second, func(s *rtc.Session) { w.talk(s, "hello"); p.goDeaf(); w.talk(s, "hello?") })
}

func (w *worker) stranger() *wire { return w.h.join(fmt.Sprint("stranger-", w.rng.Uint64())) }

func (w *worker) put(from *wire, kind string, payload any) {
	raw, ok := payload.([]byte)
	if !ok {
		raw, _ = json.Marshal(payload) // maps of text
	}
	_ = from.Send(context.Background(), signaling.Message{Type: kind, Dst: w.n.id, Payload: raw})
}

func (w *worker) offer(sdp string) {
	from := w.stranger()
	defer from.end()
	w.put(from, signaling.TypeOffer, map[string]any{"id": "a", "signal": map[string]string{"type": "offer", "sdp": sdp}})
}

// spoil changes some bytes of a text.
func (w *worker) spoil(text string) string {
	b := []byte(text)
	for range 1 + w.rng.IntN(8) {
		b[w.rng.IntN(len(b))] = byte(' ' + w.rng.IntN(95))
	}
	return string(b)
}

func (w *worker) babble() {
	from := w.stranger()
	defer from.end()
	w.put(from, signaling.TypeOffer, map[string]any{"id": "a", "signal": map[string]string{"type": "offer", "sdp": offerSDP}})
	for range 200 { // more than the connection's inbox and its candidates
		w.put(from, signaling.TypeCandidate, []byte(`{"id":"a","signal":{"candidate":{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}}}`))
	}
	w.put(from, signaling.TypeAnswer, map[string]any{"id": "a", "signal": map[string]string{"type": "answer", "sdp": offerSDP}})
	w.put(from, signaling.TypeOffer, []byte(`{"id":"a","signal":{"type":"offer"}}`))
	w.put(from, signaling.TypeCandidate, []byte(`{"id":"nobody","signal":{"candidate":{"candidate":""}}}`))
	w.put(from, signaling.TypeLeave, nil)
}

// spray sends garbage to every address that the node names in its answer.
func (w *worker) spray() {
	w.faulty(func(m *signaling.Message) bool {
		if m.Type == signaling.TypeAnswer {
			edit(m, func(sdp string) string { w.garbage(sdp); return sdp })
		}
		return true
	})
	w.dial(time.Second, func(s *rtc.Session) { w.talk(s, "hello") })
}

func (w *worker) garbage(sdp string) {
	for line := range strings.Lines(sdp) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(line, "a=candidate") {
			continue
		}
		conn, err := net.Dial("udp", net.JoinHostPort(f[4], f[5]))
		if err != nil {
			continue
		}
		for i := range 20 {
			b := make([]byte, 1+rand.IntN(200))
			for j := range b {
				b[j] = byte(rand.Uint32()) // not the worker's, which may have gone on
			}
			b[0] = [...]byte{0, 1, 22, 23, 64, 200}[i%6] // as STUN, DTLS, a TURN channel, RTP
			_, _ = conn.Write(b)
		}
		conn.Close()
	}
}

// foreign dials as PeerJS does over bare pion, times times under one connection
// id, and closes at any moment.
func (w *worker) foreign(times int) {
	from := w.stranger()
	defer from.end()
	for range times {
		pc, err := w.barePion(from)
		if err != nil {
			w.t.Error(err)
			return
		}
		defer func() { _ = rtc.CloseSafely(pc) }()
		w.answers(pc, from, w.moment())
		settle(pc)
	}
}

// settle waits until a connection of bare pion has connected or has failed to:
// it must not be closed while it connects, see settleICE.
func settle(pc *webrtc.PeerConnection) {
	for end := time.Now().Add(5 * time.Second); pc.RemoteDescription() != nil && pc.SCTP().Transport().State() == webrtc.DTLSTransportStateNew && time.Now().Before(end); {
		if s := pc.ICEConnectionState(); s == webrtc.ICEConnectionStateFailed || s == webrtc.ICEConnectionStateClosed {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *worker) barePion(from *wire) (*webrtc.PeerConnection, error) {
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICETimeouts(300*time.Millisecond, 300*time.Millisecond, 100*time.Millisecond)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	if _, err := pc.CreateDataChannel("dc_1", nil); err != nil {
		return pc, err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return pc, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return pc, err
	}
	<-gathered
	w.put(from, signaling.TypeOffer, map[string]any{"sdp": pc.LocalDescription(), "type": "data", "connectionId": "dc_1", "serialization": "json"})
	return pc, nil
}

// answers applies what the node sends for some time.
func (w *worker) answers(pc *webrtc.PeerConnection, from *wire, patience time.Duration) {
	over := time.After(patience)
	for {
		select {
		case m := <-from.in:
			var p struct {
				SDP webrtc.SessionDescription
			}
			if m.Type == signaling.TypeAnswer && json.Unmarshal(m.Payload, &p) == nil {
				_ = pc.SetRemoteDescription(p.SDP)
			}
		case <-over:
			return
		}
	}
}

// A level is what a process holds when nothing is connected.
type level struct{ heap, goroutines, descriptors float64 }

func (c *churn) level(peers []*node) level {
	for _, p := range append(peers, c.n) {
		rtc.Forget(p.Peer) // what is forgotten in time is no growth
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		c.t.Fatal(err)
	}
	return level{float64(m.HeapAlloc), float64(runtime.NumGoroutine()), float64(len(fds))}
}

// settled waits until neither we nor pion know of any connection.
func (c *churn) settled(peers []*node) {
	c.t.Helper()
	for _, p := range append(peers, c.n) {
		eventually(c.t, "every connection gone", func() bool {
			s := p.Stats()
			return s.Connections == 0 && s.PeerConnections == 0 && s.Handshakes == 0 && s.Sessions == 0
		})
	}
	eventually(c.t, "nothing of pion running", func() bool { return pionRuns() == 0 })
}

// pionRuns counts the goroutines that are in pion's code: its own count of what
// it has not closed.
func pionRuns() (n int) {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("github.com/pion/")) {
			n++
		}
	}
	return n
}

// Connects that are broken off at random moments leave nothing behind: no
// goroutine, no socket, no connection that we or pion know of. With many
// (make soak), the memory that is live must not grow either.
func TestChurn(t *testing.T) {
	const workers = 6
	seed := *churnSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d connects, -churnseed %d", *churns, seed)
	c := newChurn(t)
	var peers []*node
	for i := range workers {
		peers = append(peers, startLogging(t, c.h, fmt.Sprint("worker", i), quick, discard()))
	}
	batches := min(20, max(4, *churns/100))
	var levels []level
	counts := make([]int, len(ways))
	for b := range batches {
		size := *churns*(b+1)/batches - *churns*b/batches
		c.batch(peers, seed+uint64(b), size, counts)
		c.settled(peers)
		levels = append(levels, c.level(peers))
		t.Logf("batch %2d: %5d connects, heap %8.0f, goroutines %3.0f, descriptors %3.0f", b+1, size, levels[b].heap, levels[b].goroutines, levels[b].descriptors)
	}
	for i, way := range ways {
		t.Logf("%5d × %s", counts[i], way.name)
	}
	t.Logf("the node: %+v", c.n.Stats())
	if s := c.n.Stats(); s.Opened == 0 || s.Ended[rtc.EndTimeout] == 0 || s.Ended[rtc.EndClosed] == 0 {
		t.Errorf("too little has happened: %+v", s)
	}
	compare(t, levels, *churns >= 2000) // a few hundred only warm it up
}

// batch runs size connects on all workers.
func (c *churn) batch(peers []*node, seed uint64, size int, counts []int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, p := range peers {
		w := &worker{c, p, rand.New(rand.NewPCG(seed, uint64(i)))}
		wg.Go(func() {
			for range size*(i+1)/len(peers) - size*i/len(peers) {
				way := w.rng.IntN(len(ways))
				ways[way].churn(w)
				mu.Lock()
				counts[way]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// compare holds the last quarter against the first.
func compare(t *testing.T, levels []level, heap bool) {
	t.Helper()
	quarter := len(levels) / 4
	mean := func(part []level, of func(level) float64) (sum float64) {
		for _, l := range part {
			sum += of(l)
		}
		return sum / float64(len(part))
	}
	for _, m := range []struct {
		name string
		of   func(level) float64
	}{
		{"live heap", func(l level) float64 { return l.heap }},
		{"goroutines", func(l level) float64 { return l.goroutines }},
		{"descriptors", func(l level) float64 { return l.descriptors }},
	} {
		first, last := mean(levels[:quarter], m.of), mean(levels[len(levels)-quarter:], m.of)
		t.Logf("%-11s first quarter %10.0f, last quarter %10.0f: %+.1f %%", m.name, first, last, 100*(last/first-1))
		if last > first*1.05 && (heap || m.name != "live heap") {
			t.Errorf("%s grew from %.0f to %.0f, over 5 %%", m.name, first, last)
		}
	}
}
