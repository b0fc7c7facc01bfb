package rtc

import "time"

// earlyCandidates holds candidates that arrived before their offer.
type earlyCandidates map[connKey]*earlyEntry

type earlyEntry struct {
	at   time.Time
	list []candidate
}

const (
	earlyKeys  = 256              // connections with early candidates
	earlyPeer  = 8                // of one peer
	earlyEach  = 32               // candidates of one
	earlyLimit = 10 * time.Second // after which they are dropped
)

func (e earlyCandidates) put(key connKey, c candidate, now time.Time) {
	entry := e[key]
	if entry == nil {
		e.sweep(now)
		if len(e) >= earlyKeys || e.of(key) >= earlyPeer {
			return
		}
		entry = &earlyEntry{at: now}
		e[key] = entry
	}
	if len(entry.list) < earlyEach {
		entry.list = append(entry.list, c)
	}
}

// of counts the connections of the peer of key.
func (e earlyCandidates) of(key connKey) (n int) {
	for k := range e {
		if k.server == key.server && k.peer == key.peer {
			n++
		}
	}
	return n
}

func (e earlyCandidates) sweep(now time.Time) {
	for key, entry := range e {
		if now.Sub(entry.at) > earlyLimit {
			delete(e, key)
		}
	}
}

func (e earlyCandidates) take(key connKey) []candidate {
	entry := e[key]
	if entry == nil {
		return nil
	}
	delete(e, key)
	return entry.list
}
