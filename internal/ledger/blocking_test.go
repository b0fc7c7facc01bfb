package ledger_test

import (
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// A dated transaction has a date that is so much ahead of the clock.
type dated struct {
	tx    signing.Object
	key   *signing.UserKey
	ahead time.Duration
	want  string // reason of a refusal by the state
}

// TestBlockingInTime: nobody can put off being blocked by dating what he sends
// ahead, and of what one user has decided, the newest counts, in whatever order it comes.
func TestBlockingInTime(t *testing.T) {
	const old = `PreCrack has failed. tx "timestamp" field must be greater than the chat timestamp.`
	p := newPair(t)
	alice, bob := p.alice, p.bob
	message := func(ahead time.Duration) dated {
		return dated{messageTx(alice, bob.Address(), toll), alice, ahead, ""}
	}
	decides := func(n float64, ahead time.Duration, want string) dated {
		return dated{requireTx(bob, alice.Address(), n), bob, ahead, want}
	}
	gone := func(d dated) dated {
		d.want = "PreCrack has failed. Chat is blocked by the receiver."
		return d
	}
	free := dated{messageTx(alice, bob.Address(), toll), alice, 0, ""}
	for _, tt := range []struct {
		name  string
		steps []dated // a second apart
	}{
		{"a message dated ahead", []dated{message(4500 * time.Millisecond), decides(2, 0, ""), gone(free)}},
		{"messages dated ahead", []dated{message(5 * time.Second), message(5 * time.Second), decides(2, 0, ""), gone(free)}},
		{"a transfer dated ahead", []dated{
			{transferTx(alice, bob.Address(), one), alice, 5 * time.Second, ""}, decides(2, 0, ""), gone(free),
		}},
		{"a decision of the other one dated ahead", []dated{
			{requireTx(alice, bob.Address(), 2), alice, 5 * time.Second, ""}, decides(2, 0, ""), gone(free),
		}},
		{"a message that came later", []dated{message(0), decides(2, -time.Second, old), free}},
		{"decided before the last decision", []dated{decides(2, 3*time.Second, ""), decides(0, 0, old), gone(free)}},
		{"decided anew", []dated{decides(2, 0, ""), decides(1, 0, ""), free}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			apply(t, p.l, alice, createTx(alice, lib(100)))
			for i, d := range tt.steps {
				p.clock = p.clock.Add(time.Second)
				ms := float64(p.clock.Add(d.ahead).UnixMilli())
				r := put(t, p.l, sign(d.key, with(d.tx, signing.Object{"timestamp": ms})))
				if r.Success != (d.want == "") || !r.Success && r.Reason != d.want {
					t.Fatalf("step %d: Put = %+v, want %q", i, r, d.want)
				}
			}
			checkSum(t, p.l)
		})
	}
}
