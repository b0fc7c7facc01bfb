package rtc

import (
	"net"
	"testing"
)

func refuseSegments(s sender) { s.segments.refused.Store(true) }

// TestSendSegments: this kernel takes a run. Were it to refuse, all would still
// arrive, one by one, and nothing else would tell.
func TestSendSegments(t *testing.T) {
	w := newWire(t, "127.0.0.1")
	data := append(append(numbered(applicationData, 0, 500), numbered(applicationData, 1, 500)...), numbered(applicationData, 2, 20)...)
	to := w.peers[0].LocalAddr().(*net.UDPAddr).AddrPort()
	if err := w.sock.send.sendSegments(data, 500, to); err != nil {
		t.Fatal(err)
	}
	w.receive(t, 0, [][]byte{data[:500], data[500:1000], data[1000:]})
	if err := w.sock.send.sendSegments(make([]byte, 70000), 500, to); err == nil {
		t.Error("more went in one call than can")
	}
	if w.sock.send.segments.refused.Load() {
		t.Error("a run that was too large stopped all others")
	}
}
