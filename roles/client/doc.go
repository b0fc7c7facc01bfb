// Package client calls the nodes of a Liberdus network from a Go program, over
// WebRTC, and proves of each that it is a node of the network.
//
//	Dial ── archivers: a signed list of nodes ── signalling ── sessions with a few nodes
//	                                                             │
//	Do, Account, Inject, Subscribe ──────────────────────────────┘
//
// The list comes from an archiver whose key is pinned, or was seen first; each
// node must sign the connection with the key of its entry. Some sessions are
// kept open. A call goes over one of them, chosen by how well it did lately, and
// goes over another if that one is lost, refuses for the moment, or is slow: the
// caller sees none of it. The invariant: every call ends, with a result or with
// an error that names where on the path it failed; see [Hop]. And a transaction
// is taken by the network once, however often it was sent.
package client
