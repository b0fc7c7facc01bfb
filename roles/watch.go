package roles

import (
	"context"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A Watched is a change of an account, as a node told it; see [rpc.Event].
type Watched struct {
	Account       string `json:"account"`
	Timestamp     int64  `json:"timestamp"`
	ChatTimestamp int64  `json:"chatTimestamp"`
	Seq           int64  `json:"seq"`
	Peer          string `json:"peer"`
}

// Watch tells of the present state of an account, if since is before it, and of
// each change, until ctx ends: that is no error. A session that is lost is
// replaced, and what was missed is told. An account that does not exist is
// waited for. The function begun is called once, when the first subscription stands.
func (c *Client) Watch(ctx context.Context, id string, since int64, begun func(), told func(Watched) error) error {
	if err := rpc.CheckAccount(id); err != nil {
		return &UsageError{err}
	}
	l := newLine(c.connect, c.log)
	defer l.close()
	f := &follower{
		l: l, account: id, since: max(0, since), timeout: c.cfg.Timeout,
		told: func(e rpc.Event, peer string) error {
			return told(Watched{e.Account, e.Timestamp, e.ChatTimestamp, e.Seq, peer})
		},
		begun: func(peer string) {
			c.log.Info("watching", "account", id, "peer", peer)
			begun()
		},
	}
	return f.run(ctx)
}
