package rtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/signaling"
)

// connKey tells connections apart: two peers may use the same connection id,
// and two servers the same peer id.
type connKey struct {
	server  string
	peer    string
	dialect Dialect
	id      string
}

// A Peer dials and accepts sessions over its signalling connections, one to
// each server at a time. Use [New], then [Peer.Attach] for each signalling
// connection, then [Peer.Shutdown] or [Peer.Close].
type Peer struct {
	cfg Config // what Prepare changes is guarded by mu, the rest is fixed

	// Fixed after New.
	log        *slog.Logger
	set        webrtc.SettingEngine // what all connections share
	interfaces *interfaces
	// counts of what happened; each has its own lock.
	counts *counters
	ctx    context.Context // ends with Close
	stop   context.CancelCauseFunc

	unread atomic.Int64 // what came and was not read, of all connections
	unsent unsent

	wg sync.WaitGroup // every connection and every Serve

	mu         sync.Mutex
	closed     bool
	conns      map[connKey]*conn
	crowd      *crowd         // the offers being answered
	perPeer    map[string]int // connections by signalling id
	perAddress map[netip.Prefix]int
	offers     *gate
	early      earlyCandidates
	dialects   dialectMemory
	sigs       map[string]Signaller // by server, while there is a connection to it
	cert       *webrtc.Certificate
}

// handshakeRetry is after how long a DTLS flight that nobody answered is sent
// again. Pion's default is a second, which is then how long a user waits, and for
// that long it also stops reading a peer that has repeated itself because we were
// slow. Pion does not wait longer each time: where an answer takes 300 ms, each
// flight goes out four times, some 5 KB in all.
const handshakeRetry = 100 * time.Millisecond

// certLife is how long one DTLS certificate serves new connections. Pion
// makes them valid for a month.
const certLife = 7 * 24 * time.Hour

// New returns a Peer. It starts nothing.
func New(cfg Config, log *slog.Logger) (*Peer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rtc: %w", err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	p := &Peer{
		cfg: cfg, log: log, ctx: ctx, stop: stop,
		conns:      make(map[connKey]*conn),
		crowd:      newCrowd(cfg.MaxHandshakes),
		perPeer:    make(map[string]int),
		counts:     newCounters(),
		perAddress: make(map[netip.Prefix]int),
		offers:     newGate(cfg.OffersPerSecond, cfg.OffersAtOnce),
		early:      make(earlyCandidates),
		sigs:       make(map[string]Signaller),
	}
	p.unsent.most = int64(cfg.MaxUnsent)
	p.interfaces = newInterfaces()
	p.set = p.settings()
	return p, nil
}

func (p *Peer) settings() webrtc.SettingEngine {
	var s webrtc.SettingEngine
	s.LoggerFactory = newPionLog(p.log)
	s.DetachDataChannels()
	s.DisableMediaEngineCopy(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(p.cfg.Loopback)
	s.SetSCTPMaxReceiveBufferSize(uint32(p.cfg.window()))
	// Pion counts the time to "disconnected" and that to "failed" one after the
	// other, and looks at the clock every 2 s. It sends a check after the last of
	// the three if nothing went over the pair in one direction, and from then on
	// at each look until something comes: with 12 s of silence and 5 s, both ends
	// check four times before they give up, and an idle session is checked once
	// in 6 s by one of them, as often as consent asks for (RFC 7675, 5.1).
	s.SetICETimeouts(p.cfg.Silence*2/3, p.cfg.Silence/3, p.cfg.Silence*5/12)
	// The first checks often overtake the candidates they belong to; waiting a
	// second for a better pair than the one that works helps nobody here.
	s.SetPrflxAcceptanceMinWait(0)
	// The offerer nominates, so its answerer is connected half a round trip
	// before it. Whoever is connected last must speak first: pion drops a
	// ClientHello that comes before its own side is connected.
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		panic(err) // only other roles are refused
	}
	s.SetDTLSRetransmissionInterval(handshakeRetry)
	// A cookie (RFC 6347, 4.2.1) costs a round trip, to show that an address is
	// not made up. ICE has shown that: DTLS begins with a pair that was checked,
	// and answers go to that alone. Browsers ask for none either.
	s.SetDTLSInsecureSkipHelloVerify(true)
	s.SetDTLSConnectContextMaker(func() (context.Context, func()) {
		return context.WithTimeout(p.ctx, p.cfg.HandshakeTimeout)
	})
	return s
}

