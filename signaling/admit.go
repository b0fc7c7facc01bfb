package signaling

import (
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// Frames that the server says by itself.
const (
	frameOpen         = `{"type":"OPEN"}`
	frameParams       = `{"type":"ERROR","payload":{"msg":"No id, token, or key supplied to websocket server"}}`
	frameInvalidKey   = `{"type":"ERROR","payload":{"msg":"Invalid key provided"}}`
	frameInvalidToken = `{"type":"ERROR","payload":{"msg":"Invalid token provided"}}`
	frameTaken        = `{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`
	frameFull         = `{"type":"ERROR","payload":{"msg":"Server has reached its concurrent user limit"}}`
)

// refusalFrames are what a refused socket is told before it is closed.
var refusalFrames = map[Refusal]string{
	RefusedParams:   frameParams,
	RefusedKey:      frameInvalidKey,
	RefusedToken:    frameInvalidToken,
	RefusedEarly:    frameInvalidToken, // the remedy is the same: another token
	RefusedTaken:    frameTaken,
	RefusedReserved: frameTaken,
	RefusedGrace:    frameTaken,
	RefusedFull:     frameFull,
	RefusedShare:    frameFull,
}

// verdict is the outcome of asking for an id.
type verdict struct {
	refusal   Refusal // "" = none
	needProof bool    // ask again with the token checked
}

// admit registers s under its id, or says why not. Nobody else's message can
// come between OPEN, what waited for the id, and what is routed to it after.
func (r *registry) admit(s *session, p proof, now time.Duration) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.peers[s.id]
	if r.stopped {
		return verdict{refusal: RefusedStopping}
	}
	judge := r.judgePlain
	if r.keyed && isKeyID(s.id) {
		judge = r.judgeKey
	}
	if v := judge(s, held, p, now); v != (verdict{}) {
		return v
	}
	if held != nil {
		s.seq = held.seq
		s.marked.Store(held.marked.Load() && held.sameToken(s.token))
		r.detach(held, EndReplaced)
	} else {
		r.seq++
		s.seq = r.seq
	}
	r.install(s, now)
	if held != nil {
		held.close(0)
	}
	return verdict{}
}

// judgePlain applies the rules of PeerJS: the owner of an id may come back at
// any time, also when the server is full.
func (r *registry) judgePlain(s, held *session, _ proof, now time.Duration) verdict {
	switch {
	case held != nil && !held.sameToken(s.token):
		return verdict{refusal: RefusedTaken}
	case held == nil && r.crowded(s) != "":
		return verdict{refusal: r.crowded(s)}
	case held == nil:
		return verdict{refusal: r.heldFor(s, now)}
	}
	return verdict{}
}

// One address may have crowdLeast ids, and crowdTimes as many as are still free: few
// addresses that take what they can leave some to all others.
const (
	crowdLeast = 16
	crowdTimes = 8
)

// crowded says why there is no room for another id of somebody like s.
func (r *registry) crowded(s *session) Refusal {
	switch free := r.cfg.get().ConcurrentLimit - len(r.peers); {
	case free <= 0:
		return RefusedFull
	case s.place.ids() >= max(crowdLeast, crowdTimes*free):
		return RefusedShare
	}
	return ""
}

// heldFor says why an id that nobody holds is not free for s.
func (r *registry) heldFor(s *session, now time.Duration) Refusal {
	if h := r.issued.of(s.id, now); h != nil && elsewhere(h.place, clientip.Place(s.addr)) {
		return RefusedReserved
	}
	if h := r.lost.of(s.id, now); h != nil && !s.sameToken(h.token) {
		return RefusedGrace
	}
	return ""
}

// judgeKey applies the rules of [Proof].
func (r *registry) judgeKey(s, held *session, p proof, now time.Duration) verdict {
	if held != nil && held.sameToken(s.token) && held.addr == s.addr {
		s.proven, s.expiry = true, held.expiry
		return verdict{}
	}
	switch {
	case r.used.has(s.token):
		return verdict{refusal: RefusedToken}
	case !p.checked:
		return verdict{needProof: true}
	case !p.valid:
		return verdict{refusal: RefusedToken}
	case held != nil && !p.expiry.After(held.expiry):
		return verdict{refusal: RefusedToken}
	case held == nil && r.crowded(s) != "":
		return verdict{refusal: r.crowded(s)}
	case !r.used.add(s.token, p.expiry, now+time.Until(p.expiry)):
		return verdict{refusal: RefusedEarly}
	}
	s.proven, s.expiry = true, p.expiry
	return verdict{}
}

// install makes s the holder of its id and hands over what waited for it.
func (r *registry) install(s *session, now time.Duration) {
	r.peers[s.id] = s
	r.issued.end(s.id)
	r.lost.end(s.id)
	s.admitted = true
	s.place.admitted()
	s.touch(now, true)
	s.nextPing = now + r.cfg.get().PingInterval
	r.wheel.add(s, r.due(s))
	r.stats.connected.Add(1)
	r.events.add(event{kind: eventConnected, peer: s.peer(), from: s.remote})

	s.push(frame{data: []byte(frameOpen)})
	q := r.queues.take(s.id)
	if q == nil {
		return
	}
	for _, f := range q.frames {
		s.hand(f)
		r.stats.relayed.Add(1)
	}
	for _, w := range q.lost() {
		r.sayGone(s.id, w) // all that it said was dropped: it waits for nothing
	}
}
