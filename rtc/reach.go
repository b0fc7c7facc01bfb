package rtc

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/webrtc/v3"
)

// A Transport is what ICE goes over.
type Transport string

// The transports, as a candidate names them (RFC 8839, RFC 6544).
const (
	TransportUDP Transport = "udp"
	TransportTCP Transport = "tcp"
)

// networks are the kinds of network that a connection with sockets of its own
// may use.
func (c *conn) networks() []webrtc.NetworkType {
	udp := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	tcp := []webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6}
	switch {
	case !c.dials || c.target.Only == TransportUDP:
		return udp
	case c.target.Only == TransportTCP:
		return tcp
	}
	return append(udp, tcp...)
}

// offered returns the addresses that a description names for a transport.
func offered(sdp string, over Transport) (list []netip.AddrPort) {
	for line := range strings.Lines(sdp) {
		text, found := strings.CutPrefix(line, "a=candidate:")
		if !found {
			continue
		}
		// foundation component transport priority address port …
		words := strings.Fields(text)
		if len(words) < 6 || !strings.EqualFold(words[2], string(over)) {
			continue
		}
		addr, err := netip.ParseAddr(words[4])
		port, perr := strconv.ParseUint(words[5], 10, 16)
		if err == nil && perr == nil {
			list = append(list, netip.AddrPortFrom(addr, uint16(port)))
		}
	}
	return list
}

// Buffers are sizes of a socket's buffers in bytes.
type Buffers struct{ Receive, Send int }

// SocketBuffers opens a UDP socket as [OpenPorts] does and returns what the kernel
// gives it, beside what is asked for and what is enough. The error is
// [errors.ErrUnsupported] where a system does not tell.
func SocketBuffers() (got Buffers, asked, enough int, err error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return Buffers{}, socketBuffer, socketBufferLow, err
	}
	defer conn.Close() // nothing was sent
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	got.Receive, got.Send, err = bufferSizes(conn)
	return got, socketBuffer, socketBufferLow, err
}
