package rtc_test

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// onlyTCP removes the UDP candidates from both descriptions: there is no way
// through by UDP then. It reports on seen when it saw one of TCP.
func onlyTCP(seen chan<- string) func(*signaling.Message) bool {
	return func(m *signaling.Message) bool {
		if m.Type == signaling.TypeCandidate {
			return false
		}
		edit(m, func(sdp string) string {
			var kept []string
			for line := range strings.Lines(sdp) {
				if strings.HasPrefix(line, "a=candidate:") && strings.Contains(strings.ToLower(line), " udp ") {
					continue
				}
				if strings.Contains(line, "tcptype passive") {
					select {
					case seen <- strings.TrimSpace(line):
					default:
					}
				}
				kept = append(kept, line)
			}
			return strings.Join(kept, "")
		})
		return true
	}
}

func TestSessionOverTCP(t *testing.T) {
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"})
	h := newHub()
	seen := make(chan string, 1)
	h.tamper = onlyTCP(seen)
	server, _ := startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	s := dial(t, start(t, h, "client", nil), server)
	large := strings.Repeat("x", 60_000)
	for _, msg := range []string{"hello", large, "again"} {
		if got := roundTrip(t, s, msg); got != msg {
			t.Errorf("a message of %d bytes came back as %d", len(msg), len(got))
		}
	}
	_, port, err := net.SplitHostPort(ports.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	if got := <-seen; !strings.Contains(got, " 127.0.0.1 "+port+" ") {
		t.Errorf("the answer offers %q, want 127.0.0.1 port %s", got, port)
	}
	if n := s.Datagrams(); n < 100 {
		t.Errorf("Datagrams = %d after 120,000 bytes over TCP, want at least 100", n)
	}
}

// closedWithin reports whether the other side closes conn in time.
func closedWithin(t *testing.T, conn net.Conn, d time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if err == nil {
		t.Fatal("the port answered a stranger")
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// framed is a packet as RFC 4571 puts it on a stream.
func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

func TestStrangersOnTCPAreClosed(t *testing.T) {
	limits := rtc.DefaultTCPLimits()
	limits.FirstCheck = 300 * time.Millisecond
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TCPLimits: limits})
	for _, tt := range []struct {
		name string
		send []byte
	}{
		{"silence", nil},
		{"half a header", []byte{0}},
		{"half a frame", []byte{0, 100, 1, 2, 3}},
		{"an empty frame", []byte{0, 0}},
		{"a frame too long", []byte{0xff, 0xff, 1, 2, 3}},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"STUN without a name", framed(stunRequest(""))},
		{"STUN for nobody", framed(stunRequest("nobody:here"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dialTCP(t, ports.TCPAddr())
			if _, err := conn.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			if !closedWithin(t, conn, 5*time.Second) {
				t.Error("the connection was not closed")
			}
		})
	}
}

func TestTCPConnectionsAreLimited(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*rtc.TCPLimits)
	}{
		{"in all", func(l *rtc.TCPLimits) { l.Conns = 3 }},
		{"per address", func(l *rtc.TCPLimits) { l.PerAddress = 3 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := rtc.DefaultTCPLimits()
			limits.FirstCheck = time.Minute
			tt.change(&limits)
			ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TCPLimits: limits})
			var held []net.Conn
			for range 3 {
				held = append(held, dialTCP(t, ports.TCPAddr()))
			}
			if !closedWithin(t, dialTCP(t, ports.TCPAddr()), 5*time.Second) {
				t.Error("a connection over the limit was kept")
			}
			for i, conn := range held {
				if closedWithin(t, conn, 50*time.Millisecond) {
					t.Errorf("connection %d within the limit was closed", i)
				}
			}
			// A place is free again once its holder has gone.
			held[0].Close()
			deadline := time.Now().Add(5 * time.Second)
			for closedWithin(t, dialTCP(t, ports.TCPAddr()), 50*time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the place of a connection that ended stays taken")
				}
			}
		})
	}
}

// stunRequest is a binding request with that USERNAME, unsigned.
func stunRequest(name string) []byte {
	var attrs []byte
	if name != "" {
		attrs = binary.BigEndian.AppendUint16(attrs, 6)
		attrs = binary.BigEndian.AppendUint16(attrs, uint16(len(name)))
		attrs = append(attrs, name...)
		for len(attrs)%4 != 0 {
			attrs = append(attrs, 0)
		}
	}
	b := []byte{0, 1}
	b = binary.BigEndian.AppendUint16(b, uint16(len(attrs)))
	b = binary.BigEndian.AppendUint32(b, 0x2112A442)
	b = append(b, "transaction!"...)
	return append(b, attrs...)
}
