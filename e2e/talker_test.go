package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// talkerEnv has this test binary run as a talker, a client with a long session,
// in whatever network it was started in.
const talkerEnv = "LIBERDUS_E2E_TALKER"

// talk keeps asking the peer that its arguments name, over one session for as
// long as that lives, then over a new one. It says so in JSON lines:
//
//	{"event":"connected"}   {"event":"reply"}   {"event":"ended","cause":"…"}
func talk() int {
	server, peer := os.Args[1], os.Args[2]
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	say := json.NewEncoder(os.Stdout)
	for ctx.Err() == nil {
		cause := converse(ctx, server, peer, say)
		if err := say.Encode(map[string]string{"event": "ended", "cause": fmt.Sprint(cause)}); err != nil {
			return 1
		}
		select { // not a storm while the network is down
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return 0
}

// converse asks over one session until it ends.
func converse(ctx context.Context, server, peer string, say *json.Encoder) error {
	ctx, cancel := context.WithCancel(ctx)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: server, Key: signaling.DefaultKey}, log)
	if err != nil {
		cancel()
		return err
	}
	p, err := rtc.New(rtc.DefaultConfig(), log)
	if err != nil {
		cancel()
		return err
	}
	link, err := p.Attach("server", sig)
	if err != nil {
		cancel()
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = link.Run(ctx) })
	defer wg.Wait()
	defer sig.Close()
	defer cancel()
	defer p.Close()
	s, err := p.Dial(ctx, rtc.Target{Server: "server", PeerID: peer})
	if err != nil {
		return err
	}
	if err := say.Encode(map[string]string{"event": "connected"}); err != nil {
		return err
	}
	return askOn(ctx, s, say)
}

func askOn(ctx context.Context, s *rtc.Session, say *json.Encoder) error {
	for {
		if err := s.Send(ctx, []byte(`{"id":1,"url":"timestamp","method":"GET"}`)); err != nil {
			return err
		}
		if _, err := s.Recv(); err != nil {
			return err
		}
		if err := say.Encode(map[string]string{"event": "reply"}); err != nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
