package rtc

import (
	"context"
	"log/slog"
	"testing"

	"pgregory.net/rapid"
)

// unconnected returns a connection that is not on its way.
func unconnected(t *testing.T, change func(*Config)) *conn {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := newConn(p, connKey{peer: "x", id: "y"})
	t.Cleanup(func() { c.cancel(nil) })
	return c
}

// One connection may leave so much unread, and no more counts when it has ended.
func TestUnreadOfOneConnection(t *testing.T) {
	c := unconnected(t, nil)
	tsn := uint32(1<<32 - 100) // over the top
	arrive := func(n int) { c.count.arrived(tsn, n); tsn++ }
	for range 100_000 { // far more than the limit, but read
		arrive(1000)
		arrive(1)
		c.count.settle(1001)
	}
	if got := c.p.unread.Load(); got != 0 || c.ctx.Err() != nil {
		t.Fatalf("%d bytes are unread, and the connection has ended: %v", got, context.Cause(c.ctx))
	}
	for range c.count.limit / (chunkCost + 1) {
		arrive(1)
		c.count.arrived(tsn-1, 1) // again, which weighs nothing
	}
	if c.ctx.Err() != nil {
		t.Fatal("ended before the limit")
	}
	arrive(1)
	if c.ctx.Err() == nil || endOf(context.Cause(c.ctx)) != EndFlooded {
		t.Errorf("the connection ended with %v, want flooded", context.Cause(c.ctx))
	}
	arrive(1)
	if got := c.p.unread.Load(); got != 0 {
		t.Errorf("%d bytes are unread of nobody", got)
	}
}

// Whatever is read between them, chunks that are not read count for no less
// than they are, and when all is read nothing counts.
func TestUnreadIsNeverTooLittle(t *testing.T) {
	c := unconnected(t, nil)
	tsn := uint32(0)
	rapid.Check(t, func(rt *rapid.T) {
		c.count.chunks, c.count.bytes, c.count.largest = 0, 0, 0
		hidden, waiting := 0, []int{} // sizes of messages that can be read
		arrive := func(n int) { c.count.arrived(tsn, n); tsn++ }
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				arrive(1)
				hidden++
			case 1:
				size := 0
				for range rapid.IntRange(1, 5).Draw(rt, "chunks") {
					n := rapid.IntRange(1, 1200).Draw(rt, "bytes")
					arrive(n)
					size += n
				}
				waiting = append(waiting, size)
			case 2:
				if len(waiting) > 0 {
					c.count.settle(waiting[0])
					waiting = waiting[1:]
				}
			}
			if got := c.count.chunks; got < int64(hidden+len(waiting)) {
				rt.Fatalf("%d chunks count, there are %d and more", got, hidden+len(waiting))
			}
		}
		for _, size := range waiting {
			c.count.settle(size)
		}
		if got := c.count.chunks; got != int64(hidden) && hidden == 0 || c.count.bytes != int64(hidden) {
			rt.Fatalf("%d chunks and %d bytes count when %d are hidden", got, c.count.bytes, hidden)
		}
	})
}

// Numbers that came before are known, in whatever order they come.
func TestTSNs(t *testing.T) {
	for _, tt := range []struct {
		name string
		come []uint32
		news string
	}{
		{"in order", []uint32{7, 8, 9}, "yyy"},
		{"again", []uint32{7, 7, 8, 7, 8}, "ynynn"},
		{"over the top", []uint32{1<<32 - 1, 0, 1<<32 - 1, 1}, "yyny"},
		{"a gap", []uint32{7, 9, 10, 9, 8, 8, 10, 11}, "yyynynny"},
		{"two gaps", []uint32{1, 3, 5, 4, 2, 5, 6}, "yyyyyny"},
		{"far ahead moves nothing", []uint32{7, 1 << 30, 8, 1 << 30, 8}, "yyyyn"},
		{"far back", []uint32{1 << 30, 7, 7}, "yyy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTSNs(minWindow)
			var got []byte
			for _, tsn := range tt.come {
				got = append(got, map[bool]byte{true: 'y', false: 'n'}[s.add(tsn)])
			}
			if string(got) != tt.news || len(tt.come) != len(tt.news) {
				t.Errorf("%v: new %s, want %s", tt.come, got, tt.news)
			}
		})
	}
}
