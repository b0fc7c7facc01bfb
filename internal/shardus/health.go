package shardus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// failures is how many probes in a row have to fail before a node that was well
// is unwell: one may meet a busy moment.
const failures = 2

// networkAccount is the account that tells which network the node is of.
const networkAccount = "/account/0000000000000000000000000000000000000000000000000000000000000000"

// Healthy returns why the node cannot be used, in words for strangers; nil
// while it can.
func (n *Node) Healthy() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unwell
}

// NetworkID returns the id of the node's network, "" before it first was well.
func (n *Node) NetworkID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.networkID
}

// PublicKey returns the key that the node says is its own, "" before it did.
func (n *Node) PublicKey() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.publicKey
}

// Answered reports whether the node has ever answered anything.
func (n *Node) Answered() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.answered
}

// Await waits until the node is well, or is unwell, or ctx ends, whose error it
// returns.
func (n *Node) Await(ctx context.Context, well bool) error {
	for {
		n.mu.Lock()
		now, changed := n.unwell == nil, n.changed
		n.mu.Unlock()
		if now == well {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Run watches the node's health until ctx ends. It fails if the node is of
// another network than it was, or has to be: what was signed here names that.
func (n *Node) Run(ctx context.Context) error {
	for failed := 0; ctx.Err() == nil; {
		id, err := n.probe(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			failed, err = 0, n.belongs(id)
			if err != nil {
				return err
			}
			n.note(nil, id)
		} else if failed++; failed >= failures || n.Healthy() != nil {
			n.note(err, "")
		}
		select {
		case <-time.After(n.cfg.Probe*3/4 + rand.N(n.cfg.Probe/2)): // not all fronts of a node in the same instant
		case <-ctx.Done():
		}
	}
	return nil
}

// belongs returns why the node's network is not the one it should be.
func (n *Node) belongs(id string) error {
	was := n.NetworkID()
	switch {
	case n.cfg.NetworkID != "" && id != n.cfg.NetworkID:
		return fmt.Errorf("the node %s is of the network %s, not %s as --network-id says", n.base, id, n.cfg.NetworkID)
	case was != "" && id != was:
		return fmt.Errorf("the node %s was of the network %s and is now of %s: start again to serve that", n.base, was, id)
	}
	return nil
}

// note takes in the outcome of a probe.
func (n *Node) note(unwell error, networkID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if unwell == nil {
		n.networkID = networkID
	}
	was := n.unwell
	n.unwell = unwell
	switch {
	case (was == nil) != (unwell == nil):
		close(n.changed)
		n.changed = make(chan struct{})
	case unwell == nil || was.Error() == unwell.Error():
		return
	}
	if unwell == nil {
		n.log.Info("the node is well", "networkId", networkID)
	} else {
		n.log.Warn("the node is unwell", "err", unwell, "cause", errors.Unwrap(unwell))
	}
}

// An illness is why a node cannot be used: the text is for strangers, the cause
// for the log.
type illness struct {
	text  string
	cause error
}

func (e *illness) Error() string { return e.text }
func (e *illness) Unwrap() error { return e.cause }

// probe asks the node how it is, and of which network. Well is a node that is
// active, if it says so at all, and can read the network's account.
func (n *Node) probe(ctx context.Context) (networkID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.ProbeTimeout)
	defer cancel()
	var info struct {
		NodeInfo struct{ Status, PublicKey string }
	}
	if err := n.look(ctx, "/nodeInfo", &info); err != nil {
		return "", err
	}
	if isKey(info.NodeInfo.PublicKey) {
		n.mu.Lock()
		n.publicKey = info.NodeInfo.PublicKey
		n.mu.Unlock()
	}
	if s := info.NodeInfo.Status; s != "" && s != "active" {
		return "", &illness{text: fmt.Sprintf("the node is not active, but %.20q", s)}
	}
	var account struct {
		Account struct{ NetworkID string }
	}
	if err := n.look(ctx, networkAccount, &account); err != nil {
		return "", err
	}
	if id := account.Account.NetworkID; isKey(id) {
		return id, nil
	}
	return "", &illness{text: "the node cannot read the account of its network"}
}

// isKey reports whether s has the form of a key, and of a network's id.
func isKey(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// look reads the JSON that the node has at path.
func (n *Node) look(ctx context.Context, path string, v any) error {
	began := time.Now()
	resp, err := n.ask(ctx, n.own, http.MethodGet, path, nil)
	n.counts.took[WayProbe].Since(began)
	n.counts.end(err, ctx.Err() != nil)
	switch {
	case err != nil && ctx.Err() != nil:
		return &illness{"the node does not answer in time", err}
	case err != nil:
		return &illness{"the node does not answer", err}
	}
	n.mu.Lock()
	n.answered = true
	n.mu.Unlock()
	if err := decode(resp, v); err != nil {
		return &illness{"the node does not answer as nodes do", fmt.Errorf("%s: %w", path, err)}
	}
	return nil
}

func decode(resp rpc.Response, v any) error {
	if resp.Status != http.StatusOK || resp.ContentType != "" {
		return fmt.Errorf("status %d, %.60s", resp.Status, resp.ContentType)
	}
	return json.Unmarshal(resp.Body, v)
}
