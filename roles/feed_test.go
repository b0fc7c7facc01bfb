package roles_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles"
)

// A change that one node takes is told by another over WebRTC, with a time and a
// seq that the account has when it is read; and when the nodes stop, so is that.
func TestSubscribeOverWebRTC(t *testing.T) {
	d := startDevnet(t, 2)
	c := newClient(t, d, func(c *config.Client) { c.Peer = d.Consensors[0].PeerID() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conv, done, err := roles.Converse(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	user := newUser(t)
	sub, err := conv.Subscribe(ctx, user.Address(), rpc.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	other := newClient(t, d, func(c *config.Client) { c.Peer = d.Consensors[1].PeerID() })
	tx, err := other.Sign(ctx, roles.Order{Kind: "register", Alias: "alice"}, user)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Inject(ctx, tx, true); err != nil {
		t.Fatal(err)
	}
	e, err := sub.Next(ctx)
	if err != nil || e.Account != user.Address() || fmt.Sprint(e.Timestamp) != fmt.Sprint(tx["timestamp"]) || e.Seq>>10 != e.Timestamp {
		t.Fatalf("Next = %+v, %v; want the change of the time %v", e, err, tx["timestamp"])
	}
	again, err := conv.Subscribe(ctx, user.Address(), e.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if again.Since() != e.Seq {
		t.Errorf("subscribed since %d, want %d", again.Since(), e.Seq)
	}
	if err := sub.Close(ctx); err != nil {
		t.Error(err)
	}
}
