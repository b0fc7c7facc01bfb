package rtc_test

import (
	"testing"

	"github.com/liberdus/liberdus/rtc"
)

// Pieces of a message that was given up are no way to keep a node busy for free.
func TestUselessPiecesAreCharged(t *testing.T) {
	h := newHub()
	n, _, s := echoed(t, h)
	piece := []byte{1, 7, 5, 9, 'x'} // the sixth of nine, and no other
	for i := 0; rtc.WriteFrame(t.Context(), s, piece, false) == nil; i++ {
		if i == 100_000 {
			t.Fatalf("%d pieces were taken, and the session lives", i)
		}
	}
	n.Close()
	if got := n.Stats().Ended[rtc.EndFlooded]; got != 1 {
		t.Errorf("ended: %v, want one flooded", n.Stats().Ended)
	}
}
