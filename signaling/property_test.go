package signaling_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/signaling"
)

// A deed is one step of a random scene. What a field says counts where the
// kind needs it, and is bent to what is possible at that moment, so that a
// scene stays one when steps are taken away.
type deed struct {
	kind    deedKind
	id      string        // who joins, goes or is sent to
	token   string        // of who joins
	senders []int         // who of those present send, at the same time
	types   []string      // of what each sends, in order
	wait    time.Duration // before it
}

type deedKind string

const (
	deedJoin  deedKind = "join"
	deedLeave deedKind = "leave" // LEAVE without a destination
	deedClose deedKind = "close" // the closing handshake
	deedLose  deedKind = "lose"  // the connection ends
	deedSend  deedKind = "send"
	deedBoth  deedKind = "both" // join while the senders send there
	deedWait  deedKind = "wait"
)

var (
	sceneIDs   = rapid.SampledFrom([]string{"a", "b", "c", "d"})
	sceneTypes = rapid.SampledFrom([]string{"OFFER", "ANSWER", "CANDIDATE", "LEAVE", "EXPIRE"})
	// rapid draws what is first in a list more often than what is last.
	deeds = rapid.Custom(func(t *rapid.T) deed {
		return deed{
			kind:    rapid.SampledFrom([]deedKind{deedSend, deedJoin, deedSend, deedBoth, deedSend, deedJoin, deedLeave, deedClose, deedLose, deedWait}).Draw(t, "kind"),
			id:      sceneIDs.Draw(t, "id"),
			token:   rapid.SampledFrom([]string{"s", "s", "t"}).Draw(t, "token"),
			senders: rapid.SliceOfNDistinct(rapid.IntRange(0, sceneLimit-1), 1, 3, rapid.ID).Draw(t, "senders"),
			types:   rapid.SliceOfN(sceneTypes, 1, 4).Draw(t, "types"),
			wait:    rapid.SampledFrom([]time.Duration{1700 * time.Millisecond, 0, 900 * time.Millisecond, 0, 3100 * time.Millisecond, 130 * time.Millisecond, 5200 * time.Millisecond, 40 * time.Second}).Draw(t, "wait"),
		}
	})
)

// TestSceneAgainstModel plays random scenes over real WebSockets and compares
// every frame that every socket gets with a model of the rules: in the order of
// its sender, none lost, none twice, EXPIRE once for each pair.
func TestSceneAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(deeds, 1, 80).Draw(rt, "scene")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = newScene(t).play(script) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// An actor is an open socket, and what it must have heard.
type actor struct {
	*listener
	id, token string
	want      []string // EXPIREs, since it was last looked at
}

// An absence is what waits for an id that nobody holds.
type absence struct {
	since   time.Time
	frames  []string
	senders []actorName
}

// An actorName is who is told of what expires: somebody who has the id and the
// token.
type actorName struct{ id, token string }

// A scene is a server and the model of it.
type scene struct {
	t       *testing.T
	net     *pipeNet
	swept   time.Time // the model's last look at what expires
	holders map[string]*actor
	queues  map[string]*absence
	said    int // messages so far
}

const sceneLimit = 3 // registered ids at most

func newScene(t *testing.T) *scene {
	n := startPipeNet(t, signaling.Hooks{}, func(c *signaling.Config) {
		c.ConcurrentLimit = sceneLimit
		c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // how much one may do is another test
	})
	return &scene{t: t, net: n, swept: time.Now(), holders: map[string]*actor{}, queues: map[string]*absence{}}
}

// play returns what went wrong, if anything did.
func (s *scene) play(script []deed) string {
	for i, d := range script {
		time.Sleep(d.wait)
		synctest.Wait()
		s.sweep()
		wrong := s.check()
		if wrong == "" {
			wrong = cmp.Or(s.act(d), s.check())
		}
		if wrong != "" {
			return fmt.Sprintf("step %d, %+v: %s", i, d, wrong)
		}
	}
	return ""
}

func (s *scene) act(d deed) string {
	holder := s.holders[d.id]
	switch d.kind {
	case deedJoin:
		return s.join(d)
	case deedSend:
		return s.send(d)
	case deedBoth:
		if s.refusal(d) == nil {
			return s.joinUnderFire(d)
		}
	case deedLeave:
		if holder != nil {
			holder.send(`{"type":"LEAVE"}`)
			return s.goodbye(holder)
		}
	case deedClose:
		if holder != nil {
			holder.conn.WriteControl(8, nil, time.Now().Add(time.Second))
			return s.goodbye(holder)
		}
	case deedLose:
		if holder != nil {
			delete(s.holders, d.id)
			holder.conn.Close()
			synctest.Wait()
		}
	}
	return ""
}

