package signaling_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/signaling"
	"github.com/liberdus/liberdus/signaling/conformance"
)

// Every statement about a PeerJS server, asked over TCP. Time is real here, so
// what may be late may be late; the next test is strict.
func TestConformance(t *testing.T) {
	side := conformance.Side{
		Kind:  conformance.Library,
		Slack: 5 * time.Second,
		Soak:  2 * time.Second,
		Start: func(o conformance.Options) (conformance.Server, error) {
			return serveConformance(t, o, func(h http.Handler) (base string, stop func()) {
				web := httptest.NewServer(h)
				return web.URL, web.Close
			})
		},
	}
	for _, seen := range conformance.ObserveAll(side, 32) {
		t.Run(seen.Name(), func(t *testing.T) { compare(t, side.Kind, seen) })
	}
}

// The same on a network of pipes and a clock of its own: every moment is exact.
func TestConformanceByTheClock(t *testing.T) {
	for _, s := range conformance.Statements() {
		if _, ok := s.Expected(conformance.Library); !ok {
			continue
		}
		t.Run(s.Name(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				side := conformance.Side{Kind: conformance.Library, Soak: 10 * time.Second}
				side.Start = func(o conformance.Options) (conformance.Server, error) {
					n := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
					s, err := serveConformance(t, o, func(h http.Handler) (base string, stop func()) { return "http://pipe", servePipesOn(n, h) })
					s.Dial = n.dialer(here)
					return s, err
				}
				got, err := s.Observe(side)
				compare(t, side.Kind, conformance.Seen{Statement: s, Got: got, Err: err})
			})
		})
	}
}

func compare(t *testing.T, kind conformance.Kind, seen conformance.Seen) {
	t.Helper()
	want, _ := seen.Expected(kind)
	if seen.Err != nil || seen.Got != want {
		t.Errorf("got  %s\nwant %s\nerr  %v", seen.Got, want, seen.Err)
	}
}

// The numbers are those of the statements' list, without a gap.
func TestConformanceIsComplete(t *testing.T) {
	all := conformance.Statements()
	if len(all) != 76 {
		t.Errorf("%d statements, want 76", len(all))
	}
	for i, s := range all {
		if s.Number != i+1 {
			t.Errorf("statement %d has number %d", i+1, s.Number)
		}
	}
}

// serveConformance starts a server with these options behind serve.
func serveConformance(t *testing.T, o conformance.Options, serve func(http.Handler) (base string, stop func())) (conformance.Server, error) {
	s, err := signaling.NewServer(conformanceConfig(o), signaling.Hooks{}, testLog(t))
	if err != nil {
		return conformance.Server{}, err
	}
	base, closeWeb := serve(s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}()
	return conformance.Server{Base: base, Stop: cancel, Ended: ended, Close: sync.OnceFunc(func() {
		cancel()
		<-ended
		closeWeb()
	})}, nil
}

func conformanceConfig(o conformance.Options) signaling.Config {
	cfg := signaling.DefaultConfig()
	cfg.Path, cfg.Key, cfg.AllowDiscovery, cfg.CORS = o.Path, conformance.Key, o.AllowDiscovery, o.CORS
	if o.ConcurrentLimit != nil {
		cfg.ConcurrentLimit = *o.ConcurrentLimit
	}
	for to, d := range map[*time.Duration]time.Duration{
		&cfg.ExpireTimeout: o.ExpireTimeout, &cfg.AliveTimeout: o.AliveTimeout, &cfg.CleanupInterval: o.CleanupInterval,
	} {
		if d != 0 {
			*to = d
		}
	}
	if o.GenerateConstant != "" {
		cfg.GenerateID = func() string { return o.GenerateConstant }
	}
	return cfg
}
