package roles

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/shardus"
)

// openBehind opens what answers behind the node's API: the ledger that is
// given, the one in the data folder, or another node.
func (n *Consensor) openBehind(shared *ledger.Ledger) (err error) {
	if n.cfg.Ledger == config.LedgerShardus {
		cfg := shardus.DefaultConfig(n.cfg.Node)
		cfg.NetworkID = n.cfg.NetworkID
		if n.node, err = shardus.New(cfg, n.log); err != nil {
			return &UsageError{Err: fmt.Errorf("--node: %w", err)}
		}
		n.api = api.NewFront(n.node, n.log)
		return n.openFeed()
	}
	if n.ledger = shared; shared == nil {
		cfg := ledger.Config{Dir: filepath.Join(n.cfg.Data, "ledger"), NetworkID: n.cfg.NetworkID}
		if n.ledger, err = ledger.Open(cfg, n.log); err != nil {
			return err
		}
		n.owned = true
	}
	n.api = api.New(n.ledger, n.nodeInfo, n.log)
	if n.told, err = fixedInfo(context.Background(), n.key.Public(), n.ledger); err != nil {
		return err
	}
	return n.openFeed()
}

// networkID is that of what is behind the API; "" as long as a node there has
// not told it.
func (n *Consensor) networkID() string {
	if n.node != nil {
		return n.node.NetworkID()
	}
	return n.ledger.NetworkID()
}

// watchBehind fails when what is behind the API can serve no more.
func (n *Consensor) watchBehind() part {
	if n.node != nil {
		return part{"node", n.node.Run}
	}
	return part{"ledger", n.watchLedger}
}

// keepLink is l's part. It is connected only while what is behind the API is
// well: a node that can answer nothing must not be on the list.
func (n *Consensor) keepLink(l *link) part {
	name := "archiver " + l.archiver.Archiver().URL
	var behind behind = n.ledger
	if n.node != nil {
		behind = n.node
	}
	return part{name, func(ctx context.Context) error {
		for ctx.Err() == nil && behind.Await(ctx, true) == nil {
			if err := whileWell(ctx, behind, l.runAs); err != nil {
				return err
			}
		}
		return nil
	}}
}

// What is behind the API: a ledger or a node.
type behind interface {
	Await(ctx context.Context, well bool) error
	NetworkID() string
}

// whileWell runs f until ctx ends or b is unwell.
func whileWell(ctx context.Context, b behind, f func(ctx context.Context, networkID string) error) error {
	well, unwell := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { // waited for below
		defer close(watched)
		_ = b.Await(well, false) // either way f is to end
		unwell()
	}()
	err := f(well, b.NetworkID())
	unwell()
	<-watched
	return err
}

// awaitNode waits until the node behind is well. One that answers nothing at
// all at the start is a mistake; one that is still joining its network is not.
func (n *Consensor) awaitNode(ctx context.Context) error {
	if n.node == nil {
		return nil
	}
	start, cancel := context.WithTimeout(ctx, n.startTime)
	defer cancel()
	if n.node.Await(start, true) == nil {
		return nil
	}
	if ctx.Err() == nil && !n.node.Answered() {
		return fmt.Errorf("the node %s has not answered within %v: start it first, or check --node", n.cfg.Node, n.startTime)
	}
	_ = n.node.Await(ctx, true) // it ends with ctx
	return nil
}

// compareKeys tells that clients see another key than the node's own: archivers
// that name the nodes of a network do not list it.
func (n *Consensor) compareKeys() {
	if n.node == nil {
		return
	}
	own := n.node.PublicKey()
	if own == "" || own == n.key.Public() {
		return
	}
	say := n.log.Info // as one does who has not asked for the node's
	if n.cfg.Key != "" {
		say = n.log.Warn
	}
	say("this consensor's key is not that of the node beside it", "key", n.key.Public(), "nodeKey", own,
		"remedy", "--key with the secrets.json of that node, or another --node")
}
