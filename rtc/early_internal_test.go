package rtc

import (
	"fmt"
	"testing"
	"time"
)

// Strangers' candidates without an offer are kept within limits, and not long.
func TestEarlyCandidatesAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	e := make(earlyCandidates)
	key := func(peer, conn int) connKey {
		return connKey{"server", fmt.Sprint(peer), DialectPeerJS, fmt.Sprint(conn)}
	}
	for range earlyEach + 10 {
		e.put(key(0, 0), candidate{}, now)
	}
	for conn := range earlyPeer + 10 {
		e.put(key(0, conn), candidate{}, now)
	}
	if got := len(e); got != earlyPeer {
		t.Errorf("%d connections of one peer, want %d", got, earlyPeer)
	}
	if got := len(e.take(key(0, 0))); got != earlyEach {
		t.Errorf("%d candidates of one connection, want %d", got, earlyEach)
	}
	for peer := range earlyKeys + 10 {
		e.put(key(peer, 1), candidate{}, now)
	}
	if got := len(e); got != earlyKeys {
		t.Errorf("%d connections in all, want %d", got, earlyKeys)
	}
	late := key(earlyKeys+10, 1)
	e.put(late, candidate{}, now.Add(earlyLimit+time.Second))
	if len(e) != 1 || len(e.take(late)) != 1 {
		t.Errorf("after %v the old ones are still there: %d", earlyLimit, len(e))
	}
}
