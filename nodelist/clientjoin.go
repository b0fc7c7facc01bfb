package nodelist

import (
	"context"
	"fmt"

	"github.com/liberdus/liberdus/internal/signing"
)

// A JoinRequest is what a node tells about itself.
type JoinRequest struct {
	// IP and Port are where the node's HTTP server is reached from outside.
	IP   string
	Port int
	// PeerID is the node's id on the archiver's signalling server: its public
	// key, or another one, which then needs TokenHash.
	PeerID string
	// NetworkID is the network the node is of, 64 lower-case hex digits.
	NetworkID string
	// TokenHash is the [TokenHash] of the token of the node's connection to the
	// signalling server.
	TokenHash string
}

// Join asks the archiver to list the node that has this key. A refusal is a
// [*Refused] in the error.
func (c *Client) Join(ctx context.Context, req JoinRequest, key *signing.NodeKey) error {
	return c.fail(c.join(ctx, req, key))
}

func (c *Client) join(ctx context.Context, req JoinRequest, key *signing.NodeKey) error {
	a, err := c.anchored(ctx)
	if err != nil {
		return err
	}
	body, err := joinBody(req, key, c.joinTime(a))
	if err != nil {
		return fmt.Errorf("make a join: %w", err)
	}
	_, err = c.list(ctx, "/nodelist", body, kindSample)
	if err != nil {
		c.forgetAnchor() // it may be refused for the time it names
	}
	return err
}

// joinBody returns the text of a signed join.
func joinBody(req JoinRequest, key *signing.NodeKey, timestamp int64) ([]byte, error) {
	o := signing.Object{
		"nodeInfo": signing.Object{
			"externalIp": req.IP, "externalPort": float64(req.Port), "publicKey": key.Public(), "peerId": req.PeerID,
		},
		"networkId": req.NetworkID,
		"timestamp": float64(timestamp),
		"purpose":   joinPurpose,
	}
	if req.TokenHash != "" {
		o["tokenHash"] = req.TokenHash
	}
	signed, err := key.Sign(o)
	if err != nil {
		return nil, err
	}
	return signing.Canonical(signed)
}

// joinTime returns the archiver's time in milliseconds, later than the time
// before. An archiver whose clock was set back further than it takes joins from
// the future gets its own time: the later one would be refused until then.
func (c *Client) joinTime(a *anchor) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := a.now().UnixMilli()
	if next := c.lastJoin + 1; next-now < maxSkew.Milliseconds() {
		now = max(now, next)
	}
	c.lastJoin = now
	return now
}

func (c *Client) forgetAnchor() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anchor = nil
}
