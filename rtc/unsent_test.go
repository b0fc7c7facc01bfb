package rtc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// pour serves a peer whose first message is "pour" with more than it reads,
// and others with an echo.
func pour(size int) func(ctx context.Context, s *rtc.Session) {
	return func(ctx context.Context, s *rtc.Session) {
		msg, err := s.Recv()
		for err == nil && string(msg) == "pour" {
			err = s.Send(ctx, make([]byte, size))
		}
		if err == nil && s.Send(ctx, msg) == nil {
			echo(ctx, s)
		}
	}
}

// A crowd that asks and does not read holds no more memory than all may, and
// keeps nobody else waiting: be the replies large or tiny.
func TestSlowCrowdStarvesNobody(t *testing.T) {
	for _, size := range []int{32 << 10, 400} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			const most, crowd = 640 << 10, 5
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				c.MaxUnsent, c.Serve, c.SendTimeout = most, pour(size), 3*time.Second
			})
			honest := dial(t, start(t, h, "honest", nil), n)
			for i := range crowd {
				s := dial(t, start(t, h, fmt.Sprint("slow", i), nil), n)
				if err := s.Send(t.Context(), []byte("pour")); err != nil {
					t.Fatal(err)
				}
			}
			peak := uint64(0)
			look := func() { peak = max(peak, rtc.Unsent(n.Peer)) }
			eventually(t, "one of the crowd to be closed", func() bool {
				for _, size := range []int{10, 60_000, 200_000} {
					msg := strings.Repeat("x", size)
					if got := roundTrip(t, honest, msg); got != msg {
						t.Fatalf("%d bytes came back of %d", len(got), size)
					}
					look()
				}
				return n.Stats().Ended[rtc.EndUnsent] > 0
			})
			if err := honest.Err(); err != nil {
				t.Errorf("the honest session: %v", err)
			}
			t.Logf("%d bytes unsent at most, ended %v", peak, n.Stats().Ended)
			if limit := uint64(most + (crowd+1)*(16+64)<<10); peak > limit {
				t.Errorf("%d bytes were unsent, want %d at most", peak, limit)
			}
			n.Close()
			if got := rtc.CountedUnsent(n.Peer); got != 0 {
				t.Errorf("%d bytes count as unsent of nobody", got)
			}
		})
	}
}

// All who read are served, however many they are and little room there is.
func TestReadersShareLittleRoom(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxUnsent = 256 << 10 })
	done := make(chan error)
	const readers = 5
	for i := range readers {
		s := dial(t, start(t, h, fmt.Sprint("reader", i), nil), n)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			msg := make([]byte, 60_000)
			for range 2 {
				for range 4 { // in flight at once
					if err := s.Send(ctx, msg); err != nil {
						done <- err
						return
					}
				}
				for range 4 {
					if _, err := s.Recv(); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range readers {
		if err := <-done; err != nil {
			t.Errorf("a reader was not served: %v", err)
		}
	}
	eventually(t, "nothing unsent", func() bool { return rtc.Unsent(n.Peer) == 0 })
	if got := n.Stats().Ended[rtc.EndUnsent]; got != 0 {
		t.Errorf("%d readers were closed", got)
	}
}
