package signaling

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRegistryAgainstModel drives the registry with a clock of its own through
// random joins, reconnects, messages, goodbyes, losses and silences, with
// limits so tight that all of them are met, and compares what lies in every
// outbox with a model that is as plain as the rules.
func TestRegistryAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		actions := map[string]func(*rapid.T){
			"":     m.check,
			"join": m.join, "leave": m.leave, "lose": m.lose, "fail": m.fail, "read": m.read,
			"send": m.send, "send 2": m.send, "send 3": m.send, "send 4": m.send, // as often as all that ends something
			"beat": m.beat, "mark": m.mark, "wait": m.wait,
		}
		for range 6 { // one round of rapid is short
			t.Repeat(actions)
		}
	})
}

var modelConfig = func() Config {
	c := DefaultConfig()
	c.ConcurrentLimit = 3
	c.QueueMessages, c.QueueBytes, c.QueueTotalBytes, c.MaxQueues = 3, 240, 400, 2 // of one sender 2 and 120
	c.OutboundMessages, c.OutboundBytes, c.MaxMessage = 8, 1000, 200               // of one sender 2 and 250
	c.SlowTimeout = 0                                                              // the model says itself when it is over
	return c
}()

// fakeWire is a socket without a network.
type fakeWire struct{ aborted bool }

func (*fakeWire) wake()    {}
func (w *fakeWire) abort() { w.aborted = true }
func (w *fakeWire) cut()   { w.aborted = true }

// player is a session and what the model thinks of it.
type player struct {
	s       *session
	wire    *fakeWire
	id      string
	token   string
	holds   bool     // the id
	out     []string // must be in its outbox
	closing bool
	dead    bool // its outbox was emptied for good
	marked  bool
	seen    time.Duration
}

type modelEvent struct {
	id   string
	kind eventKind
	end  End
}

type modelQueue struct {
	created time.Duration
	frames  []frame
	senders []modelSender
}

// A modelSender is told of what expires if it holds the id with that token.
type modelSender struct{ id, token string }

type model struct {
	r       *registry
	now     time.Duration
	events  []modelEvent // told by the registry
	want    []modelEvent
	players []*player
	holders map[string]*player
	queues  map[string]*modelQueue
	order   []string // of the queues
	n       int      // messages so far
}

func newModel() *model {
	m := &model{holders: map[string]*player{}, queues: map[string]*modelQueue{}}
	m.r = newRegistry(newSettings(modelConfig), false, func(e event) {
		m.events = append(m.events, modelEvent{e.peer.ID, e.kind, e.end})
	})
	return m
}

var (
	modelIDs    = rapid.SampledFrom([]string{"a", "b", "c", "d"})
	modelTokens = rapid.SampledFrom([]string{"s", "t"})
)

func (m *model) join(t *rapid.T) {
	p := &player{wire: &fakeWire{}, id: modelIDs.Draw(t, "id"), token: modelTokens.Draw(t, "token")}
	p.s = &session{id: p.id, token: sha256.Sum256([]byte(p.token)), wire: p.wire}
	p.s.holds = &m.r.places.all
	p.s.out.total = &p.s.holds.out
	p.s.out.maxFrames, p.s.out.maxBytes = modelConfig.OutboundMessages, modelConfig.OutboundBytes

	held := m.holders[p.id]
	want := Refusal("")
	switch {
	case held != nil && held.token != p.token:
		want = RefusedTaken
	case held == nil && len(m.holders) >= modelConfig.ConcurrentLimit:
		want = RefusedFull
	}
	if got := m.r.admit(p.s, proof{}, m.now); got.refusal != want || got.needProof {
		t.Fatalf("admit %s = %+v, want %q", p.id, got, want)
	}
	if want != "" {
		return
	}
	if held != nil {
		p.marked = held.marked
		m.end(held, EndReplaced)
		held.closing = true
	}
	m.players = append(m.players, p)
	m.holders[p.id], p.holds, p.seen = p, true, m.now
	m.want = append(m.want, modelEvent{p.id, eventConnected, ""})
	p.out = append(p.out, frameOpen)
	q := m.queues[p.id]
	if q == nil {
		return
	}
	m.dropQueue(p.id)
	for _, f := range q.frames {
		p.out = append(p.out, string(f.data))
	}
	for _, w := range q.senders {
		if !slices.ContainsFunc(q.frames, func(f frame) bool { return f.src == w.id }) {
			m.tellOf(p.id, w)
		}
	}
}

