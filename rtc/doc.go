// Package rtc is the session layer that every role shares: it dials peers,
// accepts peers, and moves messages over WebRTC data channels. It is the only
// package that knows pion.
//
// A [Peer] is one end on a PeerJS signalling connection. It can lose that
// connection and be given another; its sessions live on.
//
//	dialler                 PeerJS server                 answerer
//	   │ gather host candidates                              │
//	   ├── OFFER {id, signal, caps} ──►├── OFFER ───────────►│ check the SDP, apply it,
//	   │                               │                     │ gather host candidates,
//	   │                               │                     │ sign both fingerprints
//	   │◄──────────────────── ANSWER ──┤◄── ANSWER {id, signal, caps, identity}
//	   │ check identity, apply it      │                     │
//	   │◄═══════ ICE, DTLS, SCTP: one data channel, directly ═══════►│
//
// Candidates found later than the description travel in CANDIDATE messages, in
// both directions. The answerer speaks the dialect of the offer: that of PeerJS
// or that of simple-peerjs (docs/protocol.md has the shapes).
//
// The invariant: an answer is applied only if its identity proves the key the
// caller asked for and binds both DTLS fingerprints of this very connection, so
// a signalling server that swaps descriptions is found out before a packet is
// sent. What is refused: media, more than one fingerprint in a description,
// descriptions and candidates past their limits, and any offer once the limits
// on handshakes and sessions are reached.
package rtc
