// Package conformance says in 76 statements how a PeerJS server behaves, and
// observes whether one does.
//
// A statement asks one thing of a running server and puts what it sees into a
// short text, such as
//
//	{"type":"OPEN"} · then nothing
//
// That text is compared with what is expected of the server's kind: this
// project's (as a library, and as the archiver's program), or npm peer 1.0.2,
// which is the reference. Where the two differ the statement says why; those
// differences are the table in docs/peerjs-compatibility.md, see [Document].
//
// The package knows nothing of the server but its address: a [Side] starts it.
// It imports nothing of this project, so that it cannot share its mistakes.
package conformance
