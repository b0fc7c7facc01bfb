package rtc_test

import (
	"net"
	"testing"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// bench is two agents on one port, and a remote socket.
type bench struct {
	t      *testing.T
	ports  *rtc.Ports
	agents map[string]net.PacketConn
	got    chan string // "agent: packet"
	remote net.PacketConn
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, ports: openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"}), agents: make(map[string]net.PacketConn), got: make(chan string, 16)}
	b.remote = listenUDP(t)
	for _, ufrag := range []string{"x", "y"} {
		conn, err := rtc.Agent(b.ports, ufrag)
		if err != nil {
			t.Fatal(err)
		}
		b.agents[ufrag] = conn
		done := make(chan struct{})
		go func() {
			defer close(done)
			for buf := make([]byte, 9000); ; {
				n, _, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				b.got <- ufrag + ": " + kind(buf[:n])
			}
		}()
		t.Cleanup(func() {
			conn.Close()
			<-done
		})
	}
	return b
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func kind(b []byte) string {
	switch {
	case len(b) >= 20 && b[0] == 0:
		return "request"
	case len(b) >= 20 && b[0] == 1:
		return "success"
	}
	return string(b)
}

func (b *bench) say(from net.PacketConn, packet []byte) {
	b.t.Helper()
	if _, err := from.WriteTo(packet, net.UDPAddrFromAddrPort(b.ports.Advertised()[0])); err != nil {
		b.t.Fatal(err)
	}
}

// answer has an agent send a packet to the remote.
func (b *bench) answer(agent string, packet []byte) {
	b.t.Helper()
	if _, err := b.agents[agent].WriteTo(packet, b.remote.LocalAddr()); err != nil {
		b.t.Fatal(err)
	}
}

// want demands what an agent gets next. That a packet reached nobody shows in
// the one behind it.
func (b *bench) want(want string) {
	b.t.Helper()
	select {
	case got := <-b.got:
		if got != want {
			b.t.Fatalf("got %q, want %q", got, want)
		}
	case <-time.After(5 * time.Second):
		b.t.Fatalf("got nothing, want %q", want)
	}
}

func stunSuccess() []byte {
	b := stunRequest("")
	b[0] = 1
	return b
}

// An address is that of the agent which last answered from it with success.
func TestPacketsReachWhoeverProved(t *testing.T) {
	b := newBench(t)
	b.say(b.remote, []byte("before anything"))
	b.say(b.remote, stunRequest("y:remote"))
	b.want("y: request") // the one before was nobody's
	b.say(b.remote, []byte("unproven"))
	b.say(b.remote, stunRequest("y:remote"))
	b.want("y: request")
	b.answer("y", stunSuccess())
	b.say(b.remote, []byte("data"))
	b.want("y: data")

	b.answer("x", stunRequest("remote:x")) // x names the address as a candidate
	b.say(b.remote, []byte("data again"))
	b.want("y: data again")
	b.say(b.remote, stunSuccess())
	b.want("y: success")

	b.say(b.remote, stunRequest("x:remote")) // the remote starts over with x
	b.want("x: request")
	b.say(b.remote, []byte("not yet"))
	b.want("y: not yet")
	b.answer("x", stunSuccess())
	b.say(b.remote, []byte("moved"))
	b.want("x: moved")

	b.agents["y"].Close() // a late goodbye must not take the address along
	b.say(b.remote, []byte("still"))
	b.want("x: still")
	b.agents["x"].Close()
	other, err := rtc.Agent(b.ports, "x")
	if err != nil {
		t.Errorf("the user fragment of an agent that has gone = %v", err)
	} else {
		other.Close()
	}
}

// The first to send to an address gets what comes back: that is how a node's own
// checks are answered.
func TestAnswersToChecksComeBack(t *testing.T) {
	b := newBench(t)
	b.answer("x", stunRequest("remote:x"))
	b.say(b.remote, stunSuccess())
	b.want("x: success")
}

// The addresses of one session are limited; it keeps those that it has.
func TestAddressesOfASessionAreLimited(t *testing.T) {
	b := newBench(t)
	b.answer("y", stunSuccess())
	reached := 1
	for range 80 {
		from := listenUDP(t)
		b.say(from, stunRequest("y:many"))
		b.say(b.remote, []byte("probe"))
		got := <-b.got
		if got == "y: request" {
			reached++
			if _, err := b.agents["y"].WriteTo(stunSuccess(), from.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			got = <-b.got
		}
		if got != "y: probe" {
			t.Fatalf("got %q, want the probe", got)
		}
	}
	if reached != 64 {
		t.Errorf("packets of %d addresses reached the session, want 64", reached)
	}
}
