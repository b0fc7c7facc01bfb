package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"golang.org/x/time/rate"
)

// sctpMaxMessage is the largest message that pion v3 sends: its association
// is made with the default of pion/sctp and offers no way to raise it.
const sctpMaxMessage = 65536

// readBuffer is what a session starts to read with; it grows to the size of
// the messages that come, so that an idle session is cheap.
const readBuffer = 4 << 10

// A Session is an open data channel with a peer. Send may be called from
// several goroutines; Recv from one.
type Session struct {
	// Fixed after newSession.
	c        *conn
	dc       *datachannel.DataChannel
	maxSend  int // bytes of a message
	maxFrame int // bytes that need not be cut
	caps     []string
	room     chan struct{} // gets a token when the peer has read enough

	maxDatagrams uint64
	wear         wear

	stopped    atomic.Bool // Recv is to return ErrStopped
	closing    atomic.Bool // Recv is to return why the session ended
	textFrames atomic.Bool // else binary
	mirrored   atomic.Bool // the frame type follows the peer's first message

	turn chan struct{} // holds a token while a frame is on its way in
	out  outbox

	large chan struct{} // holds a token while a message is sent in pieces
	sent  uint64        // messages sent in pieces; guarded by large

	// Owned by Recv.
	said   bool // the peer has no more to say
	buf    []byte
	in     *incoming
	held   int // bytes of incomplete messages before the latest frame
	smalls *rate.Limiter
	due    time.Time // when an incomplete message is given up; zero if there is none
}

func newSession(c *conn, raw datachannel.ReadWriteCloser) (*Session, error) {
	dc, ok := raw.(*datachannel.DataChannel)
	if !ok {
		return nil, fmt.Errorf("data channel is a %T", raw)
	}
	s := &Session{
		c: c, dc: dc, caps: c.caps,
		room: make(chan struct{}, 1), turn: make(chan struct{}, 1), large: make(chan struct{}, 1),
		buf:    make([]byte, readBuffer),
		smalls: rate.NewLimiter(piecesPerSecond, 2*(c.p.cfg.MaxMessage/pieceCost+fewPieces)),
		wear:   wear{worn: make(chan struct{})},
	}
	s.maxDatagrams, _ = c.limits()
	if !c.dials {
		s.caps = c.offer.caps
	}
	chunks := c.serial != serialBinary && slices.Contains(s.caps, capChunk)
	s.maxFrame, s.maxSend = c.remote.sizes(c.serial, chunks, c.p.cfg.MaxMessage)
	s.in = newIncoming(c.serial, chunks, c.p.cfg.MaxMessage, c.p.cfg.ReassemblyTimeout)
	s.textFrames.Store(c.serial == serialRaw || c.serial == serialJSON && c.offer.legacyJSON)
	s.out.all = &c.p.unsent
	dc.OnBufferedAmountLow(func() {
		select {
		case s.room <- struct{}{}:
		default:
		}
	})
	return s, nil
}

// PeerID returns the signalling id of the peer, as the server vouches for it.
func (s *Session) PeerID() string { return s.c.key.peer }

// ConnectionID returns the id that both ends know the connection by.
func (s *Session) ConnectionID() string { return s.c.key.id }

// Dialect returns the dialect in which the connection was set up.
func (s *Session) Dialect() Dialect { return s.c.key.dialect }

// ProvenKey returns the public key that the peer proved, or "".
func (s *Session) ProvenKey() string { return s.c.proven }

// Fingerprint returns our DTLS fingerprint on this connection, and
// RemoteFingerprint the peer's, as it was described and is in use.
func (s *Session) Fingerprint() string       { return s.c.own }
func (s *Session) RemoteFingerprint() string { return s.c.remote.fingerprint }

// RemoteAddr returns the address the peer is reached at now, or the zero value.
func (s *Session) RemoteAddr() netip.AddrPort { return s.c.remoteAddr() }

// Exempt says whether limits by address spare the peer.
func (s *Session) Exempt() bool {
	addr := limitAddr(s.c.pair())
	s.c.p.mu.Lock()
	defer s.c.p.mu.Unlock()
	return addr.IsValid() && s.c.p.exempt(addr)
}

// Caps returns what the peer announced. The caller must not change it.
func (s *Session) Caps() []string { return s.caps }

// Skew returns how far the peer's clock is ahead of ours, as its identity
// showed; 0 if it sent none.
func (s *Session) Skew() time.Duration { return s.c.skew }

// MaxSend returns the largest message, in bytes, that Send takes.
func (s *Session) MaxSend() int { return s.maxSend }

// Context ends with the session; its cause says why.
func (s *Session) Context() context.Context { return s.c.ctx }

// Err returns why the session ended, or nil while it is open. A close that
// either end asked for is [ErrClosed].
func (s *Session) Err() error { return context.Cause(s.c.ctx) }

// Work ends when the Peer is closed, and not with the session. It is for what
// is to be finished although whoever asked for it has gone.
func (s *Session) Work() context.Context { return s.c.p.ctx }

// Close ends the session at once and waits until nothing of it is left.
// Messages that the peer has not read are lost: see [Session.Flush].
func (s *Session) Close() {
	s.closing.Store(true)
	s.c.cancel(ErrClosed)
	<-s.c.done
}

