package rtc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/binarypack"
)

// slowShare is which part of the buffered bytes a peer must read within
// SendTimeout to count as reading.
const slowShare = 16

// Send queues one message. It waits while the peer is slow to read; one that
// hardly reads for SendTimeout loses its session. A message over
// [Session.MaxSend] is refused with [ErrTooLarge], one that the channel's
// serialisation cannot carry with [ErrMalformed], and the session lives on.
func (s *Session) Send(ctx context.Context, msg []byte) error {
	if len(msg) > s.maxSend {
		return fmt.Errorf("%w: %d bytes, the peer takes %d", ErrTooLarge, len(msg), s.maxSend)
	}
	body, err := s.c.serial.pack(msg)
	if err != nil {
		return err
	}
	if len(body) > s.maxFrame {
		return s.sendPieces(ctx, body)
	}
	return s.write(ctx, body, s.textFrames.Load())
}

// sendPieces sends what one frame does not hold. Other messages may come
// between the pieces, but no other large one: the peer need not hold many.
func (s *Session) sendPieces(ctx context.Context, body []byte) error {
	select {
	case s.large <- struct{}{}:
		defer func() { <-s.large }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.c.ctx.Done():
		return s.Err()
	}
	s.out.hold(len(body))
	defer s.out.hold(-len(body))
	room, frameOf := chunkRoom, appendChunk
	if s.c.serial == serialBinary {
		room, frameOf = binarypack.ChunkSize, appendPeerJSChunk
	}
	s.sent++
	p := piece{message: s.sent, total: uint64((len(body) + room - 1) / room)}
	var frame []byte
	for data := range slices.Chunk(body, room) {
		p.data = data
		frame = frameOf(frame[:0], p)
		if err := s.write(ctx, frame, false); err != nil {
			return err
		}
		p.index++
	}
	return nil
}

// write puts one frame into the channel, which copies it.
func (s *Session) write(ctx context.Context, frame []byte, text bool) error {
	if err := s.waitForTurn(ctx, len(frame)); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if err := s.waitForRoom(ctx, len(frame)); err != nil {
		return err
	}
	if _, err := s.dc.WriteDataChannel(frame, text); err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	s.out.put(len(frame))
	s.carried()
	return nil
}

// waitForTurn waits while others write. Who returns without an error gives the
// turn back.
func (s *Session) waitForTurn(ctx context.Context, n int) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	default:
	}
	s.out.hold(n)
	defer s.out.hold(-n)
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.c.ctx.Done():
		return s.Err()
	}
}

// waitForRoom waits until a frame of n bytes may be written. It ends the session of a peer
// that hardly reads.
func (s *Session) waitForRoom(ctx context.Context, n int) error {
	if err := s.Err(); err != nil {
		return err
	}
	if s.roomy() {
		return nil
	}
	s.out.hold(n)
	defer s.out.hold(-n)
	timeout := time.NewTicker(s.c.p.cfg.SendTimeout)
	defer timeout.Stop()
	last := s.weigh(unsentStep)
	for !s.roomy() {
		if s.halved() {
			continue
		}
		select {
		case <-s.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.c.ctx.Done():
			return s.Err()
		case <-timeout.C:
			now := s.weigh(unsentStep)
			if now+int64(s.c.p.cfg.MaxBuffered/slowShare) > last { // a trickle would keep the memory for ever
				s.c.cancel(s.c.fail(ErrSlowPeer))
				return s.Err()
			}
			last = now
		}
	}
	return nil
}

// halved has pion call when half of what waits has been received, and says
// whether that is so already.
func (s *Session) halved() bool {
	half := s.dc.BufferedAmount() / 2
	s.dc.SetBufferedAmountLowThreshold(half)
	return s.dc.BufferedAmount() <= half
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