// tellOf tells w that dst is not here.
func (m *model) tellOf(dst string, w modelSender) {
	if d := m.holders[w.id]; d != nil && d.token == w.token {
		m.tell(w.id, expireText(dst, w.id))
	}
}

func expireText(dst, src string) string {
	return fmt.Sprintf(`{"type":"EXPIRE","src":%q,"dst":%q}`, dst, src)
}

func (m *model) dropQueue(dst string) {
	delete(m.queues, dst)
	m.order = slices.DeleteFunc(m.order, func(s string) bool { return s == dst })
}

// end takes the id from p.
func (m *model) end(p *player, why End) {
	if !p.holds {
		return
	}
	p.holds = false
	delete(m.holders, p.id)
	m.want = append(m.want, modelEvent{p.id, eventDisconnected, why})
}

// tell gives a message of the server's own to whoever holds dst; it may use
// the reserve.
func (m *model) tell(dst, text string) {
	if d := m.holders[dst]; d != nil && d.fits(text, modelConfig.OutboundMessages*5/4) {
		d.out = append(d.out, text)
	}
}

func (p *player) fits(text string, most int) bool {
	return len(p.out) < most && p.size()+len(text) <= modelConfig.OutboundBytes
}

// takes reports whether there is room for text of src, which has a share.
func (p *player) takes(text, src string) bool {
	n, bytes := p.of(src)
	return p.fits(text, modelConfig.OutboundMessages) && (n == 0 ||
		n < modelConfig.OutboundMessages/senderShare && bytes+len(text) <= modelConfig.OutboundBytes/senderShare)
}

// of is what waits of src: not what the server says in its name.
func (p *player) of(src string) (n, bytes int) {
	for _, text := range p.out {
		if in, _ := parse([]byte(text)); in.src.text == src && !serverSaid(in) {
			n++
			bytes += len(text)
		}
	}
	return n, bytes
}

func (p *player) size() (n int) {
	for _, f := range p.out {
		n += len(f)
	}
	return n
}

// any draws a player, at times one that holds its id no more.
func (m *model) any(t *rapid.T) *player {
	from := slices.DeleteFunc(slices.Clone(m.players), func(p *player) bool { return !p.holds })
	if len(from) == 0 || rapid.IntRange(0, 4).Draw(t, "stale") == 0 {
		from = m.players
	}
	if len(from) == 0 {
		t.Skip("nobody is here")
	}
	return from[rapid.IntRange(0, len(from)-1).Draw(t, "player")]
}

func (m *model) send(t *rapid.T) {
	p := m.any(t)
	typ := rapid.SampledFrom([]string{TypeOffer, TypeCandidate, TypeExpire, TypeLeave, "FOO"}).Draw(t, "type")
	dst := modelIDs.Draw(t, "dst")
	m.n++
	payload := fmt.Sprintf(`"%0*d"`, rapid.SampledFrom([]int{1, 60}).Draw(t, "size"), m.n)
	l, ok := m.r.letterOf(p.s, inbound{typ: typ, dst: field{text: dst}, payload: []byte(payload)})
	if ok != (typ != "FOO") {
		t.Fatalf("letterOf %s = %v", typ, ok)
	}
	if !ok {
		return
	}
	text := fmt.Sprintf(`{"type":%q,"src":%q,"dst":%q,"payload":%s}`, typ, p.id, dst, payload)
	full, crowded := m.r.route(p.s, l, m.now)
	d := m.holders[dst]
	switch {
	case !p.holds:
	case d != nil && d.takes(text, p.id):
		d.out = append(d.out, text)
	case d != nil:
		if full != d.s {
			t.Fatalf("%s has no room for %s, but route did not say so", dst, text)
		}
		if own, _ := d.of(p.id); crowded != (own == 0) {
			t.Fatalf("%s has %d messages of %s, and others are to blame = %v", dst, own, p.id, crowded)
		}
		m.makeRoom(t, d)
		if rapid.Bool().Draw(t, "gives up") {
			m.r.giveUp(p.s, l)
			if p.holds && (typ == TypeOffer || typ == TypeCandidate) {
				m.tell(p.id, expireText(dst, p.id))
			}
			return
		}
		full, _ := m.r.route(p.s, l, m.now)
		room := !d.holds || d.takes(text, p.id)
		if (full != nil) != (p.holds && !room) {
			t.Fatalf("no room for %s = %v", text, full != nil)
		}
		switch {
		case !p.holds || !room: // it was itself slow; or it must wait on
		case d.holds:
			d.out = append(d.out, text)
		case typ == TypeOffer || typ == TypeCandidate:
			m.queue(dst, frame{src: p.id, data: []byte(text)})
		}
		return
	case typ == TypeOffer || typ == TypeCandidate:
		m.queue(dst, frame{src: p.id, data: []byte(text)})
	}
	if full != nil {
		t.Fatalf("route says that %s has no room", full.id)
	}
}

