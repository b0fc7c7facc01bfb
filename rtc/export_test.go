package rtc

import (
	"io"
	"net"
	"time"

	"github.com/pion/transport/v2"

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
	for _, h := range append(p.crowd.fresh[:len(p.crowd.fresh):len(p.crowd.fresh)], p.crowd.checked...) {
		if h.who.peer == id {
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

// SetInterfaces has ports see other addresses of this machine from now on.
func SetInterfaces(p *Ports, addrs ...string) {
	p.interfaces.mu.Lock()
	p.interfaces.list = nil
	p.interfaces.scan = func() ([]*transport.Interface, error) {
		ifc := transport.NewInterface(net.Interface{Index: 1, Name: "test0", Flags: net.FlagUp})
		for _, a := range addrs {
			ifc.AddAddress(&net.IPNet{IP: net.ParseIP(a), Mask: net.CIDRMask(32, 32)})
		}
		return []*transport.Interface{ifc}, nil
	}
	p.interfaces.mu.Unlock()
	p.refresh()
}

// Dropped returns how many packets ports dropped that belong to nobody, and how
// many reads of a socket ended in an error.
func Dropped(p *Ports) (strangers, readErrors uint64) {
	return p.drops.strangers.Load(), p.drops.readErrors.Load()
}

// UDPConns returns the sockets of ports.
func UDPConns(p *Ports) (conns []*net.UDPConn) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, s := range p.sockets {
		conns = append(conns, s.conn)
	}
	return conns
}

// Agent returns a new agent's part of the UDP port.
func Agent(p *Ports, ufrag string) (net.PacketConn, error) {
	m := udpMux{p, new(traffic)}
	return m.GetConn(ufrag, m.GetListenAddresses()[0])
}

// MaxDatagrams returns when s is worn.
func MaxDatagrams(s *Session) uint64 { return s.maxDatagrams }

// CloseSafely is closeSafely.
var CloseSafely = closeSafely

// Unsent returns what waits in pion for the peers of all sessions of p, in bytes
// of messages, as pion counts it.
func Unsent(p *Peer) (n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if s := c.channel.Load(); s != nil {
			n += s.dc.BufferedAmount()
		}
	}
	return n
}

// CountedUnsent returns what counts as unsent of all sessions of p.
func CountedUnsent(p *Peer) int64 { return p.unsent.queued.Load() + p.unsent.held.Load() }

// Unread returns what counts as unread of all connections of p.
func Unread(p *Peer) int64 { return p.unread.Load() }

// Forget has p forget what peers did, as it would after some minutes.
func Forget(p *Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const past = 2 * recordAge
	for who, r := range p.crowd.records {
		r.offered, r.ended = r.offered.Add(-past), r.ended.Add(-past)
		p.crowd.records[who] = r
	}
	p.crowd.sweep(time.Now())
	p.offers.sweep(time.Now().Add(past))
}
