package signaling

import (
	"sync/atomic"
	"time"
)

// Who has been served within servedFor, or has sent garbage within garbageFor,
// is still at it.
const (
	servedFor  = 10 * time.Second
	garbageFor = time.Minute
)

// Busy reports whether a crowd of newcomers would be at somebody's expense:
// messages are being passed on, heartbeats aside, or sockets are being closed for
// what they send. If not, there is nobody who a crowd could keep waiting.
func (s *Server) Busy() bool {
	r, now := s.registry, s.now()
	return r.served.within(servedFor, now) || r.misled.within(garbageFor, now)
}

// A moment is when something happened last.
type moment struct {
	at atomic.Int64 // a time.Duration since the server's start; 0 = never
}

func (m *moment) note(now time.Duration) { m.at.Store(int64(max(1, now))) }

// within reports whether that was less than d ago.
func (m *moment) within(d, now time.Duration) bool {
	at := time.Duration(m.at.Load())
	return at != 0 && now-at < d
}
