package roles_test

import (
	"context"
	"log/slog"
	"sync"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// converse opens one session with a node of d, for what no client does: it is
// never replaced. It ends with ctx.
func converse(ctx context.Context, d *roles.Devnet, peer string) (*rpc.Client, *rtc.Session, error) {
	a := nodelist.NewClient(nodelist.Archiver{URL: d.Archiver.URL()}, nodelist.ClientConfig{})
	at, _, err := a.RTC(ctx)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: at.URL(), Key: at.Key}, log)
	if err != nil {
		return nil, nil, err
	}
	cfg := rtc.DefaultConfig()
	cfg.Verifier, cfg.Loopback = identity.Verifier{}, true
	p, err := rtc.New(cfg, log)
	if err != nil {
		sig.Close()
		return nil, nil, err
	}
	var work sync.WaitGroup
	over := func() { p.Close(); sig.Close(); work.Wait() }
	link, err := p.Attach(d.Archiver.URL(), sig)
	if err != nil {
		over()
		return nil, nil, err
	}
	work.Go(func() { _ = link.Run(ctx) })
	s, err := p.Dial(ctx, rtc.Target{Server: d.Archiver.URL(), PeerID: peer, PublicKey: peer})
	if err != nil {
		over()
		return nil, nil, err
	}
	c := rpc.NewClient(s, sig.ID())
	work.Go(func() { _ = c.Run() })
	context.AfterFunc(ctx, over)
	return c, s, nil
}
