package nodelist

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// admit returns why the node of j may not be listed, as the text it is told.
func (r *roster) admit(j join, addr netip.Addr, sock Socket, open bool, now time.Time) error {
	if err := r.fresh(j, now); err != nil {
		return err
	}
	proven := open && j.provenBy(sock)
	rival := r.byPeer[j.node.PeerID]
	switch {
	case IsKey(j.node.PeerID) && j.node.PeerID != j.node.PublicKey:
		return &refused{errors.New("peerId has the form of a public key but is not the signing key"), RefusedPeer}
	case r.networkID != "" && j.networkID != r.networkID:
		return &refused{fmt.Errorf("networkId is not that of this network, %s", r.networkID), RefusedNetwork}
	case !r.mayJoin(j.node.PublicKey):
		return &refused{errors.New("publicKey is not among the nodes that this archiver lists"), RefusedKey}
	case !IsKey(j.node.PeerID) && !j.hasToken:
		return &refused{errors.New("tokenHash is required for a peerId that is not a public key"), RefusedPeer}
	case open && j.hasToken && j.tokenHash != sock.TokenHash:
		return &refused{errors.New("tokenHash is not that of the connection with this peerId"), RefusedPeer}
	case rival != nil && rival.node.PublicKey != j.node.PublicKey && (!proven || rival.provenBy(sock)):
		return &refused{errors.New("peerId is listed under another public key"), RefusedPeer}
	}
	return r.room(j, addr)
}

// fresh refuses a join that is old, early, or seen before.
func (r *roster) fresh(j join, now time.Time) error {
	ours := now.UnixMilli()
	if d := ours - j.timestamp; d > maxSkew.Milliseconds() || d < -maxSkew.Milliseconds() {
		return &refused{fmt.Errorf("timestamp is more than %d seconds off, it is %d here", int(maxSkew.Seconds()), ours), RefusedTime}
	}
	last := r.departed[j.node.PublicKey].timestamp
	if m := r.byKey[j.node.PublicKey]; m != nil {
		last = m.timestamp
	}
	if last-ours > maxSkew.Milliseconds() {
		last = 0 // the clock was set back: until it is there again nobody could join
	}
	if j.timestamp <= last {
		return &refused{fmt.Errorf("timestamp is not newer than the last one of this publicKey, %d", last), RefusedTime}
	}
	return nil
}

// room refuses a node that would be one too many. A node that is listed already,
// and one whose peerId it takes over, do not count.
func (r *roster) room(j join, addr netip.Addr) error {
	listed, here := len(r.byKey), r.addresses[addr]
	leaves := func(m *member) {
		listed--
		if m.addr == addr {
			here--
		}
	}
	old, rival := r.byKey[j.node.PublicKey], r.byPeer[j.node.PeerID]
	if old != nil {
		leaves(old)
	}
	if rival != nil && rival != old {
		leaves(rival)
	}
	switch {
	case addr.IsValid() && here >= r.perAddress:
		return &refused{fmt.Errorf("too many nodes of one address are listed, at most %d may be", r.perAddress), RefusedAddress}
	case listed >= r.total:
		return &refused{fmt.Errorf("the list is full, it holds %d nodes", r.total), RefusedFull}
	}
	return nil
}
