package rtc_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/rtc"
)

// openPorts runs ports until the test ends.
func openPorts(t *testing.T, cfg rtc.PortsConfig) *rtc.Ports {
	t.Helper()
	p, err := rtc.OpenPorts(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	runPorts(t, p)
	return p
}

// runPorts runs p until the test ends, after the peers that use it.
func runPorts(t *testing.T, p *rtc.Ports) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
}

// dial opens a session that lives as long as the test.
func dial(t *testing.T, from, to *node) *rtc.Session {
	t.Helper()
	s, err := from.Dial(t.Context(), target(to))
	if err != nil {
		t.Fatalf("Dial = %v", err)
	}
	return s
}

// Every accepted session is on the one UDP port, and each knows its datagrams.
func TestOnePort(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"})
	addr := netip.MustParseAddrPort(ports.UDPAddr())
	if got := ports.Advertised(); len(got) != 1 || got[0] != addr {
		t.Fatalf("Advertised = %v, want %v alone", got, addr)
	}
	h := newHub()
	accepted := make(chan *rtc.Session, 8)
	server, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Ports = ports
		c.Serve = func(ctx context.Context, s *rtc.Session) {
			accepted <- s
			echo(ctx, s)
		}
	})
	var sessions []*rtc.Session
	for _, id := range []string{"a", "b", "c"} {
		sessions = append(sessions, dial(t, start(t, h, id, nil), server))
	}
	for _, s := range sessions {
		before := s.Datagrams()
		for range 50 {
			roundTrip(t, s, "again")
		}
		if n := s.Datagrams() - before; n < 100 || n > 1000 {
			t.Errorf("50 round trips counted %d datagrams at the dialler, want 100 to 1000", n)
		}
		if n := (<-accepted).Datagrams(); n < 100 {
			t.Errorf("%d datagrams counted at the node, want at least 100", n)
		}
	}
	if _, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err == nil {
		t.Error("the port could be bound twice")
	}
}
