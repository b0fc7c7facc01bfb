package nodelist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// A SignedList is a list of nodes as an archiver signed it.
type SignedList struct {
	// Nodes are the entries that a node can be reached by, in the archiver's
	// order; entries that are not are left out.
	Nodes []Node
	// Kind is the value of the member list, such as active.
	Kind string
	// NetworkID is "" as long as no node was ever active.
	NetworkID string
	// Epoch grows with every change of the archiver's list.
	Epoch uint64
	// Time is the archiver's clock when it signed.
	Time time.Time
	// Key is the archiver's public key.
	Key string
}

// decodeList reads a list of the kind asked for:
//
//	{"epoch":7,"list":"active","networkId":"…","nodeList":[{"id","ip","peerId","port","publicKey"}…],"sign":{…},"time":<ms>}
//
// It demands exactly these members and their types. Its signature is the
// caller's to check.
func decodeList(o signing.Object, kind string) (SignedList, error) {
	if err := exactMembers(o, "epoch", "list", "networkId", "nodeList", "sign", "time"); err != nil {
		return SignedList{}, fmt.Errorf("the list: %w", err)
	}
	entries, ok := o["nodeList"].([]any)
	if !ok {
		return SignedList{}, errors.New("the list: nodeList is no array")
	}
	epoch, epochOK := integer(o["epoch"])
	at, timeOK := integer(o["time"])
	networkID, err := networkIDOf(o)
	switch {
	case o["list"] != kind:
		return SignedList{}, fmt.Errorf("the list is of kind %s, not %s", show(o["list"]), kind)
	case !epochOK || !timeOK:
		return SignedList{}, errors.New("the list: epoch and time are to be whole numbers")
	case err != nil:
		return SignedList{}, fmt.Errorf("the list: %w", err)
	}
	return SignedList{
		Nodes:     decodeNodes(entries),
		Kind:      kind,
		NetworkID: networkID,
		Epoch:     uint64(epoch),
		Time:      time.UnixMilli(at),
	}, nil
}

// decodeNodes returns the entries that are nodes, with all members in their
// form. Of two with one peerId or publicKey the first counts.
func decodeNodes(entries []any) []Node {
	nodes := make([]Node, 0, len(entries))
	keys, peers := make(map[string]bool), make(map[string]bool)
	for _, entry := range entries {
		n, ok := decodeNode(asObject(entry))
		if !ok || keys[n.PublicKey] || peers[n.PeerID] {
			continue
		}
		keys[n.PublicKey], peers[n.PeerID] = true, true
		nodes = append(nodes, n)
	}
	return nodes
}

func decodeNode(o signing.Object) (Node, bool) {
	text := func(name string) string { s, _ := o[name].(string); return s }
	port, ok := integer(o["port"])
	n := Node{ID: text("id"), IP: text("ip"), Port: int(port), PublicKey: text("publicKey"), PeerID: text("peerId")}
	return n, ok && IsKey(n.ID) && validHost(n.IP) && validPort(n.Port) && IsKey(n.PublicKey) &&
		validPeerID(n.PeerID) && (!IsKey(n.PeerID) || n.PeerID == n.PublicKey)
}

// networkIDOf reads the member networkId: "" or 64 lower-case hex digits.
func networkIDOf(o signing.Object) (string, error) {
	id, ok := o["networkId"].(string)
	if !ok || id != "" && !IsKey(id) {
		return "", errors.New("networkId is neither empty nor 64 lower-case hex digits")
	}
	return id, nil
}

// exactMembers checks that o has the members named and no others.
func exactMembers(o signing.Object, names ...string) error {
	for _, name := range names {
		if _, ok := o[name]; !ok {
			return fmt.Errorf("it has no member %s", name)
		}
	}
	if len(o) == len(names) {
		return nil
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(o)), func(name string) bool { return slices.Contains(names, name) })
	return fmt.Errorf("it has members that do not belong there: %s", clip(strings.Join(others, ", ")))
}

// show returns a stranger's value for an error text.
func show(v any) string {
	if s, ok := v.(string); ok {
		return clip(s)
	}
	return "not a text"
}
