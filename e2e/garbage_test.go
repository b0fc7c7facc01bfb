package e2e

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// from dials as a client at that address of this machine does.
func from(addr string) *net.Dialer {
	return &net.Dialer{Timeout: eventWithin, LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
}

// joinFrom connects a peer from an address.
func joinFrom(t *testing.T, r *role, id, addr string) *signaling.Client {
	t.Helper()
	c, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: r.url() + signaling.DefaultPath, ID: id, Dial: from(addr).DialContext}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// litter opens a WebSocket and sends what is no frame. It returns the status of
// the answer, 0 if the connection was closed without one.
func litter(archiver, addr string) int {
	c, err := from(addr).Dial("tcp", archiver)
	if err != nil {
		return 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(eventWithin))
	_, _ = io.WriteString(c, "GET "+signaling.DefaultPath+"/peerjs?key="+signaling.DefaultKey+"&id=litter&token=t HTTP/1.1\r\nHost: archiver\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_, _ = c.Write([]byte{0xf1, 0x80, 0, 0, 0, 0}) // reserved bits are set
		_, _ = in.ReadBytes(0x88)                      // until the close frame, when the address is blamed, or the end
	}
	return resp.StatusCode
}

// Who sends an archiver garbage and comes back again and again is closed
// unheard; peers at other addresses come in, are heard and are named in the log
// meanwhile.
func TestGarbageIsShunned(t *testing.T) {
	t.Parallel()
	const bad, good = "127.0.9.1", "127.0.9.2"
	r := newSite(t).archiver("--limit-exempt", "")
	inside := &pair{t: t, a: joinFrom(t, r, "inside0", good), b: joinFrom(t, r, "inside1", good)}
	inside.talk()

	var attackers sync.WaitGroup
	defer attackers.Wait()
	stop := make(chan struct{})
	defer close(stop)
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 4 {
		attackers.Go(func() {
			for {
				status := litter(r.addr, bad)
				mu.Lock()
				statuses[status]++
				mu.Unlock()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	unheard := func() int {
		mu.Lock()
		defer mu.Unlock()
		return statuses[0]
	}
	eventually(t, eventWithin, "the attackers are closed unheard", func() bool { inside.talk(); return unheard() >= 100 })
	for i := range 5 {
		id := fmt.Sprint("newcomer", i)
		newcomer := &pair{t: t, a: joinFrom(t, r, id, good), b: inside.b}
		newcomer.talk()
		eventually(t, eventWithin, id+" is named in the log", func() bool { return strings.Contains(r.errs.text(), id) })
	}
	mu.Lock()
	defer mu.Unlock()
	if open, told := statuses[http.StatusSwitchingProtocols], statuses[http.StatusTooManyRequests]; open < 10 || told < 10 || open+told > 100+statuses[0]/2 {
		t.Errorf("by status: %v, want some 10 let in, some 20 told 429 and the others nothing", statuses)
	}
	r.noRace(t)
}
