package rtc

import (
	"io"

	"github.com/liberdus/liberdus/signaling"
)

// SetMaxSend lets a test send what the peer said it does not take.
func SetMaxSend(s *Session, n int) { s.maxSend = n }

// Handle gives a message to p as if it had come from the server "hub".
func Handle(p *Peer, m signaling.Message) { p.handle("hub", m) }

// Inspect returns the fingerprint that we read in a description.
func Inspect(text string) (fingerprint string, err error) {
	f, err := inspect(text)
	return f.fingerprint, err
}

// TrustAnyCertificate turns pion's own check of certificates off, so that a
// test sees ours.
func TrustAnyCertificate(p *Peer) {
	s := p.settings()
	s.DisableCertificateFingerprintVerification(true)
	p.set = s
}

// Handshaking returns the handshakes of a peer id that are counted.
func Handshaking(p *Peer, id string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.handshakes {
		if c.key.peer == id {
			n++
		}
	}
	return n
}

// LocalUfrag returns whom a packet names as its receiver.
func LocalUfrag(b []byte) (string, bool) {
	u, ok := localUfrag(b)
	return string(u), ok
}

// ReadFrame reads one packet from a TCP stream.
func ReadFrame(r io.Reader, buf []byte) (int, error) { return readFrame(r, buf) }
