package signaling_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd may be let in at once unless somebody is being served or garbage is
// around.
func TestBusy(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*testing.T, *pipeNet, *listener)
		want map[time.Duration]bool // after so long
	}{
		{"nobody says anything", func(*testing.T, *pipeNet, *listener) {}, map[time.Duration]bool{0: false}},
		{"heartbeats", func(_ *testing.T, _ *pipeNet, a *listener) { a.send(`{"type":"HEARTBEAT"}`) }, map[time.Duration]bool{0: false}},
		{"newcomers", func(t *testing.T, n *pipeNet, _ *listener) { n.listen(t, "b", "t", there, true) }, map[time.Duration]bool{0: false}},
		{
			"a message", func(_ *testing.T, _ *pipeNet, a *listener) { a.send(`{"type":"OFFER","dst":"a"}`) },
			map[time.Duration]bool{0: true, 9 * time.Second: true, 11 * time.Second: false},
		},
		{
			"a message to somebody who is not here", func(_ *testing.T, _ *pipeNet, a *listener) { a.send(`{"type":"OFFER","dst":"x"}`) },
			map[time.Duration]bool{0: true, 11 * time.Second: false},
		},
		{
			"garbage", func(t *testing.T, n *pipeNet, _ *listener) { raw("\xf1\x80\x00\x00\x00\x00")(t, n) },
			map[time.Duration]bool{0: true, 59 * time.Second: true, 61 * time.Second: false},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for after, want := range tt.want {
				inBubble(t, nil, func(t *testing.T, n *pipeNet) {
					a := n.listen(t, "a", "t", here, true)
					tt.do(t, n, a)
					synctest.Wait()
					time.Sleep(after)
					if got := n.Busy(); got != want {
						t.Errorf("Busy() = %v after %v, want %v", got, after, want)
					}
				})
			}
		})
	}
}

// The handshake's answer and OPEN, or why there is none, come in one packet.
func TestHandshakeAndFirstFrameAreOnePacket(t *testing.T) {
	for _, tt := range []struct{ name, query, want string }{
		{"admitted", query(1), openFrame},
		{"refused", "key=peerjs", "No id, token, or key supplied to websocket server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *pipeNet) {
				conn, _ := n.connect(here)
				defer conn.Close()
				_, _ = io.WriteString(conn, "GET /peerjs?"+tt.query+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
					"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
				packet := make([]byte, 4096)
				k, err := conn.Read(packet)
				if got := string(packet[:k]); err != nil || !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.Contains(got, tt.want) {
					t.Errorf("the first packet is %q, %v, want 101 and %s", got, err, tt.want)
				}
			})
		})
	}
}