// makeRoom lets d read, or be given up. One message read may be too little.
func (m *model) makeRoom(t *rapid.T, d *player) {
	if rapid.Bool().Draw(t, "reads one") {
		m.drain(t, d, 1)
		return
	}
	if rapid.Bool().Draw(t, "reads") {
		m.drain(t, d, len(d.out))
		return
	}
	m.r.slow(d.s)
	m.end(d, EndSlowReader)
	d.out, d.dead = nil, true
	if !d.wire.aborted {
		t.Fatal("the connection of a slow reader goes on")
	}
}

func (m *model) queue(dst string, f frame) {
	q := m.queues[dst]
	mine, bytes := 1, len(f.data)
	if q != nil {
		for _, w := range q.frames {
			if w.src == f.src {
				mine, bytes = mine+1, bytes+len(w.data)
			}
		}
	}
	if mine > 2 || bytes > modelConfig.QueueBytes/2 {
		m.tell(f.src, expireText(dst, f.src))
		return
	}
	if q == nil {
		if len(m.queues) >= modelConfig.MaxQueues {
			m.tell(f.src, expireText(dst, f.src))
			return
		}
		q = &modelQueue{created: m.now}
		m.queues[dst] = q
		m.order = append(m.order, dst)
	}
	if w := (modelSender{f.src, m.holders[f.src].token}); !slices.Contains(q.senders, w) {
		if len(q.senders) >= modelConfig.QueueMessages {
			m.tell(f.src, expireText(dst, f.src))
			return
		}
		q.senders = append(q.senders, w)
	}
	own, all := 0, 0
	for name, other := range m.queues {
		for _, f := range other.frames {
			all += len(f.data)
			if name == dst {
				own += len(f.data)
			}
		}
	}
	n := len(f.data)
	if len(q.frames) < modelConfig.QueueMessages && own+n <= modelConfig.QueueBytes && all+n <= modelConfig.QueueTotalBytes {
		q.frames = append(q.frames, f)
	}
}

// leave sends LEAVE without a destination.
func (m *model) leave(t *rapid.T) {
	p := m.any(t)
	m.r.letterOf(p.s, inbound{typ: TypeLeave})
	if p.holds {
		m.want = append(m.want, modelEvent{p.id, eventLeft, ""})
		m.end(p, EndLeft)
		p.closing = true
	}
}

// lose breaks the connection; the late goodbye of an older socket is one of
// the cases.
func (m *model) lose(t *rapid.T) {
	p := m.any(t)
	m.r.gone(p.s, EndLost, m.now)
	m.end(p, EndLost)
	m.players = slices.DeleteFunc(m.players, func(o *player) bool { return o == p })
}

// read empties an outbox, or only begins to, as its writer does.
func (m *model) read(t *rapid.T) {
	p := m.any(t)
	m.drain(t, p, rapid.IntRange(0, len(p.out)).Draw(t, "messages"))
}

func (m *model) drain(t *rapid.T, p *player, n int) {
	for _, want := range p.out[:n] {
		if it, ok := nextMessage(&p.s.out); !ok || string(it.data) != want {
			t.Fatalf("%s writes %q, want %q", p.id, it.data, want)
		}
	}
	p.out = p.out[n:]
	if len(p.out) > 0 {
		return
	}
	if it, ok := nextMessage(&p.s.out); ok && (!p.closing || it.kind != itemClose) {
		t.Fatalf("%s writes %q, want nothing more", p.id, it.data)
	}
}