// goodbye expects a to be closed without a code.
func (s *scene) goodbye(a *actor) string {
	delete(s.holders, a.id)
	synctest.Wait()
	if got := a.news(); len(got) > 0 {
		return fmt.Sprintf("%s hears %q after its goodbye", a.id, got)
	}
	if _, code, ok := a.closedAt(); !ok || code != 1005 {
		return fmt.Sprintf("the goodbye of %s is answered with code %d, %v", a.id, code, ok)
	}
	return ""
}

// refusal is what d.id is told if it may not join with d.token.
func (s *scene) refusal(d deed) []string {
	holder := s.holders[d.id]
	switch {
	case holder != nil && holder.token != d.token:
		return []string{`{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`}
	case holder == nil && len(s.holders) >= sceneLimit:
		return []string{`{"type":"ERROR","payload":{"msg":"Server has reached its concurrent user limit"}}`}
	}
	return nil
}

func (s *scene) join(d deed) string {
	a := &actor{listener: s.net.listen(s.t, d.id, d.token, here, true), id: d.id, token: d.token}
	if told := s.refusal(d); told != nil {
		if got := a.news(); !slices.Equal(got, told) {
			return fmt.Sprintf("refused with %q, want %q", got, told)
		}
		if _, code, ok := a.closedAt(); !ok || code != 1005 {
			return fmt.Sprintf("refused, but not closed: code %d, %v", code, ok)
		}
		return ""
	}
	want := append([]string{`{"type":"OPEN"}`}, s.taken(d.id)...)
	if got := a.news(); !slices.Equal(got, want) {
		return fmt.Sprintf("%s hears %q, want %q", d.id, got, want)
	}
	return s.install(a)
}

// install lets a hold its id. Who held it is closed.
func (s *scene) install(a *actor) string {
	older := s.holders[a.id]
	s.holders[a.id] = a
	if older == nil {
		return ""
	}
	if got := older.news(); len(got) > 0 {
		return fmt.Sprintf("the older socket of %s hears %q", a.id, got)
	}
	if _, code, ok := older.closedAt(); !ok || code != 1005 {
		return fmt.Sprintf("the older socket of %s goes on: code %d, %v", a.id, code, ok)
	}
	return ""
}

// taken removes and returns what waits for id.
func (s *scene) taken(id string) []string {
	q := s.queues[id]
	delete(s.queues, id)
	if q == nil {
		return nil
	}
	return q.frames
}

// volley is what one sender sends: as sent, and as delivered.
type volley struct {
	from         *actor
	sent, frames []string
}

// volleys are the messages of a deed. Those that cannot wait for an absent
// destination are left out of frames where absent is true.
func (s *scene) volleys(d deed, absent bool) []volley {
	var all []volley
	for _, id := range s.present(d) {
		v := volley{from: s.holders[id]}
		for _, typ := range d.types {
			s.said++
			v.sent = append(v.sent, fmt.Sprintf(`{"type":%q,"src":"forged","dst":%q,"payload":[%d]}`, typ, d.id, s.said))
			if !absent || typ != "LEAVE" && typ != "EXPIRE" {
				v.frames = append(v.frames, fmt.Sprintf(`{"type":%q,"src":%q,"dst":%q,"payload":[%d]}`, typ, v.from.id, d.id, s.said))
			}
		}
		all = append(all, v)
	}
	return all
}

// present are the senders of a deed, each once.
func (s *scene) present(d deed) []string {
	ids := slices.Sorted(maps.Keys(s.holders))
	if d.kind == deedBoth {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == d.id }) // it is busy
	}
	var chosen []string
	for _, i := range d.senders {
		if len(ids) > 0 && !slices.Contains(chosen, ids[i%len(ids)]) {
			chosen = append(chosen, ids[i%len(ids)])
		}
	}
	return chosen
}

// fire sends all volleys at the same time and starts what meanwhile is, too.
func fire(all []volley, meanwhile func()) {
	var wg sync.WaitGroup
	for _, v := range all {
		wg.Go(func() {
			for _, frame := range v.sent {
				_ = v.from.conn.WriteMessage(1, []byte(frame)) // what is lost is missed below
			}
		})
	}
	meanwhile()
	wg.Wait()
	synctest.Wait()
}

