package rtc_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/liberdus/liberdus/rtc"
)

// A dial may be held to one transport, and is told what the answer offers.
func TestDialOverOneTransport(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"})
	h := newHub()
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	udp, tcp := netip.MustParseAddrPort(ports.UDPAddr()), netip.MustParseAddrPort(ports.TCPAddr())
	for name, want := range map[rtc.Transport]netip.AddrPort{rtc.TransportUDP: udp, rtc.TransportTCP: tcp} {
		t.Run(string(name), func(t *testing.T) {
			var overUDP, overTCP []netip.AddrPort
			to := target(server)
			to.Only = name
			to.Answered = func(u, c []netip.AddrPort) { overUDP, overTCP = u, c }
			s, err := start(t, h, "client over "+string(name), nil).Dial(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			if got := roundTrip(t, s, "hello"); got != "hello" {
				t.Errorf("echo = %q", got)
			}
			if s.RemoteAddr() != want {
				t.Errorf("the session goes to %v, want %v", s.RemoteAddr(), want)
			}
			if !slices.Contains(overUDP, udp) || !slices.Contains(overTCP, tcp) {
				t.Errorf("the answer offers %v and %v, want %v and %v", overUDP, overTCP, udp, tcp)
			}
		})
	}
}