// nextMessage is next without pings.
func nextMessage(o *outbox) (item, bool) {
	for {
		if it, ok := o.next(); it.kind != itemPing {
			return it, ok
		}
	}
}

func (m *model) beat(t *rapid.T) {
	p := m.any(t)
	p.s.touch(m.now, false)
	p.seen = m.now
}

// fail breaks a connection while its writer is at work.
func (m *model) fail(t *rapid.T) {
	p := m.any(t)
	if len(p.out) == 0 || p.dead {
		t.Skip("nothing to write")
	}
	it, _ := nextMessage(&p.s.out)
	m.r.broken(p.s, it)
	lost := p.out
	held := p.holds
	m.end(p, EndWriteFailed)
	p.out, p.dead = nil, true
	told := map[string]bool{}
	for _, text := range lost {
		if in, _ := parse([]byte(text)); held && in.src.text != "" && in.typ != "" && !told[in.src.text] && !serverSaid(in) {
			told[in.src.text] = true
			m.tell(in.src.text, fmt.Sprintf(`{"type":"LEAVE","src":%q,"dst":%q}`, p.id, in.src.text))
		}
	}
}

// serverSaid is whether a frame is the server's own: a client's has a payload.
func serverSaid(in inbound) bool { return in.payload == nil }

func (m *model) mark(t *rapid.T) {
	id := modelIDs.Draw(t, "id")
	p := m.holders[id]
	if got := m.r.mark(id); got != (p != nil) {
		t.Fatalf("mark %s = %v", id, got)
	}
	if p != nil {
		p.marked = true
	}
}

// wait lets time pass, tick by tick.
func (m *model) wait(t *rapid.T) {
	ticks := rapid.SampledFrom([]int{1, 7, 30, 60, 110, 650}).Draw(t, "ticks")
	grain := m.r.wheel.grain
	for range ticks {
		m.now += grain
		for m.r.watch(m.now) {
		}
		var silent []string
		for id, p := range m.holders {
			patience := modelConfig.AliveTimeout
			if p.marked {
				patience = modelConfig.PongTimeout
			}
			if m.now-p.seen >= patience {
				silent = append(silent, id)
			}
		}
		for _, id := range silent {
			p := m.holders[id]
			m.end(p, EndSilent)
			p.closing = true
		}
		if m.now%modelConfig.CleanupInterval != 0 {
			continue
		}
		m.r.expire(m.now)
		for _, dst := range slices.Clone(m.order) {
			q := m.queues[dst]
			if m.now-q.created < modelConfig.ExpireTimeout {
				continue
			}
			m.dropQueue(dst)
			for _, w := range q.senders {
				m.tellOf(dst, w)
			}
		}
	}
}

// check compares everything that can be seen.
func (m *model) check(t *rapid.T) {
	m.r.events.flush()
	for _, events := range [][]modelEvent{m.events, m.want} { // between ids, one tick has no order
		slices.SortStableFunc(events, func(a, b modelEvent) int { return cmp.Compare(a.id, b.id) })
	}
	if !slices.Equal(m.events, m.want) {
		t.Fatalf("events %v, want %v", m.events, m.want)
	}
	m.events, m.want = nil, nil
	for _, p := range m.players {
		o := &p.s.out
		var got []string
		for _, f := range o.frames[o.head:] {
			got = append(got, string(f.data))
		}
		if !slices.Equal(got, p.out) {
			t.Fatalf("outbox of %s (holds it: %v): %q, want %q", p.id, p.holds, got, p.out)
		}
		if o.closing != p.closing && !p.dead {
			t.Fatalf("%s closing = %v, want %v", p.id, o.closing, p.closing)
		}
		if m.r.peers[p.id] == p.s != p.holds {
			t.Fatalf("%s holds its id = %v, want %v", p.id, !p.holds, p.holds)
		}
	}
	var st Stats
	m.r.fill(&st)
	bytes := 0
	for _, q := range m.queues {
		for _, f := range q.frames {
			bytes += len(f.data)
		}
	}
	if st.Queues != len(m.queues) || st.QueuedBytes != bytes || st.Peers != len(m.holders) {
		t.Fatalf("stats %+v, want %d queues with %d bytes and %d peers", st, len(m.queues), bytes, len(m.holders))
	}
}