// Recv returns the next message; the caller owns it. One over the configured
// maximum is dropped and reported as [ErrTooLarge], one that cannot be read, or
// does not become complete, as [ErrMalformed]; after both Recv may be called
// again. Any other error means that nothing more comes: what has been read can
// still be answered while [Session.Err] is nil. Whoever accepted a session ends
// it by returning from Serve.
func (s *Session) Recv() ([]byte, error) {
	for {
		if s.said {
			return nil, ErrClosed
		}
		frame, text, err := s.read()
		if err != nil {
			return nil, err
		}
		if frame == nil { // time has passed
			if err := s.in.pieces.expire(time.Now()); err != nil {
				return nil, err
			}
			continue
		}
		if s.c.serial == serialJSON && s.mirrored.CompareAndSwap(false, true) {
			s.textFrames.Store(text)
		}
		now, size := time.Now(), len(frame)
		s.held = s.in.pieces.held
		msg, err := s.in.take(frame, text, now)
		s.release()
		if errors.Is(err, errPeerCloses) {
			s.said = true
			if s.c.dials { // what it would still answer is on its way no more
				s.c.cancel(ErrClosed)
			}
			return nil, ErrClosed
		}
		if msg != nil || err != nil {
			return msg, err
		}
		if err := s.chargePiece(size, now); err != nil {
			return nil, err
		}
	}
}

// Pieces that complete no message are not charged as requests are. Ours, and
// PeerJS's, are of 16 KiB but for a last one; of small ones there may be as many
// as two of the largest messages can have, and then so many a second.
const (
	smallPiece      = 1 << 10
	piecesPerSecond = 1000
)

// chargePiece closes a session of which too many small pieces come, or pieces
// of what was given up.
func (s *Session) chargePiece(size int, now time.Time) error {
	if s.in.pieces.held > s.held && size >= smallPiece {
		return nil
	}
	if s.smalls.AllowN(now, 1) {
		return nil
	}
	s.c.cancel(s.c.fail(fmt.Errorf("%w: pieces that complete no message", errFlooded)))
	return s.Err()
}

// read returns the next frame, which is good until release; nil if it is time
// to give up an incomplete message.
func (s *Session) read() (frame []byte, text bool, err error) {
	for {
		if err := s.setDue(); err != nil {
			return nil, false, err
		}
		// Pion hands out what has arrived before it looks at deadlines and ends.
		switch {
		case s.closing.Load(), s.c.p.ctx.Err() != nil:
			s.c.cancel(ErrClosed)
			return nil, false, s.Err()
		case s.stopped.Load():
			return nil, false, ErrStopped
		}
		n, text, err := s.dc.ReadDataChannel(s.buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer):
			if err := s.grow(); err != nil {
				return nil, false, err
			}
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, false, s.clearDue()
		case err != nil:
			s.c.cancel(s.c.fail(closeCause(err)))
			return nil, false, s.Err()
		}
		s.c.count.settle(n)
		s.carried()
		return s.buf[:n], text, nil
	}
}

// setDue makes the next read end when an incomplete message is to be given up.
// stopReading sets a deadline too, but first its mark: whoever sets one here
// looks at that afterwards.
func (s *Session) setDue() error {
	if due := s.in.pieces.due(); !due.Equal(s.due) {
		s.due = due
		return s.setDeadline(due)
	}
	return nil
}

// clearDue lets the channel be read again after a deadline.
func (s *Session) clearDue() error {
	s.due = time.Time{}
	if err := s.setDeadline(s.due); err != nil {
		return err
	}
	if s.stopped.Load() {
		return ErrStopped
	}
	return nil
}

// dropDeadline ends what pion runs for a deadline, once the channel is closed:
// from then on it takes no other.
func (s *Session) dropDeadline() {
	if err := s.dc.SetReadDeadline(time.Time{}); err != nil {
		s.c.log.Debug("read deadline", "err", err)
	}
}

func (s *Session) setDeadline(t time.Time) error {
	if err := s.dc.SetReadDeadline(t); err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	return nil
}

// release gives a large buffer back: a large frame is rare.
func (s *Session) release() {
	if len(s.buf) > chunkFrame {
		s.buf = make([]byte, readBuffer)
	}
}

// stopReading makes this and every later Recv return [ErrStopped], while Send
// goes on working.
func (s *Session) stopReading() {
	s.stopped.Store(true)
	if err := s.dc.SetReadDeadline(time.Now()); err != nil {
		s.c.cancel(ErrClosed)
	}
}

// grow makes room for a message that did not fit, or drops it if it is over
// the limit. Pion keeps such a message and does not tell its size.
func (s *Session) grow() error {
	limit := max(s.c.p.cfg.MaxMessage, chunkFrame)
	if len(s.buf) < limit {
		s.buf = make([]byte, min(4*len(s.buf), limit))
		return nil
	}
	// The association's receive buffer bounds what can be waiting.
	n, _, err := s.dc.ReadDataChannel(make([]byte, s.c.p.cfg.window()+maxDatagram))
	if err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	s.c.count.settle(n)
	return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, n, limit)
}

// closeCause turns the ends that a peer may choose into ErrClosed.
func closeCause(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}
