package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// newOurSessionLoad is our own client, for what depends on both ends: which of
// them checks that the other is alive, and how often.
func newOurSessionLoad() loader {
	var sessions []*rtc.Session
	var clients []*ourClient
	return func(ctx context.Context, c command) (any, error) {
		switch c.Do {
		case "connect":
			var a connectArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			var took []float64
			for range a.Sessions {
				if len(sessions)%perSignaller == 0 {
					client, err := newOurClient(ctx, a.Server)
					if err != nil {
						return nil, err
					}
					clients = append(clients, client)
				}
				began := time.Now()
				s, err := clients[len(clients)-1].Dial(ctx, rtc.Target{Server: "archiver", PeerID: a.Peer, Dialect: rtc.DialectSimplePeer})
				if err != nil {
					return nil, fmt.Errorf("session %d: %w", len(sessions)+1, err)
				}
				sessions = append(sessions, s)
				took = append(took, milliseconds(time.Since(began)))
			}
			return took, nil
		case "check":
			for i, s := range sessions {
				if err := s.Err(); err != nil {
					return nil, fmt.Errorf("session %d: %w", i+1, err)
				}
			}
			return nil, nil
		case "hang up":
			for _, client := range clients {
				client.close()
			}
			sessions, clients = nil, nil
			return nil, nil
		}
		return nil, errors.New("unknown command " + c.Do)
	}
}

// An ourClient is a Peer and its signalling connection.
type ourClient struct {
	*rtc.Peer
	sig     *signaling.Client
	reading sync.WaitGroup
}

func newOurClient(ctx context.Context, server string) (*ourClient, error) {
	log := slog.New(slog.DiscardHandler)
	p, err := rtc.New(rtc.DefaultConfig(), log)
	if err != nil {
		return nil, err
	}
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: server}, log)
	if err != nil {
		return nil, err
	}
	link, err := p.Attach("archiver", sig)
	if err != nil {
		return nil, err
	}
	c := &ourClient{Peer: p, sig: sig}
	c.reading.Go(func() { _ = link.Run(ctx) }) // ends with sig
	return c, nil
}

// close ends the sessions, and waits until nothing of the client is left.
func (c *ourClient) close() {
	c.Close()
	c.sig.Close()
	c.reading.Wait()
}
