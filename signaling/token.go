package signaling

import (
	"maps"
	"slices"
	"time"
)

// A Proof checks the token of an id that is a public key, that is, of 64
// lower-case hex digits, and says until when it is valid. An error refuses the
// socket with "Invalid token provided". It is called from many goroutines and
// must neither keep the token nor put it into the error.
//
// A token is accepted once, and again only from the same address while the
// socket that used it is registered. A token with a later expiry than that of
// the registered socket takes the id over at once, so that a node that crashed
// need not wait for its ghost to be noticed.
type Proof func(id, token string) (expiry time.Time, err error)

// proof is what is known of a socket's token.
type proof struct {
	checked bool
	valid   bool
	expiry  time.Time
}

// usedTokens remembers the tokens that were accepted until they have expired, both
// by the clock and by the time that has passed: a clock that runs ahead for a moment
// makes no token good twice. When it is full those that expire first are forgotten, and with
// them every token that expires no later: none is ever accepted twice. Since no
// token is valid for long, who makes one for each connect is not kept out by
// others who make many, for anybody can make keys.
type usedTokens struct {
	limit    int
	tokens   map[[32]byte]struct{}
	byExpiry map[int64]*dying // the same, by the second in which they expire
	floor    int64            // tokens that expire in this second or before it are not accepted
}

// dying are tokens that expire in one second, and, by the time that has passed,
// by until.
type dying struct {
	tokens [][32]byte
	until  time.Duration
}

func newUsedTokens(limit int) usedTokens {
	return usedTokens{limit: limit, tokens: make(map[[32]byte]struct{}), byExpiry: make(map[int64]*dying)}
}

// tokenGrace covers clocks read at slightly different moments.
const tokenGrace = time.Second

func (u *usedTokens) has(token [32]byte) bool {
	_, ok := u.tokens[token]
	return ok
}

// add remembers a token that expires at the given time by the clock, and until by
// the time that has passed. It is false if that cannot be told from one that was
// used and forgotten.
func (u *usedTokens) add(token [32]byte, expiry time.Time, until time.Duration) bool {
	second := expiry.Unix()
	if second <= u.floor {
		return false
	}
	if len(u.tokens) >= u.limit {
		first := slices.Min(slices.Collect(maps.Keys(u.byExpiry)))
		if second <= first {
			return false
		}
		u.forget(first)
		u.floor = first
	}
	u.tokens[token] = struct{}{}
	d := u.byExpiry[second]
	if d == nil {
		d = new(dying)
		u.byExpiry[second] = d
	}
	d.tokens, d.until = append(d.tokens, token), max(d.until, until)
	return true
}

func (u *usedTokens) purge(clock time.Time, now time.Duration) {
	for second, d := range u.byExpiry {
		if time.Unix(second+1, 0).Add(tokenGrace).Before(clock) && d.until+tokenGrace < now {
			u.forget(second)
		}
	}
}

func (u *usedTokens) forget(second int64) {
	for _, token := range u.byExpiry[second].tokens {
		delete(u.tokens, token)
	}
	delete(u.byExpiry, second)
}
