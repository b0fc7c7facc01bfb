package ledger

import (
	"context"
	"fmt"
)

// Stakes are kept beside the other accounts, under keys of their own. Anybody may
// name any id as the node to stake on, that of a name, a user or a chat to come
// among them; if the node's account took that place, whoever it is meant for
// could never have it.
//
// A ledger written before had nodes among the accounts. Such a node moves when
// something changes under its id.
type stakes struct {
	nodes     map[string]*node // nil value: known to be absent
	restaked  map[string]bool  // ids in nodes that differ from the store
	misplaced map[string]bool  // ids in nodes that the store has among the accounts
}

func newStakes() stakes {
	return stakes{nodes: make(map[string]*node), restaked: make(map[string]bool), misplaced: make(map[string]bool)}
}

// foundOld takes a node that was among the accounts.
func (k *stakes) foundOld(n *node) {
	k.nodes[n.id], k.misplaced[n.id] = n, true
}

// node returns the stake on a node as the batch has left it so far, or nil.
func (s *state) node(id string) *node {
	s.account(id) // where it may be
	n, known := s.nodes[id]
	if known {
		return n
	}
	if text := s.get(nodeKey(id)); text != nil {
		a, err := decodeAccount(text)
		n, _ = a.(*node)
		if n == nil {
			s.keep(fmt.Errorf("node %s: it is a %T: %w", id, a, err))
			return nil
		}
	}
	s.nodes[id] = n
	return n
}

// stake records the stake on a node; a nil one is gone.
func (s *state) stake(id string, n *node) {
	s.nodes[id] = n
	s.restaked[id] = true
}

// stakeChanges returns what has to be written of nodes.
func (s *state) stakeChanges() (ops []op) {
	for id := range s.misplaced {
		if s.changed[id] || s.restaked[id] {
			s.restaked[id] = true
			if !s.changed[id] {
				ops = append(ops, op{key: accountKey(id)})
			}
		}
	}
	for id := range s.restaked {
		n := s.nodes[id]
		if n == nil {
			ops = append(ops, op{key: nodeKey(id)})
			continue
		}
		text, err := encodeAccount(n)
		if err != nil {
			s.keep(fmt.Errorf("node %s: %w", id, err))
			return nil
		}
		ops = append(ops, op{nodeKey(id), text})
	}
	return ops
}

// stored reads what is kept of an account in one place: a node's is shown where
// there is no other account under its id.
func (l *Ledger) stored(ctx context.Context, id string) ([]byte, error) {
	text, err := l.read(ctx, accountKey(id))
	if err != nil || text != nil {
		return text, err
	}
	return l.read(ctx, nodeKey(id))
}
