package rtc

import (
	"net/netip"

	"github.com/pion/ice/v2"
	"github.com/pion/interceptor"
	"github.com/pion/stun"
	"github.com/pion/transport/v2/stdnet"
	"github.com/pion/webrtc/v3"
)

// api returns pion's front door for this one connection: its settings differ in
// who counts the datagrams.
func (c *conn) api() *webrtc.API {
	s := c.p.set
	s.LoggerFactory = chunkLog{s.LoggerFactory, &c.count}
	if !c.dials {
		r := roamer{quiet: c.p.cfg.Silence / 4}
		s.SetICEBindingRequestHandler(func(m *stun.Message, local, remote ice.Candidate, pair *ice.CandidatePair) bool {
			c.hear(remote.Address())
			return r.consider(m, local, remote, pair)
		})
	}
	if ports := c.p.cfg.Ports; ports != nil && !c.dials {
		c.shared(&s, ports)
	} else {
		c.ownSockets(&s)
	}
	return webrtc.NewAPI(
		webrtc.WithSettingEngine(s),
		webrtc.WithMediaEngine(&webrtc.MediaEngine{}),           // no codecs:
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}), // data channels only
	)
}

// shared has the connection come in on the ports.
func (c *conn) shared(s *webrtc.SettingEngine, ports *Ports) {
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	s.SetICEUDPMux(udpMux{ports, &c.count})
	var tcp []netip.Addr
	if ports.tcp != nil {
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
		s.SetICETCPMux(tcpMux{ports.tcp, &c.count})
		for _, a := range ports.tcp.advertised() {
			tcp = append(tcp, a.Addr())
		}
	}
	s.SetNetworkTypes(types)
	s.SetNet(advertisedNet{&stdnet.Net{}, tcp})
	s.SetIncludeLoopbackCandidate(true) // the ports have chosen already
	s.DisableActiveTCP(true)            // a stranger's offer must not make us connect to where it likes
}

// ownSockets gives the connection a socket on each address of this machine, and
// has it connect to a peer's TCP port where it is told one.
func (c *conn) ownSockets(s *webrtc.SettingEngine) {
	s.SetNetworkTypes(c.networks())
	s.DisableActiveTCP(!c.dials)
	s.SetNet(hostNet{&stdnet.Net{}, c.p.interfaces, &c.count})
}

// Datagrams returns about how many packets the session has sent and received;
// never fewer than carried encrypted records. On a TCP connection that we opened
// it is reckoned from the messages.
func (s *Session) Datagrams() uint64 {
	messages := uint64(s.dc.MessagesSent()) + uint64(s.dc.MessagesReceived())
	bytes := s.dc.BytesSent() + s.dc.BytesReceived()
	// Each packet of at most some 1,200 bytes, and an acknowledgement for it.
	return max(s.c.count.Load(), 2*(messages+bytes/1000))
}
