package rtc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
)

// sctpMaxMessage is the largest message that pion v3 sends: its association
// is made with the default of pion/sctp and offers no way to raise it.
const sctpMaxMessage = 65536

// readBuffer is what a session starts to read with; it grows to the size of
// the messages that come, so that an idle session is cheap.
const readBuffer = 4 << 10

// receiveBuffer is how much an association holds that was not read yet, and so
// the largest message that can arrive.
const receiveBuffer = 1 << 20

// A Session is an open data channel with a peer. Send may be called from
// several goroutines; Recv from one.
type Session struct {
	// Fixed after newSession.
	c       *conn
	dc      *datachannel.DataChannel
	maxSend int
	caps    []string
	room    chan struct{} // gets a token when the peer has read enough

	stopped    atomic.Bool // Recv is to return ErrStopped
	closing    atomic.Bool // Recv is to return why the session ended
	textFrames atomic.Bool // else binary
	mirrored   atomic.Bool // the frame type follows the peer's first message

	turn chan struct{} // holds a token while a message is on its way in

	// Owned by Recv.
	buf []byte
}

func newSession(c *conn, raw datachannel.ReadWriteCloser) (*Session, error) {
	dc, ok := raw.(*datachannel.DataChannel)
	if !ok {
		return nil, fmt.Errorf("data channel is a %T", raw)
	}
	s := &Session{c: c, dc: dc, maxSend: c.remote.maxMessage, caps: c.caps, room: make(chan struct{}, 1), turn: make(chan struct{}, 1), buf: make([]byte, min(readBuffer, c.p.cfg.MaxMessage))}
	if !c.dials {
		s.caps = c.offer.caps
	}
	s.textFrames.Store(!s.json() || c.offer.legacyJSON)
	dc.SetBufferedAmountLowThreshold(uint64(c.p.cfg.MaxBuffered / 2))
	dc.OnBufferedAmountLow(func() {
		select {
		case s.room <- struct{}{}:
		default:
		}
	})
	return s, nil
}

// json says whether the channel carries PeerJS's json serialisation, whose
// frame type depends on the version at the other end.
func (s *Session) json() bool {
	return s.c.key.dialect == DialectPeerJS && s.c.offer.serialization == serialJSON
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

// Close ends the session at once and waits until nothing of it is left.
// Messages that the peer has not read are lost: see [Session.Flush].
func (s *Session) Close() {
	s.closing.Store(true)
	s.c.cancel(ErrClosed)
	<-s.c.done
}

// Recv returns the next message; the caller owns it. A message over the
// configured maximum is dropped and reported as [ErrTooLarge], after which Recv
// may be called again. Any other error means that the session has ended.
func (s *Session) Recv() ([]byte, error) {
	for {
		// Pion hands out what has arrived before it looks at deadlines and ends.
		switch {
		case s.closing.Load(), s.c.p.ctx.Err() != nil:
			s.c.cancel(ErrClosed)
			return nil, s.Err()
		case s.stopped.Load():
			return nil, ErrStopped
		}
		n, text, err := s.dc.ReadDataChannel(s.buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer):
			if err := s.grow(); err != nil {
				return nil, err
			}
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, ErrStopped
		case err != nil:
			s.c.cancel(s.c.fail(closeCause(err)))
			return nil, s.Err()
		}
		if s.json() && s.mirrored.CompareAndSwap(false, true) {
			s.textFrames.Store(text)
		}
		msg := bytes.Clone(s.buf[:n])
		if len(s.buf) > 16*readBuffer { // a large message is rare
			s.buf = make([]byte, min(readBuffer, s.c.p.cfg.MaxMessage))
		}
		if s.json() && isPeerJSClose(msg) {
			s.c.cancel(ErrClosed)
			return nil, ErrClosed
		}
		return msg, nil
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
	limit := s.c.p.cfg.MaxMessage
	if len(s.buf) < limit {
		s.buf = make([]byte, min(4*len(s.buf), limit))
		return nil
	}
	// The association's receive buffer bounds what can be waiting.
	n, _, err := s.dc.ReadDataChannel(make([]byte, max(receiveBuffer, limit)))
	if err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, n, limit)
}

// closeCause turns the ends that a peer may choose into ErrClosed.
func closeCause(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// isPeerJSClose recognises the message with which PeerJS closes after
// flushing: {"__peerData":{"type":"close"}}.
func isPeerJSClose(msg []byte) bool {
	if len(msg) > 256 || !bytes.Contains(msg, []byte(`"__peerData"`)) {
		return false
	}
	var m struct {
		Data struct {
			Type string `json:"type"`
		} `json:"__peerData"`
	}
	return json.Unmarshal(msg, &m) == nil && m.Data.Type == "close"
}

// Send queues one message. It waits while the peer is slow to read; one that
// reads nothing for SendTimeout loses its session. A message over
// [Session.MaxSend] is refused with [ErrTooLarge] and the session lives on.
func (s *Session) Send(ctx context.Context, msg []byte) error {
	if len(msg) > s.maxSend {
		return fmt.Errorf("%w: %d bytes, the peer takes %d", ErrTooLarge, len(msg), s.maxSend)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.c.ctx.Done():
		return s.Err()
	}
	if err := s.waitBelow(ctx, uint64(s.c.p.cfg.MaxBuffered)); err != nil {
		return err
	}
	if _, err := s.dc.WriteDataChannel(msg, s.textFrames.Load()); err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	return nil
}

// waitBelow waits until fewer than limit bytes wait for the peer.
func (s *Session) waitBelow(ctx context.Context, limit uint64) error {
	if err := s.Err(); err != nil {
		return err
	}
	if s.dc.BufferedAmount() < limit {
		return nil
	}
	timeout := time.NewTicker(s.c.p.cfg.SendTimeout)
	defer timeout.Stop()
	last := s.dc.BufferedAmount()
	for s.dc.BufferedAmount() >= limit {
		select {
		case <-s.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.c.ctx.Done():
			return s.Err()
		case <-timeout.C:
			now := s.dc.BufferedAmount()
			if now >= last { // it has read nothing in all that time
				s.c.cancel(s.c.fail(ErrSlowPeer))
				return s.Err()
			}
			last = now
		}
	}
	return nil
}

// Flush waits until the peer has received what was sent, ctx ends, or the
// session does.
func (s *Session) Flush(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for s.dc.BufferedAmount() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.c.ctx.Done():
			return s.Err()
		}
	}
	return nil
}
