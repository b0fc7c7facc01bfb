package rtc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

func TestTooLargeLeavesTheSessionAlive(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxMessage = 2000 })
	// The dialler ignores what the node advertises, as a hostile peer would.
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if s.MaxSend() != 2000 {
		t.Errorf("MaxSend = %d, want the 2000 that the node advertises", s.MaxSend())
	}
	if err := s.Send(t.Context(), make([]byte, 2001)); !errors.Is(err, rtc.ErrTooLarge) {
		t.Errorf("Send of 2001 bytes = %v, want ErrTooLarge", err)
	}
	rtc.SetMaxSend(s, 1<<16)
	if got := roundTrip(t, s, strings.Repeat("x", 2001)); got != "too large" {
		t.Errorf("the node read %d bytes, want it to drop them", len(got))
	}
	if got := roundTrip(t, s, strings.Repeat("x", 2000)); len(got) != 2000 {
		t.Errorf("echo of 2000 bytes came back as %d", len(got))
	}
}

// A peer that does not read is closed, and until then holds a bounded amount.
func TestSlowPeerIsClosed(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(ctx context.Context, _ *rtc.Session) { <-ctx.Done() } // reads nothing
	})
	c := start(t, h, "client", func(c *rtc.Config) { c.SendTimeout, c.MaxBuffered = 300*time.Millisecond, 64<<10 })
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	msg := make([]byte, 32<<10)
	for range 1000 { // 32 MiB, far more than any buffer between the two
		if err = s.Send(t.Context(), msg); err != nil {
			break
		}
	}
	if !errors.Is(err, rtc.ErrSlowPeer) {
		t.Errorf("Send = %v, want ErrSlowPeer", err)
	}
}

// Reading a little now and then does not keep the memory that a peer holds.
func TestTricklingPeerIsClosed(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(ctx context.Context, s *rtc.Session) {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				<-tick.C
				_, _ = s.Recv()
			}
		}
	})
	c := start(t, h, "client", func(c *rtc.Config) { c.SendTimeout, c.MaxBuffered = 300*time.Millisecond, 64<<10 })
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	msg := make([]byte, 256)
	for end := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(end); {
		err = s.Send(t.Context(), msg)
	}
	if !errors.Is(err, rtc.ErrSlowPeer) {
		t.Errorf("Send = %v, want ErrSlowPeer", err)
	}
}

func TestShutdownFinishesWhatIsInHand(t *testing.T) {
	h := newHub()
	got := make(chan struct{})
	release := make(chan struct{})
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(ctx context.Context, s *rtc.Session) {
			msg, err := s.Recv()
			if err != nil {
				t.Error(err)
				return
			}
			close(got)
			<-release
			if err := s.Send(ctx, msg); err != nil {
				t.Error(err)
			}
			if _, err := s.Recv(); !errors.Is(err, rtc.ErrStopped) {
				t.Errorf("Recv while shutting down = %v, want ErrStopped", err)
			}
			if err := s.Flush(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), []byte("in hand")); err != nil {
		t.Fatal(err)
	}
	<-got
	done := make(chan struct{})
	go func() { n.Shutdown(context.Background()); close(done) }()
	close(release)
	if msg, err := s.Recv(); err != nil || string(msg) != "in hand" {
		t.Errorf("Recv = %q, %v, want the answer", msg, err)
	}
	<-done
	if _, err := s.Recv(); !errors.Is(err, rtc.ErrClosed) {
		t.Errorf("Recv after the node's end = %v, want ErrClosed", err)
	}
}

func TestSessionsPerPeerAreLimited(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.MaxSessionsPerPeer = 2 })
	c := start(t, h, "client", nil)
	for range 2 {
		if _, err := c.Dial(t.Context(), target(n)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, giveUp := context.WithCancel(t.Context())
	third := make(chan error, 1)
	go func() { _, err := c.Dial(ctx, target(n)); third <- err }()
	eventually(t, "the third declined", func() bool { return n.Stats().Declined[rtc.DeclinePeer] > 0 })
	giveUp()
	if err := <-third; err == nil {
		t.Error("the third Dial opened a session")
	}
	eventually(t, "two sessions at the node", func() bool { return n.Stats().Sessions == 2 }) // it may be behind the client
}
