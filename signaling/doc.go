// Package signaling speaks the PeerJS signalling protocol, both ends of it: a
// [Server] that stock PeerJS and simple-peerjs programs use as they would use
// the npm package peer, and a [Client] that works with either server.
//
//	browser or node            Server                       other peer
//	     | GET /{path}/{key}/id   |                              |
//	     |<------- "0b6e…" -------|                              |
//	     | WS  /{path}/peerjs?key&id&token                       |
//	     |<------- OPEN ----------|                              |
//	     | OFFER dst=other ------>| present: relay ------------->|
//	     |                        | absent: queue for 5 s        |
//	     |<------- EXPIRE --------|   nobody came                |
//	     | HEARTBEAT, pong ------>| alive                        |
//
// # Invariant
//
// One lock, in the registry, decides both "register, say OPEN, hand over what
// waited" and "is the destination here, or must the message wait": a message
// is never stranded in the queue of a peer that is connected, never overtakes
// OPEN, and two messages of one sender to one destination keep their order.
// Only the socket that holds an id now can send as that id; what an older
// socket says, and its late goodbye, change nothing.
//
// # Flow
//
// A socket has one goroutine that reads. What it reads goes straight into the
// bounded outbox of the destination, and a writer exists only while there is
// something in it. A full outbox holds up the readers of those who send there;
// if the destination makes no room for Config.SlowTimeout it is dropped. Who says
// too much is read more slowly, later only in part, and at last closed. What one
// address may open, ask and leave waiting is limited too.
//
// # Refused
//
// Frames that are not a JSON object are ignored. Ids and tokens are 1 to 128
// and 1 to 512 bytes without control characters. An id that is a public key
// (64 lower-case hex digits) is admitted only with a token that the key has
// signed, see [Proof]. Everything that grows has a limit in [Config], and
// everything dropped is counted under a name of a closed set, see [Stats].
//
// Tokens are kept as SHA-256 only, compared in constant time and never logged.
package signaling
