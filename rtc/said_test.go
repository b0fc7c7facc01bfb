package rtc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// PeerJS that closes after flushing is still answered what it asked before.
func TestFlushingCloseIsAnswered(t *testing.T) {
	for _, tt := range []struct {
		serialization string
		closing       []byte
	}{
		{"json", []byte(`{"__peerData":{"type":"close"}}`)},
		{"binary", []byte("\x81\xba__peerData\x81\xb4type\xb5close")},
	} {
		t.Run(tt.serialization, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) {
				c.Serve = func(ctx context.Context, s *rtc.Session) {
					if _, err := s.Recv(); err != nil {
						t.Error(err)
					}
					for range 2 { // it stays said
						if _, err := s.Recv(); !errors.Is(err, rtc.ErrClosed) {
							t.Errorf("Recv after the close = %v, want ErrClosed", err)
						}
					}
					if err := errors.Join(ctx.Err(), s.Send(ctx, []byte(`1`)), s.Flush(ctx)); err != nil {
						t.Error(err)
					}
				}
			})
			p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": tt.serialization})
			if !ok {
				t.Fatal("no connection")
			}
			if err := errors.Join(p.dc.Send([]byte("2")), p.dc.Send(tt.closing)); err != nil {
				t.Fatal(err)
			}
			p.next(t)
			select {
			case <-p.closed:
			case <-time.After(5 * time.Second):
				t.Error("the node has not closed 5 s after it answered")
			}
		})
	}
}

// What is to be done for a peer that has gone is not called off with it.
func TestWorkOutlivesTheSession(t *testing.T) {
	h := newHub()
	work := make(chan context.Context, 1)
	n, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Serve = func(_ context.Context, s *rtc.Session) {
			msg, err := s.Recv()
			if string(msg) != "last" || err != nil {
				t.Errorf("Recv = %q, %v, want the last message", msg, err)
			}
			if _, err := s.Recv(); !errors.Is(err, rtc.ErrClosed) {
				t.Errorf("Recv after the close = %v, want ErrClosed", err)
			}
			<-s.Context().Done()
			work <- s.Work()
		}
	})
	p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "json"})
	if !ok {
		t.Fatal("no connection")
	}
	if err := errors.Join(p.dc.Send([]byte("last")), p.dc.Close()); err != nil {
		t.Fatal(err)
	}
	ctx := <-work
	if err := ctx.Err(); err != nil {
		t.Errorf("the work has ended with the session: %v", err)
	}
	n.Close()
	if ctx.Err() == nil {
		t.Error("the work goes on although the Peer is closed")
	}
}
