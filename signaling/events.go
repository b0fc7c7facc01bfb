package signaling

import "sync"

// event is something a hook or the log is told.
type event struct {
	kind eventKind
	peer Peer
	from string // host:port
	end  End    // of eventDisconnected
}

type eventKind uint8

const (
	eventConnected eventKind = iota
	eventLeft
	eventDisconnected
)

// notifier tells events one at a time in the order in which they were added,
// while no lock of the registry is held. It is bounded because every socket
// waits for its own events to be told.
type notifier struct {
	tell func(event)

	telling sync.Mutex // held while tell runs
	mu      sync.Mutex
	events  []event // guarded by mu
}

// add may be called with registry.mu held; whoever does so calls flush after
// unlocking it.
func (n *notifier) add(e event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

// flush returns when every event added before has been told.
func (n *notifier) flush() {
	n.telling.Lock()
	defer n.telling.Unlock()
	for {
		e, ok := n.next()
		if !ok {
			return
		}
		n.tell(e)
	}
}

func (n *notifier) next() (event, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.events) == 0 {
		n.events = nil
		return event{}, false
	}
	e := n.events[0]
	n.events = n.events[1:]
	return e, true
}
