package signaling_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// entries are the lines of a log with a message.
func entries(t *testing.T, text, message string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e["msg"] == message {
			list = append(list, e)
		}
	}
	return list
}

// Who comes and goes all the time is counted in the log, not named each time;
// those who do as people do are, exempt addresses always.
func TestDiary(t *testing.T) {
	for _, tt := range []struct {
		name       string
		from       string
		comings    int
		every      time.Duration
		least      int // lines "peer connected"
		most       int
		summarised bool
	}{
		{"as people do", here, 60, 200 * time.Millisecond, 60, 60, false},
		{"a hundred at once", here, 100, 0, 100, 100, false},
		{"a flood", here, 500, 5 * time.Millisecond, 100, 240, true}, // 200 + 2.5 s × 20 lines, about half of them goodbyes
		{"a flood from an exempt address", "127.0.0.1:99", 500, 5 * time.Millisecond, 500, 500, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var text bytes.Buffer
				cfg := signaling.DefaultConfig()
				cfg.Path, cfg.Key, cfg.ConnectRate, cfg.ConnectBurst = "/", "peerjs", 1000, 10_000
				s, err := signaling.NewServer(cfg, signaling.Hooks{}, slog.New(slog.NewJSONHandler(&text, nil)))
				if err != nil {
					t.Fatal(err)
				}
				n := &pipeNet{Server: s, pipes: servePipes(t, s)}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				for i := range tt.comings {
					l := n.listen(t, fmt.Sprint("peer", i), "t", tt.from, true)
					l.conn.Close()
					synctest.Wait()
					time.Sleep(tt.every)
				}
				cancel()
				<-ended
				named := len(entries(t, text.String(), "peer connected"))
				if named < tt.least || named > tt.most {
					t.Errorf("%d of %d are named, want %d to %d", named, tt.comings, tt.least, tt.most)
				}
				lines := named + len(entries(t, text.String(), "peer disconnected"))
				sums := entries(t, text.String(), "peers come and go too fast for a line each")
				for _, e := range sums {
					lines += int(e["connected"].(float64)) + int(e["disconnected"].(float64))
				}
				if lines != 2*tt.comings || (len(sums) > 0) != tt.summarised || len(sums) > 3 {
					t.Errorf("%d of %d events are told of, in %d summaries", lines, 2*tt.comings, len(sums))
				}
			})
		})
	}
}

// Strangers cannot hide the nodes, which have ids that are keys.
func TestDiaryNamesNodesAmidAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		cfg := signaling.DefaultConfig()
		cfg.Path, cfg.Key, cfg.ConnectRate, cfg.ConnectBurst = "/", "peerjs", 1000, 10_000
		proof := func(string, string) (time.Time, error) { return time.Now().Add(time.Minute), nil }
		s, err := signaling.NewServer(cfg, signaling.Hooks{Proof: proof}, slog.New(slog.NewJSONHandler(&text, nil)))
		if err != nil {
			t.Fatal(err)
		}
		n := &pipeNet{Server: s, pipes: servePipes(t, s)}
		for i := range 300 {
			n.listen(t, fmt.Sprint("peer", i), "t", here, true)
		}
		key := strings.Repeat("ab", 32)
		n.listen(t, key, "t", netip.MustParseAddrPort(there).String(), true)
		if !strings.Contains(text.String(), key) {
			t.Error("the node is not named")
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Run(ctx)
	})
}

// One address cannot hide others by coming and going all the time, neither
// strangers nor nodes.
func TestDiaryNamesOthersAmidAFlood(t *testing.T) {
	const others = 20
	for _, tt := range []struct {
		name string
		id   func(i int) string
	}{
		{"strangers", func(i int) string { return fmt.Sprint("peer", i) }},
		{"nodes", func(i int) string { return fmt.Sprintf("%064x", i) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var text bytes.Buffer
				cfg := signaling.DefaultConfig()
				cfg.Path, cfg.Key, cfg.ConnectRate, cfg.ConnectBurst = "/", "peerjs", 1000, 10_000
				proof := func(string, string) (time.Time, error) { return time.Now().Add(time.Minute), nil }
				s, err := signaling.NewServer(cfg, signaling.Hooks{Proof: proof}, slog.New(slog.NewJSONHandler(&text, nil)))
				if err != nil {
					t.Fatal(err)
				}
				n := &pipeNet{Server: s, pipes: servePipes(t, s)}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				flood := 0
				for i := range others {
					for range 30 {
						n.listen(t, tt.id(1000+flood), fmt.Sprint("t", flood), here, true).conn.Close()
						flood++
					}
					n.listen(t, tt.id(i), fmt.Sprint("o", i), fmt.Sprintf("192.0.2.%d:1", 50+i), true)
					time.Sleep(100 * time.Millisecond)
				}
				cancel()
				<-ended
				named, flooders := 0, 0
				for _, e := range entries(t, text.String(), "peer connected") {
					if strings.HasPrefix(e["remote"].(string), "192.0.2.1:") {
						flooders++
					} else {
						named++
					}
				}
				if named != others || flooders > 150 { // 240 lines, half of them goodbyes, and a few
					t.Errorf("%d of %d others are named, and %d flooders, want all and at most 150", named, others, flooders)
				}
			})
		})
	}
}
