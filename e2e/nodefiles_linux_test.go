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
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if len(open) < files/2 || len(open) > files-files/4 {
		t.Errorf("of %d descriptors %d are taken; the crowd may have half of them, and the ledger needs the others", files, len(open))
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
