package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// descriptors returns how many the process has open.
func (r *role) descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// A consensor whose descriptors are all wanted goes on with the sessions that it has and keeps
// what it is given; who comes over HTTP waits or is turned away, and comes in when there is room.
func TestDescriptorsOfANodeRunOut(t *testing.T) {
	t.Parallel()
	const files = 200
	s := newSite(t)
	archiver := s.archiver()
	node := s.limited(files, "consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", s.dir("consensor"), "--limit-exempt", "127.0.0.0/8")
	s.listed(archiver.url(), node.peerID, eventWithin)
	talker, payer := s.talk(archiver.url(), node), s.pays(archiver.url())
	var crowd []net.Conn
	leave := func() {
		for _, c := range crowd {
			c.Close()
		}
	}
	defer leave()
	for range 300 {
		c, err := net.Dial("tcp", node.addr)
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, c)
		_ = c.SetDeadline(time.Now().Add(eventWithin))
		_, _ = io.WriteString(c, "GET /is-healthy HTTP/1.1\r\nHost: x\r\n\r\n") // an error: it is turned away
		_, _ = c.Read(make([]byte, 1))
	}
	if open := node.descriptors(t); open < files/2 || open > files-files/4 {
		t.Errorf("of %d descriptors %d are taken; the crowd may have half of them, and the ledger needs the others", files, open)
	}
	want := deal{Pay: 40, Read: 40, AtOnce: 4}
	payer.deal(want).all(t, want)
	talker.more(t, "reply", 5, noticed)
	leave()
	d := openDoor(t, node)
	eventually(t, eventWithin, "there is room again", func() bool {
		_, err := d.account(strings.Repeat("0", 64))
		return err == nil
	})
	payer.deal(want).all(t, want)
	if ended := talker.events("ended"); len(ended) > 0 {
		t.Errorf("the session ended: %v", ended)
	}
	payer.sound()
}

// Strangers of many addresses who connect to the TCP port of a consensor's data channels, and to
// its HTTP server, leave the ledger what it needs, and no address keeps the others out.
func TestDescriptorsOfANodeRunOutByTCP(t *testing.T) {
	t.Parallel()
	const files, each = 200, 60
	s := newSite(t)
	archiver := s.archiver()
	node := s.limited(files, "consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--tcp-listen", "127.0.0.1:0", "--data", s.dir("consensor"),
		"--config", s.file("consensor.toml", ""))
	node.reload(t) // which forgets nothing of it
	s.listed(archiver.url(), node.peerID, eventWithin)
	line, _ := node.errs.find(0, func(r record) bool { return r.text("msg") == "ready" })
	payer := s.pays(archiver.url())
	dial := func(host byte, addr string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, host)}}
		c, err := dialer.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for host := range byte(5) {
		for range each {
			dial(20+host, line.text("tcpAddr"))
			dial(20+host, node.addr)
		}
		if host == 0 { // alone until now
			other := dial(30, line.text("tcpAddr"))
			_ = other.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := other.Read(make([]byte, 1)); !os.IsTimeout(err) {
				t.Errorf("one address keeps the others from the TCP port: %v", err)
			}
		}
	}
	want := deal{Pay: 40, Read: 40, AtOnce: 4}
	payer.deal(want).all(t, want)
	if open := node.descriptors(t); open < files/4 || open > files-files/4 {
		t.Errorf("of %d descriptors %d are taken; the crowd may have half of them, and the ledger needs the others", files, open)
	}
	payer.sound()
}
