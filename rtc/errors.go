package rtc

import (
	"errors"
	"fmt"
)

// A Hop names the part of the path to a peer in which something went wrong.
type Hop string

// The hops in the order in which a connection passes them.
const (
	HopSignalling Hop = "signalling" // the PeerJS server, up to a verified answer
	HopICE        Hop = "ice"        // finding a path between the two addresses
	HopDTLS       Hop = "dtls"       // the encrypted transport
	HopChannel    Hop = "channel"    // the data channel, opening and in use
)

// Errors wrapped in an [Error].
var (
	ErrPeerAbsent = errors.New("no peer with this id is connected to the signalling server")
	ErrNoAnswer   = errors.New("the peer did not answer the offer")
	ErrTimeout    = errors.New("not connected in time")
	ErrIdentity   = errors.New("identity not proven")
	ErrTooLarge   = errors.New("message too large")
	ErrMalformed  = errors.New("message not readable")
	ErrSlowPeer   = errors.New("the peer does not read what is sent to it")
	ErrClosed     = errors.New("connection closed")
	ErrStopped    = errors.New("reading was stopped") // by [Peer.Shutdown]
)

// Errors that only say what happened; Stats count them.
var (
	errSilent     = errors.New("the peer fell silent")
	errStranded   = errors.New("this machine no longer has the address that the session used")
	errFlooded    = errors.New("the peer sends too much at once")
	errNoPath     = errors.New("no path to the peer: no pair of candidates works (is UDP blocked?)")
	errEncryption = errors.New("the encryption could not be agreed on, or the peer's certificate is not the one it described")
)

// An Error says at which hop the connection to a peer failed.
type Error struct {
	Peer string
	Hop  Hop
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("peer %s: %s: %v", e.Peer, e.Hop, e.Err) }
func (e *Error) Unwrap() error { return e.Err }
