package nodelist

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A departure is what is remembered of a key that is no longer listed, so that
// an old join cannot be replayed.
type departure struct {
	timestamp int64
	until     time.Time
}

// An event is something that happened to a node, for the log.
type event struct {
	what   string
	node   Node
	reason string
	active bool // it is, or was before it left
	exempt bool // its address counts under no limit
}

// What may happen to a node.
const (
	nodeJoined = "node joined"
	nodeActive = "node active"
	nodeLeft   = "node off the list"
)

// A roster is who is listed. It has no clock and no lock of its own.
type roster struct {
	perAddress, total int
	restricted        bool            // else everybody may join
	allow             map[string]bool // the keys that the configuration names
	borrowed          map[string]bool // the keys of another archiver's list

	networkID string // "" until the first node is active
	byKey     map[string]*member
	byPeer    map[string]*member // the same members
	addresses map[netip.Addr]int // how many members count under each address
	departed  map[string]departure
	order     uint64
	version   uint64 // grows with each change of what the lists say
	events    []event
}

func newRoster(cfg Config, networkID string) *roster {
	r := &roster{
		perAddress: cfg.PerAddress,
		total:      cfg.Total,
		allow:      make(map[string]bool),
		networkID:  networkID,
		byKey:      make(map[string]*member),
		byPeer:     make(map[string]*member),
		addresses:  make(map[netip.Addr]int),
		departed:   make(map[string]departure),
	}
	r.permit(cfg, time.Time{}) // nobody is there
	return r
}

// add lists the node of j, which came from addr and whose socket, if open, is
// sock. It returns why not.
func (r *roster) add(j join, addr netip.Addr, sock Socket, open bool, now time.Time) error {
	if err := r.admit(j, addr, sock, open, now); err != nil {
		return err
	}
	if rival := r.byPeer[j.node.PeerID]; rival != nil && rival.node.PublicKey != j.node.PublicKey {
		r.drop(rival, "its peerId was proven by another key", now)
	}
	m := &member{join: j, addr: addr, joined: now}
	old := r.byKey[j.node.PublicKey]
	if old != nil && old.sameSocket(j) {
		m.order, m.active, m.dead = old.order, old.active, old.dead
	} else {
		r.order++
		m.order = r.order
	}
	if old != nil {
		r.unlink(old)
	} else {
		r.note(nodeJoined, m, "")
	}
	r.link(m)
	if old == nil || old.node != m.node || old.active != m.active {
		r.version++
	}
	r.observe(j.node.PeerID, sock, open, now)
	return nil
}

// sameSocket reports whether j changes nothing of what decides that m is active.
func (m *member) sameSocket(j join) bool {
	return m.node.PeerID == j.node.PeerID && m.networkID == j.networkID &&
		m.hasToken == j.hasToken && m.tokenHash == j.tokenHash
}

// observe takes in what is known of the socket of a peer.
func (r *roster) observe(peerID string, sock Socket, open bool, now time.Time) {
	m := r.byPeer[peerID]
	if m == nil {
		return
	}
	activate, drop := m.look(sock, open, now)
	switch {
	case drop && m.active:
		r.drop(m, "its connection ended or fell silent", now)
	case drop:
		r.drop(m, "it did not connect to the signalling server", now)
	case activate:
		r.activate(m, now)
	}
}

// activate puts m at the end of the active nodes. The first one ever decides
// which network this is.
func (r *roster) activate(m *member, now time.Time) {
	r.order++
	m.order, m.active = r.order, true
	r.version++
	r.note(nodeActive, m, "")
	if r.networkID != "" {
		return
	}
	r.networkID = m.networkID
	for _, other := range slices.Collect(maps.Values(r.byKey)) {
		if other.networkID != r.networkID {
			r.drop(other, "it is of another network", now)
		}
	}
}

// leave drops a node that said goodbye.
func (r *roster) leave(peerID string, now time.Time) {
	if m := r.byPeer[peerID]; m != nil {
		r.drop(m, "it said goodbye", now)
	}
}

// drop takes m off the list and keeps its timestamp.
func (r *roster) drop(m *member, reason string, now time.Time) {
	r.unlink(m)
	r.version++
	r.note(nodeLeft, m, reason)
	if len(r.departed) >= departedPerPlace*r.total {
		for key := range r.departed { // any: this bounds memory, not replays
			delete(r.departed, key)
			break
		}
	}
	r.departed[m.node.PublicKey] = departure{timestamp: m.timestamp, until: now.Add(remember)}
}

// departedPerPlace bounds how many departures are kept, as a multiple of how
// many nodes may be listed. With each place taken for the 5 s that a node
// without a socket gets, all through the 120 s, it is not reached.
const departedPerPlace = int(remember/grace) + 1

// forget drops the departures that need no longer be kept.
func (r *roster) forget(now time.Time) {
	maps.DeleteFunc(r.departed, func(_ string, d departure) bool { return !now.Before(d.until) })
}

func (r *roster) link(m *member) {
	r.byKey[m.node.PublicKey] = m
	r.byPeer[m.node.PeerID] = m
	delete(r.departed, m.node.PublicKey)
	if m.addr.IsValid() {
		r.addresses[m.addr]++
	}
}

func (r *roster) unlink(m *member) {
	delete(r.byKey, m.node.PublicKey)
	delete(r.byPeer, m.node.PeerID)
	if !m.addr.IsValid() {
		return
	}
	if r.addresses[m.addr]--; r.addresses[m.addr] == 0 {
		delete(r.addresses, m.addr)
	}
}

// lists returns the active and the syncing nodes, each in the order in which
// they became so.
func (r *roster) lists() (active, syncing []Node) {
	members := slices.SortedFunc(maps.Values(r.byKey), func(a, b *member) int {
		return cmp.Compare(a.order, b.order)
	})
	for _, m := range members {
		if m.active {
			active = append(active, m.node)
		} else {
			syncing = append(syncing, m.node)
		}
	}
	return active, syncing
}

func (r *roster) note(what string, m *member, reason string) {
	r.events = append(r.events, event{what: what, node: m.node, reason: reason, active: m.active, exempt: !m.addr.IsValid()})
}

// takeEvents returns what happened since the last call.
func (r *roster) takeEvents() []event {
	events := r.events
	r.events = nil
	return events
}
