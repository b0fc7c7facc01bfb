package signaling

import (
	"sync/atomic"

	"github.com/liberdus/liberdus/internal/tally"
)

// A Drop says why a message was not passed on.
type Drop string

// The closed set of drops.
const (
	DropMalformed   Drop = "malformed"    // not a JSON object
	DropUnknownType Drop = "unknown_type" // a type that is not relayed
	DropBadDst      Drop = "bad_dst"      // no destination, one that is not a string or could never register
	DropNotCurrent  Drop = "not_current"  // sent by a socket that holds its id no more
	DropAbsent      Drop = "absent"       // LEAVE or EXPIRE to somebody who is not here
	DropQueueFull   Drop = "queue_full"   // too much waits for this destination
	DropQueueTotal  Drop = "queue_total"  // too much waits for all destinations
	DropQueueCount  Drop = "queue_count"  // too many destinations are waited for
	DropSenderShare Drop = "sender_share" // too much of this sender, or of its address, waits already for this absent peer, for all, or to be written
	DropRate        Drop = "rate"         // the sender says too much
	DropExpired     Drop = "expired"      // waited, and nobody came
	DropNoRoom      Drop = "no_room"      // others have filled the destination's outbox, or all of them
	DropSlowReader  Drop = "slow_reader"  // was to be written to a peer that does not read
	DropWriteFailed Drop = "write_failed" // was to be written to a connection that broke
	DropGone        Drop = "gone"         // was to be written to a peer that closed
)

var allDrops = [...]Drop{
	DropMalformed, DropUnknownType, DropBadDst, DropNotCurrent, DropAbsent, DropQueueFull,
	DropQueueTotal, DropQueueCount, DropSenderShare, DropRate, DropExpired, DropNoRoom, DropSlowReader, DropWriteFailed, DropGone,
}

// A Refusal says why a socket was not admitted, or a request not answered.
type Refusal string

// The closed set of refusals.
const (
	RefusedParams   Refusal = "params"   // key, id or token missing or not admissible
	RefusedKey      Refusal = "key"      // another key
	RefusedToken    Refusal = "token"    // no valid proof for a key id
	RefusedTaken    Refusal = "taken"    // id held with another token
	RefusedFull     Refusal = "full"     // concurrent limit, or no room to remember a token
	RefusedShare    Refusal = "share"    // too many ids of one address for how few are free
	RefusedPending  Refusal = "pending"  // too many sockets without an id; answered with HTTP 503
	RefusedStopping Refusal = "stopping" // the server is stopping; answered with HTTP 503
	RefusedOrigin   Refusal = "origin"   // a page of an origin that is not allowed; answered with HTTP 403
	RefusedConnects Refusal = "connects" // too many sockets a second from one address; answered with HTTP 429
	RefusedSockets  Refusal = "sockets"  // too many sockets of one address; answered with HTTP 429
	RefusedOpening  Refusal = "opening"  // too many sockets without an id of one address; answered with HTTP 429
	RefusedCalls    Refusal = "calls"    // too many requests a second from one address; answered with HTTP 429
	RefusedReserved Refusal = "reserved" // id given to another address a moment ago
	RefusedEarly    Refusal = "early"    // token that expires too early, while more are used than can be remembered
	RefusedGarbage  Refusal = "garbage"  // too many sockets of one address were closed for what they sent; answered with HTTP 429, or not at all
	RefusedGrace    Refusal = "grace"    // id whose holder was lost a moment ago with another token

	RefusedHandshake Refusal = "handshake" // no handshake of a WebSocket, or at another path; answered with HTTP 400 or 405
	RefusedDiscovery Refusal = "discovery" // the ids, which are not told, or not without the key; answered with HTTP 401
	RefusedNoID      Refusal = "no_id"     // no free id was found for somebody who asked for one; answered with HTTP 503
)

