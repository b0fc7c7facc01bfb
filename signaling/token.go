package signaling

import (
	"maps"
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

// usedTokens remembers the tokens that were accepted until they expire by
// themselves. It never forgets one early: when full it accepts no more.
type usedTokens struct {
	limit  int
	expiry map[[32]byte]time.Time
}

// tokenGrace covers clocks read at slightly different moments.
const tokenGrace = time.Second

func (u *usedTokens) has(token [32]byte) bool {
	_, ok := u.expiry[token]
	return ok
}

func (u *usedTokens) add(token [32]byte, expiry time.Time) bool {
	if len(u.expiry) >= u.limit {
		return false
	}
	u.expiry[token] = expiry
	return true
}

func (u *usedTokens) purge(now time.Time) {
	maps.DeleteFunc(u.expiry, func(_ [32]byte, expiry time.Time) bool {
		return expiry.Add(tokenGrace).Before(now)
	})
}
