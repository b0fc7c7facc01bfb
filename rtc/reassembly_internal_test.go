package rtc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestReassembly(t *testing.T) {
	p := func(message, index, total uint64, data string) piece {
		return piece{message, index, total, []byte(data)}
	}
	type step struct {
		piece
		msg string
		err error
	}
	over := strings.Repeat("x", 101)
	var crowd []step
	for n := range uint64(maxPartial) {
		crowd = append(crowd, step{piece: p(n+1, 0, 2, "a")})
	}
	for _, tt := range []struct {
		name    string
		ordered bool
		steps   []step
	}{
		{"one piece", true, []step{{piece: p(1, 0, 1, "a"), msg: "a"}}},
		{"in order", true, []step{{piece: p(1, 0, 3, "a")}, {piece: p(1, 1, 3, "b")}, {piece: p(1, 2, 3, "c"), msg: "abc"}}},
		{"in any order", false, []step{{piece: p(1, 2, 3, "c")}, {piece: p(1, 0, 3, "a")}, {piece: p(1, 1, 3, "b"), msg: "abc"}}},
		{"interleaved", true, []step{{piece: p(1, 0, 2, "a")}, {piece: p(2, 0, 2, "A")}, {piece: p(2, 1, 2, "B"), msg: "AB"}, {piece: p(1, 1, 2, "b"), msg: "ab"}}},
		{"twice the same piece", false, []step{{piece: p(1, 1, 3, "b")}, {piece: p(1, 1, 3, "X")}, {piece: p(1, 0, 3, "a")}, {piece: p(1, 2, 3, "c"), msg: "abc"}}},
		{"a piece after the end", false, []step{{piece: p(1, 0, 1, "a"), msg: "a"}, {piece: p(1, 0, 1, "a")}, {piece: p(1, 0, 2, "a")}}},
		{"the number again, in order", true, []step{{piece: p(1, 0, 1, "a"), msg: "a"}, {piece: p(1, 0, 1, "b"), msg: "b"}}},
		{"out of order", true, []step{{piece: p(1, 0, 3, "a")}, {piece: p(1, 2, 3, "c"), err: ErrMalformed}, {piece: p(1, 1, 3, "b")}}},
		{"not from the beginning", true, []step{{piece: p(1, 1, 3, "b"), err: ErrMalformed}, {piece: p(1, 2, 3, "c")}, {piece: p(2, 0, 1, "a"), msg: "a"}}},
		{"twice in order", true, []step{{piece: p(1, 0, 3, "a")}, {piece: p(1, 0, 3, "a"), err: ErrMalformed}}},
		{"another total", false, []step{{piece: p(1, 0, 2, "a")}, {piece: p(1, 1, 3, "b"), err: ErrMalformed}, {piece: p(1, 1, 2, "b")}}},
		{"n is the total", false, []step{{piece: p(1, 2, 2, "a"), err: ErrMalformed}}},
		{"n is huge", false, []step{{piece: p(1, 1<<60, 2, "a"), err: ErrMalformed}}},
		{"none of none", false, []step{{piece: p(1, 0, 0, "a"), err: ErrMalformed}}},
		{"too many pieces", false, []step{{piece: p(1, 0, 1<<32, "a"), err: ErrTooLarge}, {piece: p(1, 1, 1<<32, "a")}}},
		{"too large at once", true, []step{{piece: p(1, 0, 1, over), err: ErrTooLarge}}},
		{"too large together", true, []step{{piece: p(1, 0, 2, over[:60])}, {piece: p(1, 1, 2, over[:41]), err: ErrTooLarge}}},
		{"as large as is allowed", true, []step{{piece: p(1, 0, 2, over[:60])}, {piece: p(1, 1, 2, over[:40]), msg: over[:100]}}},
		{"one too many makes the first go", true, append(crowd[:len(crowd):len(crowd)], step{piece: p(99, 0, 2, "a"), err: ErrMalformed}, step{piece: p(1, 1, 2, "b")})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &reassembly{limit: 100, timeout: time.Second, ordered: tt.ordered}
			if strings.HasPrefix(tt.name, "one too many") {
				r.limit = 10_000 // so that it is their number
			}
			for i, s := range tt.steps {
				msg, err := r.add(s.piece, noon.Add(time.Duration(i)))
				if string(msg) != s.msg || !errors.Is(err, s.err) {
					t.Fatalf("step %d: add = %q, %v, want %q, %v", i, msg, err, s.msg, s.err)
				}
			}
		})
	}
}