var allRefusals = [...]Refusal{
	RefusedParams, RefusedKey, RefusedToken, RefusedTaken, RefusedFull, RefusedShare, RefusedPending, RefusedStopping,
	RefusedOrigin, RefusedConnects, RefusedSockets, RefusedOpening, RefusedCalls, RefusedReserved, RefusedEarly, RefusedGarbage, RefusedGrace,
	RefusedHandshake, RefusedDiscovery, RefusedNoID,
}

// An End says why a registered peer lost its id.
type End string

// The closed set of ends.
const (
	EndClosed      End = "closed"       // the peer sent a close frame
	EndLost        End = "lost"         // the connection broke
	EndLeft        End = "left"         // the peer sent LEAVE
	EndReplaced    End = "replaced"     // a newer socket took the id over
	EndSilent      End = "silent"       // nothing was heard for too long
	EndSlowReader  End = "slow_reader"  // too much waited to be written for too long, or a write took too long
	EndWriteFailed End = "write_failed" // a write failed
	EndTooLarge    End = "too_large"    // a message above the limit; close code 1009
	EndNotUTF8     End = "not_utf8"     // a text message that is not UTF-8; close code 1007
	EndProtocol    End = "protocol"     // a broken WebSocket frame; close code 1002
	EndSlowSender  End = "slow_sender"  // a message took too long to arrive; close code 1008
	EndAbuse       End = "abuse"        // went on saying far too much; close code 1008
	EndCrowded     End = "crowded"      // held much while all sockets held too much; close code 1008 to senders
	EndStopped     End = "stopped"      // the server stopped; close code 1001
)

// keepsID reports whether the peer did not mean to go: see Config.IDGrace.
func (e End) keepsID() bool {
	return e == EndLost || e == EndSilent || e == EndSlowReader || e == EndWriteFailed
}

var allEnds = [...]End{
	EndClosed, EndLost, EndLeft, EndReplaced, EndSilent, EndSlowReader, EndWriteFailed,
	EndTooLarge, EndNotUTF8, EndProtocol, EndSlowSender, EndAbuse, EndCrowded, EndStopped,
}

// Stats are the counts of a [Server] at one moment. The maps have every name
// of their set.
type Stats struct {
	Sockets     int // open, registered or not
	Addresses   int // of which something is remembered
	Held        int // ids kept for somebody who is not here
	Peers       int // registered
	Queues      int // absent peers for which messages wait
	QueuedBytes int // that wait in them
	Pending     int // sockets that hold no id, those being opened included
	UsedTokens  int // remembered until they expire

	OutboundBytes int64 // that wait to be written to all sockets
	InboundBytes  int64 // of messages being read from all sockets

	Connected uint64 // peers registered, reconnects included
	Relayed   uint64 // messages handed to the destination's socket
	Delayed   uint64 // times that a sender had to wait for room in that socket's outbox
	Paced     uint64 // times that a sender had to wait because it says too much
	Queued    uint64 // messages that had to wait for an absent destination
	Expired   uint64 // EXPIREs sent

	Dropped map[Drop]uint64
	Refused map[Refusal]uint64
	Ended   map[End]uint64
}

// counters count what happens.
type counters struct {
	connected, relayed, delayed, paced, queued, expired atomic.Uint64

	dropped tally.Counts[Drop]
	refused tally.Counts[Refusal]
	ended   tally.Counts[End]
}

func newCounters() *counters {
	return &counters{
		dropped: tally.Of(allDrops[:]),
		refused: tally.Of(allRefusals[:]),
		ended:   tally.Of(allEnds[:]),
	}
}

func (c *counters) drop(why Drop, n int) { c.dropped[why].Add(uint64(n)) }

func (c *counters) fill(s *Stats) {
	s.Connected, s.Relayed, s.Delayed = c.connected.Load(), c.relayed.Load(), c.delayed.Load()
	s.Paced, s.Queued, s.Expired = c.paced.Load(), c.queued.Load(), c.expired.Load()
	s.Dropped, s.Refused, s.Ended = c.dropped.Load(), c.refused.Load(), c.ended.Load()
}
