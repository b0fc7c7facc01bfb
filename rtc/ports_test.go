package rtc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
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

// A logbook keeps what is logged, a line each.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

func (b *logbook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// helloDTLS is the beginning of a DTLS 1.2 ClientHello: 100 bytes of a record.
func helloDTLS() []byte {
	b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 87, 1, 0, 0, 75, 0, 0, 0, 0, 0, 0, 0, 75, 0xfe, 0xfd}
	return append(b, make([]byte, 100-len(b))...)
}

// Whoever sends the port 3,000 beginnings of handshakes and as much garbage
// disturbs no session, is not answered, and fills no log.
func TestHostilePacketsDisturbNobody(t *testing.T) {
	var book logbook
	log := slog.New(slog.NewTextHandler(&book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ports, err := rtc.OpenPorts(rtc.PortsConfig{UDP: "127.0.0.1:0"}, log)
	if err != nil {
		t.Fatal(err)
	}
	runPorts(t, ports)
	h := newHub()
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	s := dial(t, start(t, h, "client", nil), server)

	before := len(book.all())
	var wg sync.WaitGroup
	const attackers, handshakes = 10, 300
	for i := range attackers {
		conn, err := net.Dial("udp", ports.UDPAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range handshakes {
				garbage := make([]byte, random.IntN(1500))
				for i := range garbage {
					garbage[i] = byte(random.Uint32())
				}
				for _, packet := range [][]byte{
					stunRequest(""), stunRequest(fmt.Sprintf("guess%d:x", n)), stunRequest(":"),
					stunRequest("a:b")[:30], helloDTLS(), garbage,
					{},
				} {
					if _, err := conn.Write(packet); err != nil {
						return // the kernel is asked for more than it takes
					}
				}
			}
			if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Error(err)
			}
			if n, err := conn.Read(make([]byte, 1500)); err == nil {
				t.Errorf("a stranger was answered with %d bytes", n)
			}
		})
	}
	for range 200 {
		if got := roundTrip(t, s, "in the middle of it"); got != "in the middle of it" {
			t.Fatalf("the honest session got %q", got)
		}
	}
	wg.Wait()
	if n, _ := rtc.Dropped(ports); n < attackers*handshakes {
		t.Errorf("%d packets reached the port, want at least %d: this test shows little", n, attackers*handshakes)
	}
	dial(t, start(t, h, "another", nil), server)
	if lines := book.all()[before:]; len(lines) > 3 {
		t.Errorf("%d lines were logged, the first: %q", len(lines), lines[0])
	}
}