func TestReassemblyTime(t *testing.T) {
	r := &reassembly{limit: 100, timeout: time.Second}
	if !r.due().IsZero() || r.expire(noon) != nil {
		t.Error("something is due where nothing is held")
	}
	for i, at := range []time.Duration{0, 300 * time.Millisecond} {
		if _, err := r.add(piece{uint64(i + 1), 0, 2, []byte("a")}, noon.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	if want := noon.Add(time.Second); !r.due().Equal(want) {
		t.Errorf("due = %v, want %v", r.due(), want)
	}
	if err := r.expire(noon.Add(time.Second - 1)); err != nil {
		t.Errorf("before its time: %v", err)
	}
	if err := r.expire(noon.Add(time.Second)); !errors.Is(err, ErrMalformed) {
		t.Errorf("expire = %v, want ErrMalformed", err)
	}
	if err := r.expire(noon.Add(time.Second)); err != nil {
		t.Errorf("the second was given up with the first: %v", err)
	}
	if msg, err := r.add(piece{1, 1, 2, []byte("b")}, noon.Add(time.Second)); msg != nil || err != nil {
		t.Errorf("a late piece = %q, %v, want it to be passed over", msg, err)
	}
	if msg, _ := r.add(piece{2, 1, 2, []byte("b")}, noon.Add(time.Second)); string(msg) != "ab" {
		t.Errorf("the second message = %q, want ab", msg)
	}
	if r.held != 0 || len(r.partial) != 0 {
		t.Errorf("%d bytes of %d messages are held", r.held, len(r.partial))
	}
}

// Whatever comes, what is held is bounded and counted, and messages whose
// pieces all come, without too many others between them, come out whole.
func TestReassemblyModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 500
		r := &reassembly{limit: limit, timeout: time.Second, ordered: rapid.Bool().Draw(t, "ordered")}
		now := noon
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond)
			p := piece{
				message: uint64(rapid.IntRange(1, 12).Draw(t, "message")),
				index:   uint64(rapid.IntRange(0, 4).Draw(t, "index")),
				total:   uint64(rapid.IntRange(0, 5).Draw(t, "total")),
				data:    make([]byte, rapid.IntRange(0, 300).Draw(t, "size")),
			}
			msg, err := r.add(p, now)
			if msg != nil && (err != nil || len(msg) > limit) {
				t.Fatalf("add = %d bytes, %v", len(msg), err)
			}
			for r.expire(now) != nil {
			}
			checkHeld(t, r)
		}
		whole(t, r, now)
	})
}

func checkHeld(t *rapid.T, r *reassembly) {
	held := 0
	for _, m := range r.partial {
		size := 0
		for _, data := range m.pieces {
			size += len(data)
		}
		if size != m.size {
			t.Fatalf("a message of %d bytes is counted as %d", size, m.size)
		}
		held += size + len(m.pieces)*pieceCost
	}
	if held != r.held || held > r.maxHeld() || len(r.partial) > maxPartial || len(r.forgotten) > maxForgotten {
		t.Fatalf("%d bytes of %d messages are held, counted as %d; %d are forgotten", held, len(r.partial), r.held, len(r.forgotten))
	}
}

// whole sends a message of fresh numbers in pieces.
func whole(t *rapid.T, r *reassembly, now time.Time) {
	order := []int{0, 1, 2}
	if !r.ordered {
		order = rapid.Permutation(order).Draw(t, "order")
	}
	for n, i := range order {
		msg, err := r.add(piece{1000, uint64(i), 3, fmt.Append(nil, i)}, now)
		last := n == len(order)-1
		if last && !bytes.Equal(msg, []byte("012")) || !last && msg != nil || last && err != nil {
			t.Fatalf("piece %d: add = %q, %v", i, msg, err)
		}
	}
}

// FuzzIncoming: whatever frames come, each is a message of bounded size, a
// part of one, or an error that leaves the session alive.
func FuzzIncoming(f *testing.F) {
	f.Add(uint8(0), []byte(`{"a":1}`), true)
	f.Add(uint8(0), []byte("\x01\x01\x00\x02{\"a\""), false)
	f.Add(uint8(1), []byte(`{"__peerData":{"type":"close"}}`), false)
	f.Add(uint8(2), []byte("\x82\xb1a\x01\xb1b\x92\xc3\xc0"), false)
	f.Add(uint8(2), appendPeerJSChunk(nil, piece{1, 0, 2, []byte("\x82\xb1a")}), false)
	f.Add(uint8(2), []byte("\x81\xba__peerData\x81\xb4type\xb5close"), false)
	kinds := []serialisation{serialRaw, serialJSON, serialBinary}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte, text bool) {
		const limit = 2000
		in := newIncoming(kinds[int(kind)%3], kind < 128, limit, time.Second)
		now := noon
		for len(data) > 0 { // frames of up to 255 bytes, by their first
			n := min(int(data[0]), len(data)-1)
			frame := data[1 : 1+n]
			data = data[1+n:]
			msg, err := in.take(frame, text, now)
			switch {
			case err == nil && len(msg) > limit:
				t.Errorf("a message of %d bytes", len(msg))
			case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, errPeerCloses):
				t.Errorf("take = %v", err)
			case in.pieces.held > in.pieces.maxHeld():
				t.Errorf("%d bytes are held", in.pieces.held)
			}
			now = now.Add(10 * time.Millisecond)
		}
	})
}
