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
	if _, err := s.dc.WriteDataChannel(frame, text); err != nil {
		s.c.cancel(s.c.fail(closeCause(err)))
		return s.Err()
	}
	s.c.count.settle(len(frame)/4 + sentCredit)
	s.carried()
	return nil
}

// waitBelow waits until fewer than limit bytes wait for the peer. It ends the
// session of a peer that hardly reads.
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
			if now+limit/slowShare > last { // a trickle would keep the memory for ever
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