func (s *scene) send(d deed) string {
	to := s.holders[d.id]
	all := s.volleys(d, to == nil)
	if to != nil {
		fire(all, func() {})
		got := to.news()
		return shuffled(got, all)
	}
	// One after the other, for the model to know the order of the queue.
	for _, v := range all {
		fire([]volley{v}, func() {})
		if len(v.frames) > 0 {
			s.wait(d.id, v)
		}
	}
	return ""
}

func (s *scene) wait(dst string, v volley) {
	q := s.queues[dst]
	if q == nil {
		q = &absence{since: time.Now()}
		s.queues[dst] = q
	}
	q.frames = append(q.frames, v.frames...)
	if name := (actorName{v.from.id, v.from.token}); !slices.Contains(q.senders, name) {
		q.senders = append(q.senders, name)
	}
}

// joinUnderFire joins while others send there. Each message must come once,
// after OPEN, to one of the two sockets that hold the id one after the other;
// only LEAVE and EXPIRE may be too early for somebody who is not there.
func (s *scene) joinUnderFire(d deed) string {
	older := s.holders[d.id]
	if older == nil {
		d.types = slices.DeleteFunc(slices.Clone(d.types), func(typ string) bool { return typ == "LEAVE" || typ == "EXPIRE" })
	}
	all := s.volleys(d, false)
	queued := s.taken(d.id)
	a := &actor{id: d.id, token: d.token}
	fire(all, func() { a.listener = s.net.open(s.t, d.id, d.token, here); go a.read() })

	var got []string
	if older != nil {
		got = older.news()
	}
	news := a.news()
	head := append([]string{`{"type":"OPEN"}`}, queued...)
	if len(news) < len(head) || !slices.Equal(news[:len(head)], head) {
		return fmt.Sprintf("%s hears %q, want it to begin with %q", d.id, news, head)
	}
	return cmp.Or(shuffled(append(got, news[len(head):]...), all), s.install(a))
}

// shuffled compares what came with the volleys, each in its own order.
func shuffled(got []string, all []volley) string {
	want := 0
	for _, v := range all {
		mine := slices.DeleteFunc(slices.Clone(got), func(frame string) bool { return !strings.Contains(frame, fmt.Sprintf(`"src":%q`, v.from.id)) })
		if !slices.Equal(mine, v.frames) {
			return fmt.Sprintf("of %s came %q, want %q", v.from.id, mine, v.frames)
		}
		want += len(v.frames)
	}
	if len(got) != want {
		return fmt.Sprintf("%d frames came, want %d: %q", len(got), want, got)
	}
	return ""
}

// sweep lets the model tell the senders what has expired by now. The server
// looks once a second.
func (s *scene) sweep() {
	for s.swept = s.swept.Add(time.Second); !s.swept.After(time.Now()); s.swept = s.swept.Add(time.Second) {
		for dst, q := range s.queues {
			if s.swept.Sub(q.since) >= 5*time.Second {
				delete(s.queues, dst)
				for _, w := range q.senders {
					if a := s.holders[w.id]; a != nil && a.token == w.token {
						a.want = append(a.want, fmt.Sprintf(`{"type":"EXPIRE","src":%q,"dst":%q}`, dst, w.id))
					}
				}
			}
		}
	}
	s.swept = s.swept.Add(-time.Second)
}

// check compares what every holder has heard, and that it is still there.
func (s *scene) check() string {
	for id, a := range s.holders {
		got, want := a.news(), a.want
		a.want = nil
		slices.Sort(got) // EXPIREs of one moment have no order
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Sprintf("%s hears %q, want %q", id, got, want)
		}
		if _, code, closed := a.closedAt(); closed {
			return fmt.Sprintf("%s is closed with code %d", id, code)
		}
	}
	if st := s.net.Stats(); st.Peers != len(s.holders) || st.Queues != len(s.queues) {
		return fmt.Sprintf("%d peers and %d queues, want %d and %d", st.Peers, st.Queues, len(s.holders), len(s.queues))
	}
	return ""
}

// news are the frames since the last look.
func (a *actor) news() []string {
	var frames []string
	for _, h := range a.heard() {
		frames = append(frames, h.frame)
	}
	return frames
}
