// Package nodelist holds which nodes are in the network and under which peerId
// each is reached: the archiver's signed list, how a node joins it, and how
// nodes and clients fetch, verify and pick from it.
//
//	node                         archiver                        client
//	 |  WebSocket, signed token     |                              |
//	 |----------------------------->| (signalling server)          |
//	 |  POST /nodelist, signed join |                              |
//	 |----------------------------->| syncing                      |
//	 |                              |   socket proven and alive    |
//	 |                              | active: epoch+1, sign anew   |
//	 |                              |   GET /rtc?nonce=… (signed)  |
//	 |                              |<-----------------------------|
//	 |                              |   GET /full-nodelist (signed)|
//	 |                              |<-----------------------------|
//	 |  socket ends or says nothing for 10 s                       |
//	 |                              | 5 s later: off the list      |
//
// Its invariant: at most one entry for a peerId and for a public key, and every
// list handed out was signed with an epoch that a restart cannot take back.
// A [List] refuses joins that are not fresh, not signed by the key they name or
// that name a peerId somebody else holds; a [Client] refuses lists that are not
// signed by the archiver it knows, that are old, or that are of another kind or
// network than it asked for.
//
// The HTTP interface is that of a Shardus archiver with additions; see
// docs/protocol.md.
package nodelist
