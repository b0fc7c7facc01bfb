package rtc

import "github.com/liberdus/liberdus/signaling"

// SetMaxSend lets a test send what the peer said it does not take.
func SetMaxSend(s *Session, n int) { s.maxSend = n }

// Handle gives a message to p as if it had come from the server "hub".
func Handle(p *Peer, m signaling.Message) { p.handle("hub", m) }
