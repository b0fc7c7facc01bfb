package roles_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// A change that one node takes is told by another over WebRTC, with a time and a
// seq that the account has when it is read; and when the nodes stop, so is that.
func TestSubscribeOverWebRTC(t *testing.T) {
	d := startDevnet(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conv, _, err := converse(ctx, d, d.Consensors[0].PeerID())
	if err != nil {
		t.Fatal(err)
	}
	user := newUser(t)
	sub, err := conv.Subscribe(ctx, user.Address(), rpc.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	other := newClient(t, d, func(c *client.Config) { c.Peer = d.Consensors[1].PeerID() })
	tx, err := other.Sign(ctx, client.Order{Kind: "register", Alias: "alice"}, user)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.InjectWait(ctx, tx); err != nil {
		t.Fatal(err)
	}
	e, err := sub.Next(ctx)
	if err != nil || e.Account != user.Address() || !strings.Contains(string(tx), fmt.Sprintf(`"timestamp":%d`, e.Timestamp)) || e.Seq>>10 != e.Timestamp {
		t.Fatalf("Next = %+v, %v; want the change of %s", e, err, string(tx))
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

// A session with a thousand subscriptions costs both ends little, however much
// changes while nobody looks at what was told; one more than the limit is refused.
func TestAThousandSubscriptions(t *testing.T) {
	const many, each = 1000, 4 << 10 // bytes, of both ends
	d := startDevnet(t, 1)
	c := newClient(t, d, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conv, _, err := converse(ctx, d, d.Consensors[0].PeerID())
	if err != nil {
		t.Fatal(err)
	}
	user := newUser(t)
	tx, err := c.Sign(ctx, client.Order{Kind: "register", Alias: "alice"}, user)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InjectWait(ctx, tx); err != nil {
		t.Fatal(err)
	}
	before := heap()
	subs := make([]*rpc.Subscription, many)
	var g errgroup.Group
	g.SetLimit(16)
	for i := range subs {
		account := fmt.Sprintf("%064x", i)
		if i%2 == 0 {
			account = user.Address()
		}
		g.Go(func() (err error) {
			subs[i], err = conv.Subscribe(ctx, account, 0)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		tx, err := c.Sign(ctx, client.Order{Kind: "create", Amount: fmt.Sprint(i + 1)}, user)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Inject(ctx, tx); err != nil {
			t.Fatal(err)
		}
	}
	last := lastOf(ctx, t, conv, user.Address())
	for i := 0; i < many; i += 2 {
		for subs[i].Since() < last {
			if _, err := subs[i].Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	grown := int64(heap()) - int64(before)
	t.Logf("%d subscriptions take %d KiB, %d bytes each, of both ends together", many, grown>>10, grown/many)
	if grown > many*each {
		t.Errorf("%d subscriptions take %d KiB, want at most %d", many, grown>>10, many*each>>10)
	}
	for i := many; ; i++ {
		_, err := conv.Subscribe(ctx, user.Address(), rpc.FromNow)
		if err == nil && i < 1024 {
			continue
		}
		fault, refused := errors.AsType[*rpc.FaultError](err)
		if !refused || fault.Code != rpc.Busy || i != 1024 {
			t.Errorf("subscription %d = %v, want the first 1024 and then busy", i+1, err)
		}
		break
	}
	runtime.KeepAlive(subs)
}

// heap returns what is in use, once it is tidied up.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// lastOf returns the seq of an account's present state.
func lastOf(ctx context.Context, t *testing.T, conv *rpc.Client, account string) int64 {
	t.Helper()
	sub, err := conv.Subscribe(ctx, account, rpc.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close(ctx)
	return sub.Since()
}

// A poll over WebRTC takes none of the room for polls once its session has ended: a page that was
// closed does not keep others out.
func TestPollEndsWithItsSession(t *testing.T) {
	d := startDevnet(t, 1)
	ctx, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	c, _, err := converse(ctx, d, d.Consensors[0].PeerID())
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() {
		_, err := c.Do(ctx, rpc.Request{URL: "collector/api/poll?account=" + strings.Repeat("a", 64), Method: "GET"})
		asked <- err
	}()
	held := func(n int) func() bool {
		return func() bool { held, _ := roles.APIOf(d.Consensors[0]).PollStats(); return held == n }
	}
	if !waits(held(1)) {
		t.Fatal("the poll is not held")
	}
	end()
	if err := <-asked; err == nil {
		t.Error("the poll is answered")
	}
	if !waits(held(0)) {
		t.Error("the poll is held for a session that has ended")
	}
}
