package signaling_test

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// Who goes on sending after he was closed is read for a moment, then not at all,
// and is only let go when others would be.
func TestWhoIsClosedIsReadLittle(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first string // what he is closed for
		most  int    // KiB
		after time.Duration
	}{
		{"a broken frame", "\xf1\x80\x00\x00\x00\x00", 200, 2 * time.Second},
		{"no UTF-8", "\x81\x81\x00\x00\x00\x00\xff", 200, 2 * time.Second},
		{"he closes himself", "\x88\x80\x00\x00\x00\x00", 40, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *pipeNet) {
				conn := n.open(t, "a", "t", here).conn.NetConn()
				if tt.most > 100 {
					go io.Copy(io.Discard, conn) // until it is closed
				}
				_, _ = conn.Write([]byte(tt.first))
				frame := append([]byte{0x82, 0xfe, 0x04, 0x00, 0, 0, 0, 0}, bytes.Repeat([]byte("x"), 1<<10)...)
				began, sent := time.Now(), 0
				for {
					k, err := conn.Write(frame)
					sent += k
					if err != nil {
						break
					}
				}
				if sent < 30<<10 || sent > tt.most<<10 {
					t.Errorf("%d KiB were read, want at most %d", sent>>10, tt.most)
				}
				if took := time.Since(began); took < tt.after-100*time.Millisecond || took > tt.after+100*time.Millisecond {
					t.Errorf("let go after %v, want %v", took, tt.after)
				}
			})
		})
	}
}
