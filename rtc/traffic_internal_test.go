package rtc

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// One connection may leave so much unread, and no more counts when it has ended.
func TestUnreadOfOneConnection(t *testing.T) {
	cfg := DefaultConfig()
	p, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := newConn(p, connKey{peer: "x", id: "y"})
	defer c.cancel(nil)
	packet := make([]byte, 1024)
	packet[0] = applicationData
	for i := range 2 * cfg.window() / len(packet) {
		if c.count.received(packet); i%2 == 1 {
			c.count.settle(1 << 20) // more than came: nothing is saved up
		}
	}
	if got := p.unread.Load(); got != 0 || c.ctx.Err() != nil {
		t.Fatalf("%d bytes are unread, and the connection has ended: %v", got, c.ctx.Err())
	}
	for range 2*cfg.window()/len(packet) + 1 {
		if c.ctx.Err() != nil {
			t.Fatal("ended before the limit")
		}
		c.count.received(packet)
	}
	if err := c.ctx.Err(); err == nil || endOf(context.Cause(c.ctx)) != EndFlooded {
		t.Errorf("the connection ended with %v, want flooded", context.Cause(c.ctx))
	}
	c.count.received(packet)
	if got := p.unread.Load(); got != 0 {
		t.Errorf("%d bytes are unread of nobody", got)
	}
	if !errors.Is(context.Cause(c.ctx), errFlooded) {
		t.Errorf("cause = %v", context.Cause(c.ctx))
	}
}
