package signaling

import (
	"maps"
	"net/netip"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
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
// themselves. It never forgets one early: when full it accepts no more. No
// address may take more than a share, for anybody can make keys.
type usedTokens struct {
	limit  int
	expiry map[[32]byte]usedToken
	byAddr map[netip.Addr]int // an IPv6 /64 counts as one address
}

type usedToken struct {
	expiry time.Time
	place  netip.Addr
}

// usedShare is the part of the used tokens that one address may take.
const usedShare = 16

// tokenGrace covers clocks read at slightly different moments.
const tokenGrace = time.Second

func (u *usedTokens) has(token [32]byte) bool {
	_, ok := u.expiry[token]
	return ok
}

func (u *usedTokens) add(token [32]byte, expiry time.Time, from netip.Addr) bool {
	from = clientip.Place(from)
	if len(u.expiry) >= u.limit || u.byAddr[from] >= max(1, u.limit/usedShare) {
		return false
	}
	u.expiry[token] = usedToken{expiry, from}
	u.byAddr[from]++
	return true
}

func (u *usedTokens) purge(now time.Time) {
	maps.DeleteFunc(u.expiry, func(_ [32]byte, t usedToken) bool {
		if !t.expiry.Add(tokenGrace).Before(now) {
			return false
		}
		if u.byAddr[t.place]--; u.byAddr[t.place] == 0 {
			delete(u.byAddr, t.place)
		}
		return true
	})
}
