package roles_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

// After a restart within the same second the first token is refused; within a
// few attempts one must expire later than the old connection's.
func TestNextLead(t *testing.T) {
	refused := &signaling.ServerError{Type: signaling.TypeError, Msg: "Invalid token provided"}
	lead, largest := time.Duration(0), time.Duration(0)
	for range 3 {
		lead = roles.NextLead(lead, refused)
		largest = max(largest, lead)
		if lead < 0 || lead > time.Minute {
			t.Errorf("lead = %v, which no archiver takes", lead)
		}
	}
	if largest < 30*time.Second {
		t.Errorf("the largest lead of three attempts is %v", largest)
	}
	if got := roles.NextLead(lead, errors.New("down")); got != 0 {
		t.Errorf("lead after another failure = %v, want 0", got)
	}
}

// When an archiver comes back, its nodes do not all arrive at once, nor late; and soon where
// nobody listened in its place meanwhile.
func TestNodesReturnSpreadOut(t *testing.T) {
	const nodes, instant = 8000, 100 * time.Millisecond // many: chance moves them by a seventh of the margin
	for _, how := range []struct {
		name    string
		err     error
		late    time.Duration
		percent int // of the nodes in one instant
	}{
		{"answered in error", errors.New("503"), 5 * time.Second, 15},
		{"refused", fmt.Errorf("dial: %w", syscall.ECONNREFUSED), 700 * time.Millisecond, 17},
	} {
		for _, down := range []time.Duration{0, time.Second, 10 * time.Second, 5 * time.Minute} {
			t.Run(how.name+" for "+down.String(), func(t *testing.T) {
				arrivals := map[time.Duration]int{}
				for range nodes {
					wait := roles.Waits(how.err)
					at := wait()
					for at < down {
						at += wait()
					}
					if late := at - down; late > how.late {
						t.Fatalf("a node arrives %v after the archiver", late)
					}
					arrivals[at/instant]++
				}
				for at, n := range arrivals {
					if n > nodes*how.percent/100 {
						t.Errorf("%d of %d nodes arrive within %v of %v", n, nodes, instant, at*instant)
					}
				}
			})
		}
	}
}

// Tokens expire one later than the other, within what an archiver takes, also
// when the archiver's clock is set back.
func TestTokensFollowTheArchiversClock(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	expires := roles.Tokens(key)
	var last time.Duration
	for i := range 20 {
		got := expires(time.Hour)
		if got > 2*time.Minute || got < 30*time.Second {
			t.Fatalf("token %d expires %v ahead, want 30s to 2m", i, got)
		}
		if got <= last {
			t.Errorf("token %d expires %v ahead, not after the one before, %v", i, got, last)
		}
		last = got
	}
	if got := expires(0); got > 2*time.Minute {
		t.Errorf("after the clock was set back a token expires %v ahead, want up to 2m", got)
	}
}
