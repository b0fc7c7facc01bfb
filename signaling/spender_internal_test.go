package signaling

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// What a message being read takes is counted all the while, and no more is
// taken than twice what has arrived or what the longest message needs.
func TestSpenderCountsItsBuffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 100_000
		all := budget{limit: 1 << 40}
		part := budget{limit: 1 << 40, whole: &all}
		s := new(spender)
		for range rapid.IntRange(1, 4).Draw(t, "messages") {
			size := rapid.IntRange(0, most).Draw(t, "size")
			want := bytes.Repeat([]byte{7}, size)
			var r io.Reader = bytes.NewReader(want)
			if rapid.Bool().Draw(t, "halves") {
				r = iotest.HalfReader(r)
			}
			watch := readerFunc(func(p []byte) (int, error) {
				if c := cap(s.buf); part.used.Load() != int64(c) || all.used.Load() != int64(c) {
					t.Fatalf("%d and %d counted for a buffer of %d", part.used.Load(), all.used.Load(), c)
				}
				if c, n := cap(s.buf), len(s.buf); c > most+readRoom || c > max(2*n, firstBuffer, keptBuffer) && c != most+readRoom {
					t.Fatalf("a buffer of %d for %d bytes", c, n)
				}
				return r.Read(p)
			})
			if err := s.take(watch, &part, most); err != nil || !bytes.Equal(s.buf, want) {
				t.Fatalf("take(%d bytes) = %v, %d bytes", size, err, len(s.buf))
			}
			s.give()
			if part.used.Load() != 0 || all.used.Load() != 0 || cap(s.buf) > keptBuffer {
				t.Fatalf("%d and %d counted after the end, %d kept", part.used.Load(), all.used.Load(), cap(s.buf))
			}
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