// A stranger who names somebody else's address as a candidate of its own has
// the node send there, and gets none of the packets that come from there.
func TestAddressOfAnotherCannotBeTaken(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"})
	h := newHub()
	var (
		mu     sync.Mutex
		victim []string // the honest client's candidates
	)
	h.tamper = func(m *signaling.Message) bool {
		mu.Lock()
		defer mu.Unlock()
		if m.Type != signaling.TypeOffer {
			return true
		}
		edit(m, func(sdp string) string {
			if m.Src == "attacker" {
				return dropLines(sdp, "a=candidate:") + strings.Join(victim, "")
			}
			for line := range strings.Lines(sdp) {
				if strings.HasPrefix(line, "a=candidate:") {
					victim = append(victim, line)
				}
			}
			return sdp
		})
		return true
	}
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	honest := dial(t, start(t, h, "honest", nil), server)
	roundTrip(t, honest, "before")
	attacker := dial(t, start(t, h, "attacker", nil), server)
	for range 100 { // while the node sends its checks to both
		roundTrip(t, attacker, "attacker")
		if got := roundTrip(t, honest, "honest"); got != "honest" {
			t.Fatalf("the honest session got %q", got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(victim) == 0 {
		t.Error("the attacker had no candidates to name: this test shows nothing")
	}
}

// One peer that reads nothing costs the others on the same port nothing, and is
// closed.
func TestSlowPeerSlowsNobody(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"})
	h := newHub()
	closed := make(chan error, 1)
	server, _ := startEcho(t, h, func(c *rtc.Config) {
		c.Ports = ports
		c.SendTimeout, c.MaxBuffered = time.Second, 64<<10
		c.Serve = func(ctx context.Context, s *rtc.Session) {
			if s.PeerID() == "honest" {
				echo(ctx, s)
				return
			}
			var err error
			for msg := make([]byte, 32<<10); err == nil; {
				err = s.Send(ctx, msg)
			}
			closed <- err
		}
	})
	honest := dial(t, start(t, h, "honest", nil), server)
	dial(t, start(t, h, "slow", nil), server) // and reads nothing
	trips := 0
	for {
		select {
		case err := <-closed:
			if !errors.Is(err, rtc.ErrSlowPeer) {
				t.Errorf("the slow session ended with %v, want ErrSlowPeer", err)
			}
			if trips < 50 {
				t.Errorf("%d round trips while the other was stuck, want 50", trips)
			}
			return
		default:
		}
		roundTrip(t, honest, "hello")
		trips++
	}
}

func TestAdvertisedAddresses(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  rtc.PortsConfig
		want []string // port 0 is the one bound
	}{
		{"one address", rtc.PortsConfig{UDP: "127.0.0.1:0"}, []string{"127.0.0.1:0"}},
		{"a name", rtc.PortsConfig{UDP: "localhost:0"}, []string{"127.0.0.1:0"}},
		{"IPv6 loopback", rtc.PortsConfig{UDP: "[::1]:0"}, []string{"127.0.0.1:0", "[::1]:0"}},
		{"one family of loopback", rtc.PortsConfig{UDP: "[::1]:0", Family: "6"}, []string{"[::1]:0"}},
		{"a loopback interface by name", rtc.PortsConfig{UDP: "0.0.0.0:0", Interfaces: []string{"lo"}}, []string{"127.0.0.1:0"}},
		{"behind a NAT", rtc.PortsConfig{UDP: "127.0.0.1:0", UDPExternal: []string{"203.0.113.7"}}, []string{"203.0.113.7:0"}},
		{"behind a NAT with another port", rtc.PortsConfig{UDP: "127.0.0.1:0", UDPExternal: []string{"203.0.113.7:4242"}}, []string{"203.0.113.7:4242"}},
		{"a NAT of the other family", rtc.PortsConfig{UDP: "127.0.0.1:0", UDPExternal: []string{"2001:db8::7"}}, []string{"127.0.0.1:0"}},
		{"each family by itself", rtc.PortsConfig{UDP: "[::1]:0", UDPExternal: []string{"2001:db8::7"}}, []string{"127.0.0.1:0", "[2001:db8::7]:0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ports := openPorts(t, tt.cfg)
			_, port, err := net.SplitHostPort(ports.UDPAddr())
			if err != nil || port == "0" {
				t.Fatalf("UDPAddr = %q, %v", ports.UDPAddr(), err)
			}
			var got, want []string
			for _, a := range ports.Advertised() {
				got = append(got, a.String())
			}
			for _, a := range tt.want {
				if bare, ok := strings.CutSuffix(a, ":0"); ok {
					a = bare + ":" + port
				}
				want = append(want, a)
			}
			if !slices.Equal(got, want) {
				t.Errorf("Advertised = %v, want %v", got, want)
			}
		})
	}
}

func TestOpenPortsRefuses(t *testing.T) {
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenTCP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer takenTCP.Close()
	for _, tt := range []struct {
		name, want string
		cfg        rtc.PortsConfig
	}{
		{"a UDP port in use", "is another process using the port?", rtc.PortsConfig{UDP: taken.LocalAddr().String()}},
		{"a TCP port in use", "is another process using the port?", rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: takenTCP.Addr().String()}},
		{"an address of nobody here", "203.0.113.7", rtc.PortsConfig{UDP: "203.0.113.7:0"}},
		{"an interface that is not there", "--interface", rtc.PortsConfig{UDP: ":0", Interfaces: []string{"nosuch0"}}},
		{"no address", "UDP address", rtc.PortsConfig{}},
		{"an external name", "neither an IP", rtc.PortsConfig{UDP: "127.0.0.1:0", UDPExternal: []string{"example.org"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := rtc.OpenPorts(tt.cfg, discard())
			if err == nil {
				p.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("OpenPorts = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// The machine's addresses come and go; sessions on one that stays live on.
func TestAddressesChange(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "0.0.0.0:0"})
	advertised := func(want ...string) {
		t.Helper()
		var got []string
		for _, a := range ports.Advertised() {
			got = append(got, a.Addr().String())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("Advertised = %v, want %v", got, want)
		}
	}
	rtc.SetInterfaces(ports, "127.0.0.2")
	advertised("127.0.0.2")
	h := newHub()
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	s := dial(t, start(t, h, "a", nil), server)
	roundTrip(t, s, "on the first")
	rtc.SetInterfaces(ports, "127.0.0.2", "127.0.0.3")
	advertised("127.0.0.2", "127.0.0.3")
	roundTrip(t, s, "on the first still")
	rtc.SetInterfaces(ports, "127.0.0.3")
	advertised("127.0.0.3")
	roundTrip(t, dial(t, start(t, h, "b", nil), server), "on the second")
}

// Settings that leave no address are refused, with the settings to look at.
func TestPortsWithoutAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  rtc.PortsConfig
		says string
	}{
		{"another family", rtc.PortsConfig{UDP: "127.0.0.1:0", Family: "6"}, "--family"},
		{"no such interface", rtc.PortsConfig{UDP: "127.0.0.1:0", Interfaces: []string{"nope0"}}, "--interface"},
		{"an external address of another family", rtc.PortsConfig{UDP: "127.0.0.1:0", UDPExternal: []string{"::1"}}, "--udp-external"},
		{"an external TCP address of another family", rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TCPExternal: []string{"::1"}}, "--tcp-external"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := rtc.OpenPorts(tt.cfg, discard())
			if err == nil {
				err = p.CheckExternal()
				p.Close()
			}
			if !errors.Is(err, rtc.ErrNoAddress) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("OpenPorts = %v, want ErrNoAddress that names %s", err, tt.says)
			}
		})
	}
	openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0", Family: "4", Interfaces: []string{"lo"}})
}
