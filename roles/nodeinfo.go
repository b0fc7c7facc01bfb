package roles

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// fixedInfo are the members of GET /nodeInfo that do not change: the keys, and
// the versions that the network wants its nodes to have.
func fixedInfo(ctx context.Context, public string, l *ledger.Ledger) (signing.Object, error) {
	text, err := l.Head(ctx, ledger.NetworkAccountID)
	if err != nil {
		return nil, err
	}
	account, err := signing.ParseObject(text)
	if err != nil {
		return nil, fmt.Errorf("network account: %w", err)
	}
	current, _ := account["current"].(signing.Object)
	curve, err := signing.Curve(public)
	if err != nil {
		return nil, err
	}
	return signing.Object{
		"publicKey": public, "curvePublicKey": curve, "address": public, "id": nodelist.NodeID(public),
		"appData": signing.Object{
			"appVersion": Version, "activeVersion": current["activeVersion"],
			"latestVersion": current["latestVersion"], "minVersion": current["minVersion"],
			"operatorCLIVersion": "", "operatorGUIVersion": "", // no such programs
		},
	}, nil
}

// nodeInfo are the members of GET /nodeInfo: those a Shardus node tells of
// itself, and the peer id.
func (n *Consensor) nodeInfo() signing.Object {
	info := maps.Clone(n.told)
	info["externalIp"], info["externalPort"] = n.host, n.port
	info["internalIp"], info["internalPort"] = n.host, n.port
	info["peerId"] = n.PeerID()
	info["joinRequestTimestamp"], info["activeTimestamp"] = n.began.Unix(), n.began.Unix()
	info["status"] = nil
	if slices.ContainsFunc(n.links, func(l *link) bool { return l.joined.Load() }) {
		info["status"] = "active"
	}
	return info
}
