package rtc

import (
	"sync"
	"time"
)

// A wear bounds how much one DTLS association carries. Pion v3 draws the nonces
// of its records at random, and with enough of them under one key two will be
// alike, which gives the key that guards against forgery away
// (CVE-2026-26014). Fewer than 2^22 keep the odds under 2^-20.
type wear struct {
	once sync.Once
	worn chan struct{} // closed when the session is to be replaced
}

// Worn is closed when the session has carried as much, or lasted as long, as
// one may. Whoever dialled it opens another and closes this one; on the side
// that accepted it, Recv returns [ErrStopped], and what is in hand can still be
// answered.
func (s *Session) Worn() <-chan struct{} { return s.wear.worn }

// wearOut declares the session worn.
func (s *Session) wearOut() {
	s.wear.once.Do(func() {
		s.c.p.counts.worn.Add(1)
		close(s.wear.worn)
		if !s.c.dials {
			s.stopReading()
		}
	})
}

// carried looks, after each frame, whether it was one too many.
func (s *Session) carried() {
	if s.Datagrams() >= s.maxDatagrams {
		s.wearOut()
	}
}

// limits returns what the session may carry, and for how long. Peers of ours,
// which replace what they dialled, are given a little more before this side
// takes the session from them.
func (c *conn) limits() (datagrams uint64, age time.Duration) {
	datagrams, age = c.p.cfg.MaxDatagrams, c.p.cfg.MaxAge
	if !c.dials && c.offer.caps != nil {
		datagrams += datagrams / 16
		age += age / 16
	}
	return datagrams, age
}