// handle routes one message. It never blocks: each connection has its inbox.
func (p *Peer) handle(server string, m signaling.Message) {
	switch m.Type {
	case signaling.TypeOffer, signaling.TypeAnswer, signaling.TypeCandidate:
	case signaling.TypeExpire, signaling.TypeLeave:
		// The server does not say which connection it means.
		p.tell(inbound{absent: true}, func(k connKey) bool { return k.server == server && k.peer == m.Src })
		return
	default:
		return
	}
	s, err := decodeSignal(m.Payload)
	if err != nil {
		if m.Type == signaling.TypeOffer {
			p.decline(m.Src, DeclineMalformed)
		}
		p.log.Debug("signal ignored", "peer", clip(m.Src), "type", m.Type, "err", err)
		return
	}
	key := connKey{server, m.Src, s.dialect, s.connID}
	p.mu.Lock()
	c := p.conns[key]
	switch {
	case p.closed:
		p.mu.Unlock()
		return
	case s.kind == kindCandidate && (c == nil || c.next != nil):
		if p.cfg.Serve != nil {
			p.early.put(key, s.candidate, time.Now())
		}
		p.mu.Unlock()
		return
	case c == nil && s.kind == kindAnswer:
		p.mu.Unlock()
		return
	case s.kind == kindOffer && !p.offers.pass(connPeer{server, m.Src}, time.Now()):
		p.mu.Unlock()
		p.decline(m.Src, DeclineRate)
		p.log.Debug("offer declined", "peer", clip(m.Src), "err", "too many offers")
		return
	}
	replaces := c != nil && s.kind == kindOffer && s.dialect == DialectPeerJS && !c.dials
	if replaces {
		// PeerJS never renegotiates: the connection starts anew. It counts until
		// it is closed, so its successor waits for that.
		c.next = &s
	}
	p.mu.Unlock()
	switch {
	case replaces:
		c.cancel(ErrClosed)
	case c == nil:
		p.accept(key, s)
	default:
		c.deliver(inbound{signal: s})
	}
}

// add registers c unless a limit is reached.
func (p *Peer) add(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: %w", ErrClosed, decline(DeclineStopping, "this end is stopping"))
	case len(p.conns) >= p.cfg.MaxSessions:
		return decline(DeclineSessions, "%d sessions are open, the limit", len(p.conns))
	case p.perPeer[c.key.peer] >= p.cfg.MaxSessionsPerPeer:
		return decline(DeclinePeer, "%d sessions of this peer are open, the limit", p.perPeer[c.key.peer])
	case p.conns[c.key] != nil:
		return decline(DeclineTaken, "this connection id is in use")
	}
	if !c.dials {
		if err := p.admit(c); err != nil {
			return err
		}
	}
	p.conns[c.key] = c
	p.perPeer[c.key.peer]++
	c.early = p.early.take(c.key)
	c.seen = len(c.early)
	p.wg.Add(1) // for end
	go c.run()
	if !c.dials {
		p.wg.Go(func() { p.serve(c) })
	}
	return nil
}

// forget removes c, which is closed, and returns the offer that is to take its place.
func (p *Peer) forget(c *conn) (next *signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uncount(c)
	if p.conns[c.key] != c {
		return nil
	}
	delete(p.conns, c.key)
	if p.perPeer[c.key.peer]--; p.perPeer[c.key.peer] == 0 {
		delete(p.perPeer, c.key.peer)
	}
	return c.next
}

// send writes a signal for the connection of key over the signalling
// connection of the moment.
func (p *Peer) send(ctx context.Context, key connKey, s signal) error {
	p.mu.Lock()
	sig := p.sigs[key.server]
	p.mu.Unlock()
	if sig == nil {
		return errors.New("there is no signalling connection")
	}
	m, err := s.encode(key.peer)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.HandshakeTimeout, errors.New("the signalling connection does not take messages"))
	defer cancel()
	return sig.Send(ctx, m)
}

// Connections returns the number of connections, those still in their
// handshake included.
func (p *Peer) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Shutdown refuses new connections, stops reading from the sessions, and waits
// for their handlers to finish what is in hand. What is left when ctx ends is
// closed. It returns when nothing of the Peer is running.
func (p *Peer) Shutdown(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	var conns []*conn
	for _, c := range p.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	for _, c := range conns {
		c.stopReading()
	}
	idle := make(chan struct{})
	go func() { // ends with the wait below
		p.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	p.Close()
	<-idle
}

// Close closes every session at once, waits for their handlers, and refuses more.
func (p *Peer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop(ErrClosed)
	p.wg.Wait()
}

// certificate returns the DTLS certificate for a new connection. One serves
// many connections: making it is the dearest part of a handshake.
func (p *Peer) certificate() (webrtc.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const issued = 30 * 24 * time.Hour
	if p.cert != nil && time.Until(p.cert.Expires()) > issued-certLife {
		return *p.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // the curve every browser takes
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("certificate key: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	p.cert = cert
	return *cert, nil
}
