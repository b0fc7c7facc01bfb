package rtc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// sizes are the boundaries that any of the layers has.
var sizes = []int{1, 16_300, 16_301, 16_368, 16_369, 16_384, 65_535, 65_536, 65_537, 262_143, 262_144}

// Messages of every size go both ways, in one frame or in chunks.
func TestSizes(t *testing.T) {
	for _, limit := range []int{2000, 20_000, 256 << 10, 1 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			h := newHub()
			small := func(c *rtc.Config) { c.MaxMessage = limit }
			n, _ := startEcho(t, h, small)
			c := start(t, h, "client", small)
			s, err := c.Dial(t.Context(), target(n))
			if err != nil {
				t.Fatal(err)
			}
			if s.MaxSend() != limit {
				t.Errorf("MaxSend = %d, want the %d that the node takes", s.MaxSend(), limit)
			}
			for _, size := range append(sizes, limit-1, limit) {
				msg := strings.Repeat("x", size)
				if size > limit {
					if err := s.Send(t.Context(), []byte(msg)); !errors.Is(err, rtc.ErrTooLarge) {
						t.Errorf("Send of %d bytes = %v, want ErrTooLarge", size, err)
					}
					continue
				}
				if got := roundTrip(t, s, msg); got != msg {
					t.Errorf("echo of %d bytes came back as %d", len(msg), len(got))
				}
			}
			if err := s.Send(t.Context(), make([]byte, limit+1)); !errors.Is(err, rtc.ErrTooLarge) {
				t.Errorf("Send of one byte too many = %v, want ErrTooLarge", err)
			}
			rtc.SetMaxSend(s, limit+1) // as a peer that does not care
			if got := roundTrip(t, s, strings.Repeat("x", limit+1)); got != "too large" {
				t.Errorf("the node read %d bytes, want it to drop them", len(got))
			}
			if got := roundTrip(t, s, "after all that"); got != "after all that" {
				t.Errorf("echo = %q", got)
			}
		})
	}
}

// Large messages and small ones from many goroutines arrive whole.
func TestLargeMessagesAmongOthers(t *testing.T) {
	h := newHub()
	_, _, s := echoed(t, h)
	var wg sync.WaitGroup
	want := map[string]int{}
	for i := range 12 {
		msg := strings.Repeat(string(rune('a'+i)), []int{10, 16_000, 70_000, 262_144}[i%4])
		want[msg] += 3
		wg.Go(func() {
			for range 3 {
				if err := s.Send(t.Context(), []byte(msg)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 36 {
		msg, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		want[string(msg)]--
	}
	wg.Wait()
	for msg, n := range want {
		if n != 0 {
			t.Errorf("a message of %d × %q came %d times too few", len(msg), msg[:1], n)
		}
	}
}

func chunk(message, index, total uint64, data string) []byte {
	frame := []byte{1}
	for _, n := range []uint64{message, index, total} {
		frame = binary.AppendUvarint(frame, n)
	}
	return append(frame, data...)
}

// Chunks that cannot be right cost their message and nothing else.
func TestBadChunks(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, func(c *rtc.Config) { c.ReassemblyTimeout = 200 * time.Millisecond })
	c := start(t, h, "client", nil)
	s, err := c.Dial(t.Context(), target(n))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		frames [][]byte
		want   string
	}{
		{"no header", [][]byte{{1}}, "malformed"},
		{"half a header", [][]byte{{1, 1, 0x80}}, "malformed"},
		{"a number of more than 64 bits", [][]byte{append([]byte{1}, bytes.Repeat([]byte{0xff}, 11)...)}, "malformed"},
		{"message 0", [][]byte{chunk(0, 0, 1, "x")}, "malformed"},
		{"out of order", [][]byte{chunk(1, 1, 3, "x"), chunk(1, 2, 3, "x")}, "malformed"},
		{"another total", [][]byte{chunk(2, 0, 3, "x"), chunk(2, 1, 2, "x"), chunk(2, 2, 3, "x")}, "malformed"},
		{"too many", [][]byte{chunk(3, 0, 1<<40, "x"), chunk(3, 1, 1<<40, "x")}, "too large"},
		{"a frame too long", [][]byte{chunk(4, 0, 1, strings.Repeat("x", 16_384))}, "malformed"},
		{"never complete", [][]byte{chunk(5, 0, 2, "x")}, "malformed"},
		{"small ones", [][]byte{chunk(6, 0, 3, `{"a`), chunk(7, 0, 2, `1`), chunk(6, 1, 3, ""), chunk(6, 2, 3, `":1}`)}, `{"a":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range tt.frames {
				if err := rtc.WriteFrame(t.Context(), s, f, false); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.Recv()
			if err != nil || string(got) != tt.want {
				t.Errorf("the node read %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if got, err := s.Recv(); err != nil || string(got) != "malformed" { // message 7 is given up
		t.Errorf("the node read %q, %v, want it to give up message 7", got, err)
	}
	if got := roundTrip(t, s, "after all that"); got != "after all that" {
		t.Errorf("echo = %q", got)
	}
}

// A session that ends while a message is incomplete leaves nothing behind:
// goleak would find what waits for the rest of it.
func TestEndWithinAMessage(t *testing.T) {
	h := newHub()
	_, _, s := echoed(t, h)
	if err := rtc.WriteFrame(t.Context(), s, chunk(1, 0, 2, "x"), false); err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, s, "read after the chunk"); got != "read after the chunk" {
		t.Errorf("echo = %q", got)
	}
	s.Close()
}
