package signaling

import "time"

// letter is a message that may be relayed.
type letter struct {
	dst   string
	frame frame
	waits bool // for an absent destination
}

// letterOf readies a message of s, or drops it: then ok is false. A LEAVE to
// nobody is obeyed.
func (r *registry) letterOf(s *session, in inbound) (l letter, ok bool) {
	switch in.typ {
	case TypeOffer, TypeAnswer, TypeCandidate:
		l.waits = true
	case TypeLeave, TypeExpire:
	case TypeHeartbeat:
		return l, false // is life, not a message
	default:
		r.stats.drop(DropUnknownType, 1)
		return l, false
	}
	l.dst = in.dst.text
	switch {
	case l.dst != "":
	case in.typ == TypeLeave && !in.dst.other:
		r.leave(s)
		r.events.flush()
		return l, false
	default:
		r.stats.drop(DropBadDst, 1)
		return l, false
	}
	data := make([]byte, 0, len(in.payload)+len(s.id)+len(l.dst)+64)
	l.frame = frame{src: s.id, sent: &s.holds.sent, data: appendMessage(data, in.typ, s.id, l.dst, in.payload)}
	return l, true
}

// route passes on a message of s, or lets it wait, or drops it. If the
// destination has no room for it, that session is returned, and whether others
// are to blame: the caller must wait for room, or call slow, and then try
// again, or give the message up.
func (r *registry) route(s *session, l letter, now time.Duration) (full *session, crowded bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[s.id] != s {
		r.stats.drop(DropNotCurrent, 1)
		return nil, false
	}
	r.served.note(now)
	d := r.peers[l.dst]
	switch outcome := r.give(d, l.frame); {
	case outcome == putDone:
		r.stats.relayed.Add(1)
	case outcome == putFull || outcome == putCrowded:
		return d, outcome == putCrowded
	case outcome == putShare:
		r.lose(s, l, DropSenderShare)
	case outcome == putHeavy:
		r.lose(s, l, DropNoRoom)
	case l.waits:
		r.wait(s, l, now)
	default:
		r.stats.drop(DropAbsent, 1)
	}
	return nil, false
}

// giveUp drops a message of s for which its destination has no room, and says
// so: it is as if that were not here.
func (r *registry) giveUp(s *session, l letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose(s, l, DropNoRoom)
}

// lose is giveUp with mu held, for any reason.
func (r *registry) lose(s *session, l letter, why Drop) {
	r.stats.drop(why, 1)
	if l.waits && r.peers[s.id] == s {
		r.sayExpire(l.dst, s.id)
	}
}

// give puts f into the outbox of d, who may be nil, that is, absent: putDead.
func (r *registry) give(d *session, f frame) put {
	if d == nil {
		return putDead
	}
	outcome := d.push(f)
	switch outcome {
	case putDead:
		r.detach(d, EndLost) // its connection has just ended
	case putOver:
		r.detach(d, EndCrowded)
		r.stats.drop(DropSlowReader, len(d.out.kill()))
		d.wire.abort()
		return putDead
	}
	return outcome
}

// tell gives f, a message of the server's own, to whoever holds dst.
func (r *registry) tell(dst string, data []byte) bool {
	outcome := r.give(r.peers[dst], frame{data: data})
	if outcome == putFull {
		r.stats.drop(DropSlowReader, 1)
	}
	return outcome == putDone
}

// slow ends d if it still does not read. What follows waits for it to come
// back, and the senders learn of it if it does not. They are not told LEAVE:
// PeerJS would close healthy connections.
func (r *registry) slow(d *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !d.out.isFull(r.cfg.get().SlowTimeout) {
		return
	}
	r.detach(d, EndSlowReader)
	r.stats.drop(DropSlowReader, len(d.out.kill()))
	d.wire.abort()
}

// wait queues l, or tells s at once that it is not going to arrive.
func (r *registry) wait(s *session, l letter, now time.Duration) {
	drop, told := DropBadDst, false
	if validID(l.dst) {
		drop, told = r.queues.add(l.dst, l.frame, s.waiter(), s.place.key(), now)
	}
	if drop == "" {
		r.stats.queued.Add(1)
		return
	}
	r.stats.drop(drop, 1)
	if !told {
		r.sayExpire(l.dst, s.id)
	}
}

// sayGone tells w, if it is still here, that dst is not.
func (r *registry) sayGone(dst string, w waiter) {
	if s := r.peers[w.id]; s != nil && s.waiter() == w {
		r.sayExpire(dst, w.id)
	}
}

// sayExpire tells src, if it is here, that dst is not.
func (r *registry) sayExpire(dst, src string) {
	if r.tell(src, appendMessage(nil, TypeExpire, dst, src, nil)) {
		r.stats.expired.Add(1)
	}
}

// leave lets s give up its id and closes it.
func (r *registry) leave(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[s.id] != s {
		r.stats.drop(DropNotCurrent, 1)
		return
	}
	r.events.add(event{kind: eventLeft, peer: s.peer(), from: s.remote})
	r.detach(s, EndLeft)
	s.close(0)
}

// broken ends s, whose connection failed while first was to be written, and
// tells the senders of what is lost that s has left.
func (r *registry) broken(s *session, first item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current := r.detach(s, EndWriteFailed)
	lost := append([]frame{{src: first.src}}, s.out.kill()...)
	r.stats.drop(DropWriteFailed, first.messages()+len(lost)-1)
	if !current {
		return // a newer socket has the id: its owner has not left
	}
	told := map[string]bool{"": true} // the server itself
	for _, f := range lost {
		if !told[f.src] {
			told[f.src] = true
			r.tell(f.src, appendMessage(nil, TypeLeave, s.id, f.src, nil))
		}
	}
}
