package rtc

import "context"

// WriteFrame sends a frame as it is.
func WriteFrame(ctx context.Context, s *Session, frame []byte, text bool) error {
	return s.write(ctx, frame, text)
}
