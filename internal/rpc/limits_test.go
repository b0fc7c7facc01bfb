package rpc_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A handler that overlooks its deadline keeps its slot until it returns.
func TestLateHandlersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.InFlight = 2
		s := serve(t, 4, cfg, stubborn)
		start := time.Now()
		s.send(t, `{"id":1,"url":"x","body":40000,"timeout":1000}`)
		s.send(t, `{"id":2,"url":"x","body":50000,"timeout":2000}`)
		s.send(t, `{"id":3,"url":"x","body":7}`)
		for _, want := range []struct {
			id    string
			after time.Duration
		}{{"1", time.Second}, {"2", 2 * time.Second}, {"3", 40 * time.Second}} {
			got, took := s.recv(t), time.Since(start)
			if reply := `{"id":` + want.id + `,"type":"x","method":"GET",` + late + `,"sender":"node"}`; got != reply || took != want.after {
				t.Errorf("reply = %s after %v, want %s after %v", got, took, reply, want.after)
			}
		}
	})
}

// The deadline counts from the arrival: what has waited for longer than that
// behind others is refused, not done.
func TestDeadlinesOfTheWaiting(t *testing.T) {
	for _, tt := range []struct {
		name, first, second string
	}{
		{"for its turn", `{"url":"x","body":5000}`, `{"url":"y","body":0,"timeout":4000}`},
		{"for a slot", `{"id":1,"url":"x","body":5000}`, `{"id":2,"url":"y","body":0,"timeout":4000}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config()
				cfg.InFlight = 1
				var handled atomic.Int32
				s := serve(t, 4, cfg, func(ctx context.Context, r rpc.Request) rpc.Response {
					handled.Add(1)
					return work(ctx, r)
				})
				s.send(t, tt.first)
				s.send(t, tt.second)
				if got := s.recv(t); !strings.Contains(got, `"status":200`) {
					t.Errorf("first reply = %s, want status 200", got)
				}
				if got := s.recv(t); !strings.Contains(got, `"type":"y","method":"GET",`+late) {
					t.Errorf("second reply = %s, want %s", got, late)
				}
				if n := handled.Load(); n != 1 {
					t.Errorf("handled %d requests, want 1", n)
				}
			})
		})
	}
}

// So many and no more are handled at once, however they are marked.
func TestInFlight(t *testing.T) {
	for name, ids := range map[string][]string{
		"with ids":          {`"id":1,`, `"id":2,`, `"id":3,`, `"id":4,`, `"id":5,`},
		"with the same id":  {`"id":1,`, `"id":1,`, `"id":1,`, `"id":1,`, `"id":1,`},
		"some without":      {`"id":1,`, ``, ``, `"id":4,`, `"id":5,`},
		"first one without": {``, `"id":2,`, ``, `"id":4,`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config()
				cfg.InFlight = 3
				var now, most atomic.Int32
				s := serve(t, 8, cfg, func(ctx context.Context, r rpc.Request) rpc.Response {
					most.Store(max(most.Load(), now.Add(1)))
					defer now.Add(-1)
					return work(ctx, r)
				})
				for _, id := range ids {
					s.send(t, `{`+id+`"url":"x","body":10}`)
				}
				for range ids {
					if got := s.recv(t); !strings.Contains(got, `"status":200`) {
						t.Errorf("reply = %s, want status 200", got)
					}
				}
				s.quiet(t)
				if n := most.Load(); n > 3 {
					t.Errorf("%d at once, want at most 3", n)
				}
			})
		})
	}
}

// A peer that reads nothing is not read from either.
func TestBackpressure(t *testing.T) {
	for name, msg := range map[string]string{
		"with id":        `{"id":1,"url":"x","body":1}`,
		"without":        `{"url":"x","body":1}`,
		"rubbish":        `rubbish`,
		"rubbish, id'ed": `{"id":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config()
				cfg.InFlight = 4
				var handled atomic.Int32
				s := serve(t, 0, cfg, func(ctx context.Context, r rpc.Request) rpc.Response {
					handled.Add(1)
					return work(ctx, r)
				})
				sent := 0
				for {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					err := s.Send(ctx, []byte(msg))
					cancel()
					if err != nil {
						break
					}
					sent++
				}
				if sent != cfg.InFlight+1 { // one is read and waits for a slot
					t.Errorf("%d messages were read, want %d", sent, cfg.InFlight+1)
				}
				if n := int(handled.Load()); n > cfg.InFlight {
					t.Errorf("handled %d, want at most %d", n, cfg.InFlight)
				}
				for range sent {
					s.recv(t) // none is lost
				}
			})
		})
	}
}
