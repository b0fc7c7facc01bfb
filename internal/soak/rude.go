package main

import (
	"context"
	crypto "crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

// rudeDialer comes from another address than the honest, so that limits by
// address hold for it.
func rudeDialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(66+rand.N(4)))}}
}

func noise(n int) []byte {
	b := make([]byte, 1+rand.N(n))
	crypto.Read(b)
	return b
}

// rudeSocket opens a socket from an address of the rude.
func (l *load) rudeSocket(ctx context.Context) (*signaling.Client, error) {
	return signaling.Dial(ctx, signaling.ClientConfig{
		URL: l.n.archiver().url() + signaling.DefaultPath, Dial: rudeDialer().DialContext,
		OpenTimeout: 5 * time.Second,
	}, slog.New(slog.DiscardHandler))
}

// junkSocket opens a WebSocket by hand, sends what nobody understands, and
// goes without a word.
func (l *load) junkSocket(ctx context.Context) error {
	conn, err := rudeDialer().DialContext(ctx, "tcp", l.n.archiver().addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	fmt.Fprintf(conn, "GET /liberdus-peer/peerjs?key=liberdus&id=rude%d&token=t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", rand.N(1<<30))
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		return err
	}
	for range 5 {
		if _, err := conn.Write(noise(2000)); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	return err
}

// junkTCP sends half a request, a large one, or no HTTP at all.
func (l *load) junkTCP(ctx context.Context) error {
	p := l.n.procs[rand.N(len(l.n.procs))]
	conn, err := rudeDialer().DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	switch rand.N(3) {
	case 0:
		fmt.Fprintf(conn, "POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
	case 1:
		fmt.Fprintf(conn, "POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{]}GET /%x HTTP/1.1\r\n\r\n", noise(3000))
	default:
		_, _ = conn.Write(noise(8000))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	return err
}

// junkUDP sends datagrams that look a little like STUN, DTLS or nothing.
func (l *load) junkUDP(ctx context.Context) error {
	nodes := l.n.consensors()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 66)}}
	conn, err := dialer.DialContext(ctx, "udp", nodes[rand.N(len(nodes))].udp)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 50 {
		b := noise(1200)
		switch b[0] = []byte{0, 1, 20, 22, 23, 128, 255}[rand.N(7)]; {
		case b[0] < 2 && len(b) > 20: // the magic cookie of STUN
			copy(b[4:], []byte{0x21, 0x12, 0xa4, 0x42})
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// junkOffer offers connections to a node through the archiver that nobody will
// complete, some of which cannot be read.
func (l *load) junkOffer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := l.rudeSocket(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	nodes := l.n.consensors()
	for range 3 {
		sdp := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
			"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:rude\r\na=ice-pwd:" +
			fmt.Sprintf("%032x", rand.Uint64()) + "\r\na=setup:actpass\r\na=sctp-port:5000\r\na=fingerprint:sha-256 " + fingerprint() + "\r\n"
		payload, _ := json.Marshal(map[string]any{
			"id": fmt.Sprintf("%032x", rand.Uint64()), "type": "offer", "sdp": sdp[:len(sdp)-rand.N(2)*rand.N(len(sdp))],
			"signal": map[string]any{"type": "offer", "sdp": sdp},
		})
		m := signaling.Message{Type: signaling.TypeOffer, Dst: nodes[rand.N(len(nodes))].peer, Payload: payload}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
	rest(ctx, rand.N(2*time.Second))
	return nil
}

func fingerprint() string {
	text := ""
	for i := range 32 {
		if i > 0 {
			text += ":"
		}
		text += fmt.Sprintf("%02X", rand.N(256))
	}
	return text
}
