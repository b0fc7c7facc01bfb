package ledger

import (
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// push adds the text of a transaction and gives what to write for it. More than
// limit transactions are not kept.
func (c *chat) push(text []byte, timestamp, limit int64) []op {
	if c.first == c.next {
		c.oldest = timestamp
	}
	c.oldest = min(c.oldest, timestamp) // clocks differ by a few seconds
	ops := []op{{messageKey(c.id, uint64(c.next)), text}}
	c.next++
	if c.next-c.first > limit {
		ops = append(ops, op{key: messageKey(c.id, uint64(c.first))})
		c.first++
	}
	return ops
}

// maxForgotten bounds how many old transactions one new message makes go.
const maxForgotten = 16

// forget drops what is older than cutoff, up to maxForgotten transactions: the
// rest goes with the next messages. Those of the batch in hand are not in the
// store yet, and never old.
func (s *state) forget(c *chat, cutoff int64) {
	if c.oldest >= cutoff {
		return
	}
	for range maxForgotten {
		key := messageKey(c.id, uint64(c.first))
		text := s.get(key)
		if c.first == c.next || text == nil {
			return
		}
		o, err := signing.ParseObject(text)
		if err != nil {
			s.keep(err)
			return
		}
		if ts, _ := number(o["timestamp"]); int64(ts) >= cutoff {
			c.oldest = int64(ts)
			return
		}
		s.ops = append(s.ops, op{key: key})
		c.first++
	}
}

// wroteMessage enters that one of the two has written a message.
func (c *chat) wroteMessage(who int, timestamp int64) {
	c.hasChats = true
	c.read[who], c.replied[who] = timestamp, timestamp
	c.wrote[who] = max(c.wrote[who], timestamp)
	c.lastBy, c.lastAt = int64(who), timestamp
}

// earns is what one of the two gets for replying now: all that is held for it,
// if the other one wrote last, not too long ago, and was asked for a toll.
func (c *chat) earns(who int, timestamp int64, r rules) (total *big.Int, ok bool) {
	if !c.hasChats || c.lastBy == int64(who) || c.lastAt+r.tollTimeout <= timestamp ||
		c.payOnReply[who].Sign() == 0 || c.required[who] != asksToll {
		return nil, false
	}
	return c.held(who), true
}
