package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

func limits(t *testing.T, change func(*rpc.LimitsConfig)) *rpc.Limits {
	t.Helper()
	cfg := rpc.DefaultLimitsConfig()
	change(&cfg)
	l, err := rpc.NewLimits(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// status is what a reply says of one request.
type status struct {
	ID, Status int
	Code       string // of a fault
	RetryAfter int    // of a fault
}

func (s *stream) status(t *testing.T) (got status) {
	t.Helper()
	var reply struct {
		ID, Status int
		Body       json.RawMessage
	}
	if err := json.Unmarshal([]byte(s.recv(t)), &reply); err != nil {
		t.Fatal(err)
	}
	got.ID, got.Status = reply.ID, reply.Status
	if got.Status >= 400 {
		if err := json.Unmarshal(reply.Body, &got); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// Requests that come too fast are delayed, and refused where the delay would be
// too long; the time to try again is in the refusal.
func TestPace(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*rpc.LimitsConfig)
		exempt  bool
		served  int // of 10 requests at once
		took    time.Duration
		refused func(rpc.LimitStats) uint64
	}{
		{
			name: "of one stream", served: 6, took: time.Second, // 2 at once, 4 more within the second
			change:  func(c *rpc.LimitsConfig) { c.PerSecond, c.AtOnce, c.MaxDelay = 4, 2, time.Second },
			refused: func(s rpc.LimitStats) uint64 { return s.RefusedRate },
		},
		{
			name: "of all streams", served: 8, took: time.Second,
			change:  func(c *rpc.LimitsConfig) { c.TotalPerSecond, c.MaxDelay = 4, time.Second },
			refused: func(s rpc.LimitStats) uint64 { return s.RefusedTotal },
		},
		{
			name: "exempt", exempt: true, served: 10,
			change: func(c *rpc.LimitsConfig) { c.PerSecond, c.AtOnce, c.TotalPerSecond = 1, 1, 1 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config()
				cfg.Limits, cfg.Exempt = limits(t, tt.change), tt.exempt
				s := serve(t, 16, cfg, work)
				start := time.Now()
				for i := range 10 {
					s.send(t, fmt.Sprintf(`{"id":%d,"url":"x","body":0}`, i))
				}
				served, last := 0, time.Duration(0)
				for range 10 {
					switch got := s.status(t); {
					case got.Status == 200:
						served++
						last = time.Since(start)
					case got.Status != 429 || got.Code != "busy" || got.RetryAfter <= 1000 || time.Since(start) > 0:
						t.Errorf("reply %+v after %v, want a refusal at once, with a time over 1 s", got, time.Since(start))
					}
				}
				if served != tt.served || last != tt.took {
					t.Errorf("%d served, the last after %v; want %d and %v", served, last, tt.served, tt.took)
				}
				stats := cfg.Limits.Stats()
				if stats.Requests != 10 {
					t.Errorf("%d requests counted, want 10", stats.Requests)
				}
				if tt.refused != nil && tt.refused(stats) != uint64(10-tt.served) {
					t.Errorf("refusals counted: %+v, want %d", stats, 10-tt.served)
				}
				time.Sleep(3 * time.Second) // what was refused was not charged
				s.send(t, `{"id":11,"url":"x","body":0}`)
				if got := s.status(t); got.Status != 200 {
					t.Errorf("a request in good time = %+v, want 200", got)
				}
			})
		})
	}
}

// The requests of one stream do not use up the pace of another.
func TestStreamsHaveTheirOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Limits = limits(t, func(c *rpc.LimitsConfig) { c.PerSecond, c.AtOnce, c.MaxDelay = 1, 1, time.Millisecond })
		for range 3 {
			s := serve(t, 4, cfg, work)
			s.send(t, `{"id":1,"url":"x","body":0}`)
			if got := s.status(t); got.Status != 200 {
				t.Errorf("first request of a stream = %+v, want 200", got)
			}
		}
	})
}

// A request that would be delayed beyond its own deadline is refused at once.
func TestDelayBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Limits = limits(t, func(c *rpc.LimitsConfig) { c.PerSecond, c.AtOnce = 1, 1 })
		s := serve(t, 4, cfg, work)
		s.send(t, `{"id":1,"url":"x","body":0}`)
		s.send(t, `{"id":2,"url":"x","body":0,"timeout":500}`)
		if got := s.status(t); got.Status != 200 {
			t.Errorf("first = %+v, want 200", got)
		}
		if got := s.status(t); got.Status != 429 || got.RetryAfter != 1000 {
			t.Errorf("second = %+v, want 429 and retryAfter 1000", got)
		}
	})
}

// The messages in hand of all streams are bounded by their bytes: a further one
// waits for room, and is refused when it has waited too long.
func TestBytesInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Limits = limits(t, func(c *rpc.LimitsConfig) { c.MaxBytes, c.MaxDelay = 1<<20, time.Second })
		release := make(chan struct{})
		hold := func(_ context.Context, r rpc.Request) rpc.Response {
			if r.URL == "hold" {
				<-release
			}
			return rpc.JSON([]byte("1"))
		}
		large := `,"body":"` + strings.Repeat("x", 200<<10) + `"}`
		a, b := serve(t, 16, cfg, hold), serve(t, 16, cfg, hold)
		for i := range 5 {
			a.send(t, fmt.Sprintf(`{"id":%d,"url":"hold"`, i)+large)
		}
		synctest.Wait()
		start := time.Now()
		b.send(t, `{"id":6,"url":"hold"`+large)
		if got := b.status(t); got.Status != 429 || got.RetryAfter != 1000 || time.Since(start) != time.Second {
			t.Errorf("the sixth = %+v after %v, want 429 after 1 s", got, time.Since(start))
		}
		b.send(t, `{"id":7,"url":"x"`+large)
		synctest.Wait()
		close(release)
		for range 5 {
			a.status(t)
		}
		if got := b.status(t); got.Status != 200 {
			t.Errorf("one that waited for room = %+v, want 200", got)
		}
		if got := cfg.Limits.Stats().RefusedBytes; got != 1 {
			t.Errorf("%d refusals counted, want 1", got)
		}
	})
}

// What is dropped or cannot be read is charged and counted like the rest.
func TestFaultyMessagesAreCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Limits = limits(t, func(c *rpc.LimitsConfig) { c.PerSecond, c.AtOnce, c.MaxDelay = 0.1, 2, time.Millisecond })
		s := serve(t, 8, cfg, work)
		for _, tt := range []struct {
			msg  string
			want int
		}{{`nonsense`, 400}, {strings.Repeat("x", 1<<19), 413}, {`{"id":1,"url":"x","body":0}`, 429}} {
			s.send(t, tt.msg)
			if got := s.status(t); got.Status != tt.want {
				t.Errorf("reply to %.10s = %+v, want %d", tt.msg, got, tt.want)
			}
		}
		if got := cfg.Limits.Stats(); got.Malformed != 1 || got.TooLarge != 1 || got.Requests != 3 {
			t.Errorf("counted %+v, want one malformed, one too large, of three", got)
		}
	})
}

func TestLimitsConfigIsChecked(t *testing.T) {
	_, err := rpc.NewLimits(rpc.LimitsConfig{})
	for _, part := range []string{"per second", "at once", "in all", "bytes", "delay"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("NewLimits = %v, want it to name %q", err, part)
		}
	}
}
