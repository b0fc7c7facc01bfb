package rtc

import (
	"testing"

	"pgregory.net/rapid"
)

// What waits is weighed with the chunks that hold it, whatever was received
// meanwhile: never less, and not much more.
func TestOutboxWeighs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all unsent
		o := outbox{all: &all}
		var frames []int // that wait
		buffered := 0
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "write") {
				n := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 65_536)).Draw(rt, "bytes")
				o.put(n)
				frames = append(frames, n)
				buffered += n
			} else if len(frames) > 0 {
				frames = frames[rapid.IntRange(1, len(frames)).Draw(rt, "received"):]
				buffered = 0
				for _, n := range frames {
					buffered += n
				}
			}
			want, slack := int64(buffered), int64(2*(markFrames+markBytes/sentChunk)*sentCost)
			for _, n := range frames {
				want += int64(1+n/sentChunk) * sentCost
			}
			queued := o.weigh(uint64(buffered), 1)
			if queued < want || queued > want+slack+65_536/sentChunk*sentCost {
				rt.Fatalf("weight %d, want %d and at most %d more", queued, want, slack)
			}
			if all.queued.Load() != queued {
				rt.Fatalf("the total is %d, want %d", all.queued.Load(), queued)
			}
		}
		o.stop()
		if all.queued.Load() != 0 {
			rt.Fatalf("%d are left", all.queued.Load())
		}
	})
}
