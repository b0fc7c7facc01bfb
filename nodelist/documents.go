package nodelist

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// The kinds of list, as the member list names them.
const (
	kindActive  = "active"
	kindSyncing = "syncing"
	kindStandby = "standby"
	kindFull    = "full"
	kindSample  = "sample"
	kindPeerIDs = "peerids"
)

const rtcPurpose = "liberdus-rtc"

// documents is everything the archiver says, signed and ready to send.
// It does not change once made.
type documents struct {
	lists     map[string][]byte       // by kind: active, syncing, standby, full
	samples   [][]byte                // of nodes
	peerIDs   [maxSample + 1][][]byte // samples, by how many; [0] has all
	archivers []byte
	status    []byte
	rtc       []byte // without nonce
	networkID string // as published
	epoch     uint64
	signed    time.Time
	active    int // nodes
	syncing   int
}

// A signer makes signed texts. It stops at its first error.
type signer struct {
	key  *signing.NodeKey
	base signing.Object // members every list carries
	err  error
}

// text signs o and returns its canonical text.
func (s *signer) text(o signing.Object) []byte {
	signed, err := s.key.Sign(o)
	if err == nil {
		var text []byte
		if text, err = signing.Canonical(signed); err == nil {
			return text
		}
	}
	if s.err == nil {
		s.err = fmt.Errorf("sign: %w", err)
	}
	return nil
}

// list signs entries, the value of member, as a list of that kind.
func (s *signer) list(kind, member string, entries []any) []byte {
	o := signing.Object{"list": kind, member: entries}
	maps.Copy(o, s.base)
	return s.text(o)
}

// sign makes the documents that say that these nodes are listed at this time.
func (l *List) sign(active, syncing []Node, now time.Time) (*documents, error) {
	s := &signer{key: l.cfg.Key, base: signing.Object{
		"epoch":     float64(l.state.Epoch),
		"networkId": l.state.NetworkID,
		"time":      float64(now.UnixMilli()),
	}}
	activeEntries, syncingEntries := entriesOf(active), entriesOf(syncing)
	d := &documents{
		lists: map[string][]byte{
			kindActive:  s.list(kindActive, "nodeList", activeEntries),
			kindSyncing: s.list(kindSyncing, "nodeList", syncingEntries),
			kindStandby: s.list(kindStandby, "nodeList", []any{}), // nobody waits here
			kindFull:    s.list(kindFull, "nodeList", slices.Concat(activeEntries, syncingEntries)),
		},
		archivers: s.text(signing.Object{"activeArchivers": []any{signing.Object{
			"ip": l.cfg.IP, "port": float64(l.cfg.Port), "publicKey": l.cfg.Key.Public(),
		}}}),
		status:    s.text(signing.Object{"status": signing.Object{"isActive": true}}),
		rtc:       s.text(l.rtcObject(l.state.NetworkID, "", now)),
		networkID: l.state.NetworkID,
		epoch:     l.state.Epoch, signed: now, active: len(active), syncing: len(syncing),
	}
	d.samples = sampleLists(s, active)
	d.peerIDs = peerIDLists(s, active)
	return d, s.err
}

// entriesOf returns the nodes as members of a list.
func entriesOf(nodes []Node) []any {
	entries := make([]any, 0, len(nodes))
	for _, n := range nodes {
		entries = append(entries, signing.Object{
			"id": n.ID, "ip": n.IP, "peerId": n.PeerID, "port": float64(n.Port), "publicKey": n.PublicKey,
		})
	}
	return entries
}

// rtcObject returns what /rtc says, not yet signed. Nonce "" means none.
func (l *List) rtcObject(networkID, nonce string, now time.Time) signing.Object {
	o := signing.Object{
		"rtc":       l.cfg.RTC.object(),
		"networkId": networkID,
		"time":      float64(now.UnixMilli()),
		"purpose":   rtcPurpose,
	}
	if nonce != "" {
		o["nonce"] = nonce
	}
	return o
}
