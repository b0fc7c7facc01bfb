package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/rtc"
)

// A wornRound is what a page of worn.html tells of one session.
type wornRound struct {
	Slow            any // the answer to what was in hand
	Asked, Answered int // of the others
}

// A session with a stock page that has carried as much, or lasted as long, as one may ends so that
// the page misses nothing: what the node has read is answered, then the channel is closed, and the
// page that dials again is served again.
func TestStockPeersAreDrainedAndClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	server, browser := pages(t), browse(t)
	host, port := hostPort(t, archiver.addr)
	const rounds = 2
	for i, tt := range []struct {
		name string
		lib  string
		wear func(*rtc.Config)
	}{
		{"peerjs by datagrams", "peerjs", func(c *rtc.Config) { c.MaxDatagrams = 300 }},
		{"peerjs by age", "peerjs", func(c *rtc.Config) { c.MaxAge = 2 * time.Second }},
		{"simple-peerjs by datagrams", "simple-peerjs", func(c *rtc.Config) { c.MaxDatagrams = 300 }},
		{"simple-peerjs by age", "simple-peerjs", func(c *rtc.Config) { c.MaxAge = 2 * time.Second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := fmt.Sprint("worn", i)
			node := startPeer(t, archiver.url()+"/liberdus-peer", id, func(c *rtc.Config) {
				tt.wear(c)
				c.Serve = func(ctx context.Context, s *rtc.Session) { serveUntilWorn(ctx, t, s) }
			})
			got := visitFor[struct {
				Rounds []wornRound
				Error  string
			}](t, browser, server.URL+"/worn.html", url.Values{
				"lib": {tt.lib}, "host": {host}, "port": {port}, "peer": {id}, "rounds": {fmt.Sprint(rounds)},
			})
			if got.Error != "" || len(got.Rounds) != rounds {
				t.Fatalf("%+v, want %d rounds", got, rounds)
			}
			for _, r := range got.Rounds {
				// One quick request may have met a node that reads no more.
				if r.Slow != "drained" || r.Answered < 10 || r.Asked-r.Answered > 1 {
					t.Errorf("round %+v, want what was in hand answered, and the others but one", r)
				}
			}
			if worn := node.Stats().Worn; worn != rounds {
				t.Errorf("%d sessions were worn, want %d", worn, rounds)
			}
			gone(t, node)
		})
	}
}

// serveUntilWorn serves as a consensor does. "slow" is answered once the session is worn.
func serveUntilWorn(ctx context.Context, t *testing.T, s *rtc.Session) {
	cfg := rpc.DefaultServerConfig("node")
	cfg.Work = s.Work()
	err := rpc.Serve(ctx, s, cfg, func(ctx context.Context, r rpc.Request) rpc.Response {
		if r.URL != "slow" {
			return rpc.Response{Status: 200, Body: json.RawMessage(`"at once"`)}
		}
		select {
		case <-s.Worn():
		case <-ctx.Done():
		}
		return rpc.Response{Status: 200, Body: json.RawMessage(`"drained"`)}
	}, slog.New(slog.DiscardHandler))
	if !errors.Is(err, rtc.ErrStopped) {
		t.Errorf("the session ended with %v, want that it is worn", err)
	}
	flush, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.Flush(flush); err != nil {
		t.Errorf("flush: %v", err)
	}
}
