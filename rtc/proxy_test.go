package rtc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// A proxy carries the datagrams of one connection between two peers that know
// only its addresses, until it goes deaf.
type proxy struct {
	ends  [2]*net.UDPConn // what the offerer, and what the answerer, are seen as
	peers [2]atomic.Pointer[netip.AddrPort]
	left  atomic.Int64 // datagrams it still carries
	// drops says which datagrams it never carries. Set it before the first comes.
	drops func(datagram []byte) bool
	delay time.Duration // of each datagram; set it before the first comes
	// late says for how long a datagram that came to end i is held back, and
	// overtaken. Set it before the first comes; nil: none is.
	late func(i int, datagram []byte) time.Duration
	wg   sync.WaitGroup
}

func newProxy(datagrams int64) (*proxy, error) {
	p := &proxy{drops: func([]byte) bool { return false }}
	p.left.Store(datagrams)
	for i := range p.ends {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			p.close()
			return nil, err
		}
		p.ends[i] = conn
	}
	for i := range p.ends {
		p.wg.Go(func() { p.carry(i) })
	}
	return p, nil
}

// carry takes what the other peer sends to end i to the peer that end i stands for.
func (p *proxy) carry(i int) {
	late := make(chan passage, 1024)
	defer close(late)
	p.wg.Go(func() { p.carryLate(i, late) })
	buf := make([]byte, 2048)
	for {
		n, _, err := p.ends[i].ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if to := p.peers[i].Load(); to != nil && !p.drops(buf[:n]) && p.left.Add(-1) >= 0 {
			if p.late != nil {
				if d := p.late(i, buf[:n]); d > 0 {
					datagram := bytes.Clone(buf[:n])
					p.wg.Add(1)
					time.AfterFunc(d, func() {
						defer p.wg.Done()
						_, _ = p.ends[1-i].WriteToUDPAddrPort(datagram, *to)
					})
					continue
				}
			}
			if p.delay > 0 {
				late <- passage{bytes.Clone(buf[:n]), *to, time.Now().Add(p.delay)}
				continue
			}
			_, _ = p.ends[1-i].WriteToUDPAddrPort(buf[:n], *to)
		}
	}
}

// A passage is a datagram on its way.
type passage struct {
	datagram []byte
	to       netip.AddrPort
	due      time.Time
}

// carryLate sends datagrams on when they are due, in their order.
func (p *proxy) carryLate(i int, late <-chan passage) {
	for d := range late {
		<-time.After(time.Until(d.due)) // the time on the way
		_, _ = p.ends[1-i].WriteToUDPAddrPort(d.datagram, d.to)
	}
}

func (p *proxy) goDeaf() { p.left.Store(0) }

func (p *proxy) close() {
	for _, end := range p.ends {
		if end != nil {
			end.Close()
		}
	}
	p.wg.Wait()
}

// divert changes an offer or an answer so that the other side sends to p.
func (p *proxy) divert(m *signaling.Message) {
	i := 0
	if m.Type == signaling.TypeAnswer {
		i = 1
	}
	edit(m, func(sdp string) string {
		for line := range strings.Lines(sdp) {
			f := strings.Fields(line)
			if len(f) > 6 && strings.HasPrefix(line, "a=candidate") && f[4] == "127.0.0.1" && strings.EqualFold(f[2], "udp") {
				addr := netip.MustParseAddrPort(f[4] + ":" + f[5])
				p.peers[i].Store(&addr)
			}
		}
		port := portOf(p.ends[i].LocalAddr())
		return dropLines(sdp, "a=candidate") + fmt.Sprintf("a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\n", port)
	})
}

// through makes a tamper that leads every connection of the hub through p.
func (p *proxy) through(m *signaling.Message) bool {
	if m.Type == signaling.TypeCandidate {
		return false
	}
	p.divert(m)
	return true
}

// connectionOf returns the connection id of a message in the simple-peer dialect.
func connectionOf(m *signaling.Message) string {
	var p struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(m.Payload, &p) != nil {
		return ""
	}
	return p.ID
}

// proxies leads each connection of the hub through a proxy of its own, so that
// the node sees every peer at 127.0.0.1.
func proxies(t *testing.T, h *hub) {
	t.Helper()
	of := make(map[string]*proxy) // guarded by the hub
	h.tamper = func(m *signaling.Message) bool {
		id := connectionOf(m)
		if of[id] == nil && m.Type == signaling.TypeOffer {
			p, err := newProxy(1 << 60)
			if err != nil {
				t.Error(err)
				return false
			}
			t.Cleanup(p.close)
			of[id] = p
		}
		return of[id].through(m)
	}
}

// proxied starts a proxy for one connection.
func proxied(t *testing.T, h *hub) *proxy {
	t.Helper()
	p, err := newProxy(1 << 60)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	h.tamper = p.through
	return p
}

func portOf(a net.Addr) int { return a.(*net.UDPAddr).Port }
