package roles_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

// misbehave connects from addr, perhaps in the name of another, and sends what
// no honest peer does, if it is let in. It returns the status of the handshake,
// 0 if the connection was closed without a word.
func misbehave(t *testing.T, a *roles.Archiver, addr, inNameOf string) (status int) {
	t.Helper()
	c, err := from(addr).Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if isReset(err) { // before the system has told of the connection
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	head := "GET " + signaling.DefaultPath + "/peerjs?key=" + signaling.DefaultKey + "&id=bad&token=t HTTP/1.1\r\nHost: archiver\r\n" +
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if inNameOf != "" {
		head += "X-Forwarded-For: " + inNameOf + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return 0
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_, _ = c.Write([]byte{0xf1, 0x80, 0, 0, 0, 0}) // reserved bits are set
		for b := byte(0); b != 0x88 && err == nil; {   // the close frame, or the end: it is blamed
			b, err = r.ReadByte()
		}
	}
	return resp.StatusCode
}

// misbehaves does so n times and says how often it was told which status.
func misbehaves(t *testing.T, a *roles.Archiver, n int, addr, inNameOf string) string {
	t.Helper()
	counts := map[int]int{}
	for range n {
		counts[misbehave(t, a, addr, inNameOf)]++
	}
	return fmt.Sprint(counts)
}

// Who sends garbage again and again is closed unheard at the door; those at other
// addresses, and sockets that are open, notice nothing, and it is soon forgiven.
func TestWhoSendsGarbageIsShunned(t *testing.T) {
	a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt = nil })
	const bad, good = "127.0.1.1", "127.0.0.2"
	join := func(id, addr string) *signaling.Client {
		c, err := signaling.Dial(t.Context(), signaling.ClientConfig{
			URL: a.URL() + signaling.DefaultPath, ID: id, Dial: from(addr).DialContext,
		}, logger(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	neighbour, one := join("neighbour", bad), join("one", good)

	began := time.Now()
	if got := misbehaves(t, a, 60, bad, ""); time.Since(began) < 1500*time.Millisecond && !strings.Contains(got, "101:10 429:2") {
		t.Errorf("by status: %s, want 10 let in, some 20 told 429 and the others nothing", got)
	}
	if roles.Refused(a)["garbage"] < 40 {
		t.Errorf("%d were counted as refused, want 40 and more", roles.Refused(a)["garbage"])
	}
	if !isAlive(t, a, good) {
		t.Error("another address is not answered")
	}
	join("another", good)
	if err := neighbour.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "one"}); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-one.Messages():
		if m.Src != "neighbour" {
			t.Errorf("message from %s", m.Src)
		}
	case <-time.After(5 * time.Second):
		t.Error("a socket of the address that was open before is not heard")
	}
	for deadline := time.Now().Add(20 * time.Second); misbehave(t, a, bad, "") != http.StatusSwitchingProtocols; {
		if time.Now().After(deadline) {
			t.Fatal("nothing is forgiven within 20 s")
		}
	}
}

// A trusted proxy is not closed for what its clients do, whatever it says of
// them: nothing, or that they are others.
func TestATrustedProxyIsNotShunned(t *testing.T) {
	const proxy = "127.0.0.9"
	a := startArchiver(t, func(c *config.Archiver) { c.LimitExempt, c.TrustedProxy = nil, []string{proxy} })
	if got := misbehaves(t, a, 40, proxy, ""); got != "map[101:40]" {
		t.Errorf("without a name: %s, want 40 let in", got)
	}
	if got := misbehaves(t, a, 40, proxy, "203.0.113.7"); !strings.HasPrefix(got, "map[101:1") || !strings.Contains(got, " 429:") {
		t.Errorf("in the name of one: %s, want some 10 let in and the others told 429", got)
	}
	if got := misbehaves(t, a, 1, proxy, "203.0.113.8"); got != "map[101:1]" {
		t.Errorf("in the name of another: %s, want it let in", got)
	}
	if !isAlive(t, a, proxy) {
		t.Error("the proxy is not answered")
	}
}
