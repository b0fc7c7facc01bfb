package signaling

import (
	"testing"
	"time"
)

// A clock that runs ahead for a moment, and is set back, makes no token good twice.
// One that ran ahead for long, and is set back, keeps nobody out.
func TestUsedTokensOutliveTheClock(t *testing.T) {
	const life = time.Minute
	start := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name  string
		ahead time.Duration // by the clock, until it is set back
		lasts time.Duration
	}{
		{"never", 0, time.Second},
		{"by as long as a token is valid", 2 * life, time.Second},
		{"by a day", 24 * time.Hour, time.Second},
		{"by a day for an hour", 24 * time.Hour, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUsedTokens(10)
			token, expiry := [32]byte{1}, start.Add(life)
			if !u.add(token, expiry, life) || !u.add([32]byte{2}, expiry.Add(tt.ahead), life) {
				t.Fatal("a fresh token is not taken")
			}
			u.purge(start.Add(tt.lasts).Add(tt.ahead), tt.lasts)
			back := start.Add(tt.lasts)
			u.purge(back, tt.lasts)
			if !u.has(token) && back.Before(expiry) {
				t.Error("a token is forgotten before it expires")
			}
			if !u.add([32]byte{3}, back.Add(life), tt.lasts+life) {
				t.Error("a token made later is not taken")
			}
			u.purge(start.Add(48*time.Hour), 48*time.Hour)
			if len(u.tokens) != 0 || len(u.byExpiry) != 0 {
				t.Errorf("%d tokens are remembered for ever", len(u.tokens))
			}
		})
	}
}
