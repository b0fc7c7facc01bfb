package rtc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// A session that has carried as much, or lasted as long, as one may is worn:
// its dialler is told and may still use it; the side that accepted it reads no
// more, answers what is in hand and closes.
func TestWorn(t *testing.T) {
	many := func(c *rtc.Config) { c.MaxDatagrams = 200 }
	old := func(c *rtc.Config) { c.MaxAge = 500 * time.Millisecond }
	for _, tt := range []struct {
		name         string
		node, client func(*rtc.Config)
		closes       bool // the node does
	}{
		{"by datagrams, at the dialler", nil, many, false},
		{"by age, at the dialler", nil, old, false},
		{"by datagrams, at the node", many, nil, true},
		{"by age, at the node", old, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub()
			ended := make(chan error, 1)
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				if tt.node != nil {
					tt.node(c)
				}
				c.Serve = func(ctx context.Context, s *rtc.Session) { ended <- serveUntilStopped(ctx, s) }
			})
			c := start(t, h, "client", tt.client)
			s, err := c.Dial(t.Context(), target(n))
			if err != nil {
				t.Fatal(err)
			}
			for stop := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(stop); {
				if err = s.Send(t.Context(), []byte("hello")); err == nil {
					_, err = s.Recv()
				}
				select {
				case <-s.Worn():
					stop = time.Time{}
				default:
				}
			}
			if !tt.closes {
				if err != nil || c.Stats().Worn != 1 {
					t.Fatalf("%v, %d worn; want the session worn and in use", err, c.Stats().Worn)
				}
				roundTrip(t, s, "still here")
				return
			}
			if !errors.Is(err, rtc.ErrClosed) {
				t.Errorf("the dialler sees %v, want the node to close", err)
			}
			if err := <-ended; !errors.Is(err, rtc.ErrStopped) || n.Stats().Worn != 1 {
				t.Errorf("the node's handler saw %v, %d worn; want ErrStopped and 1", err, n.Stats().Worn)
			}
		})
	}
}

// serveUntilStopped echoes, and flushes what it has sent when it is told to stop.
func serveUntilStopped(ctx context.Context, s *rtc.Session) error {
	for {
		msg, err := s.Recv()
		if err != nil {
			_ = s.Flush(ctx)
			return err
		}
		if err := s.Send(ctx, msg); err != nil {
			return err
		}
	}
}

// At the same limits the dialler, who can replace the session, is the first to
// find it worn; a stock peer, who announces nothing, gets the limit itself.
func TestOurDiallersWearFirst(t *testing.T) {
	h := newHub()
	accepted := make(chan *rtc.Session, 2)
	few := func(c *rtc.Config) { c.MaxDatagrams = 1600 }
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		few(c)
		c.Serve = func(ctx context.Context, s *rtc.Session) { accepted <- s; echo(ctx, s) }
	})
	s, err := start(t, h, "client", few).Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "json"}); !ok {
		t.Fatal("no connection")
	}
	if got := rtc.MaxDatagrams(s); got != 1600 {
		t.Errorf("the dialler's limit is %d, want 1600", got)
	}
	for _, want := range []uint64{1700, 1600} {
		if got := rtc.MaxDatagrams(<-accepted); got != want {
			t.Errorf("the node's limit is %d, want %d", got, want)
		}
	}
}
