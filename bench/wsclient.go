package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A wsClient is the least WebSocket client that measures a server and not
// itself (RFC 6455): whole frames, one fixed mask, a buffer of its own size.
type wsClient struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte // of the frame read last
}

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10

	maxFrame  = 1 << 20
	dialLimit = 20 * time.Second
)

// dialWS opens a WebSocket at http://addr/target from the given source address.
func dialWS(addr, source, target string, buffer int) (*wsClient, error) {
	d := net.Dialer{Timeout: dialLimit, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &wsClient{conn: conn, in: bufio.NewReaderSize(conn, buffer)}
	if err := c.shake(addr, target); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// shake says what a browser says, cookies and user agent included.
func (c *wsClient) shake(host, target string) error {
	_ = c.conn.SetDeadline(time.Now().Add(dialLimit))
	defer c.conn.SetDeadline(time.Time{})
	_, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"+
		"Upgrade: websocket\r\nOrigin: https://wallet.example\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"+
		"Accept-Language: en-GB,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", target, host)
	if err != nil {
		return err
	}
	status, err := c.in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 101 ") {
		return fmt.Errorf("handshake: %s", strings.TrimSpace(status))
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			return nil
		}
	}
}

// frame makes a masked frame, to be written as often as one likes.
func frame(opcode byte, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i%4])
	}
	return b
}

func (c *wsClient) write(frame []byte) error {
	_, err := c.conn.Write(frame)
	return err
}

var errClosed = errors.New("the server closed the WebSocket")

// next returns the next text message; it is good until the next call. Pings
// are answered.
func (c *wsClient) next() ([]byte, error) {
	for {
		op, payload, err := c.readFrame()
		if err != nil {
			return nil, err
		}
		switch op {
		case opText:
			return payload, nil
		case opPing:
			if err := c.write(frame(opPong, payload)); err != nil {
				return nil, err
			}
		case opClose:
			return nil, fmt.Errorf("%w: % x", errClosed, payload)
		case opPong:
		default:
			return nil, fmt.Errorf("a frame of opcode %d", op)
		}
	}
}

// expect reads a message and compares it.
func (c *wsClient) expect(want string) error {
	got, err := c.next()
	if err == nil && string(got) != want {
		err = fmt.Errorf("got %s, want %s", got, want)
	}
	return err
}

func (c *wsClient) readFrame() (op byte, payload []byte, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return 0, nil, err
	}
	op, n := head[0]&0x0f, uint64(head[1])
	_, _ = c.in.Discard(2)
	if extended := map[uint64]int{126: 2, 127: 8}[n]; n > 125 {
		var long [8]byte
		if _, err := io.ReadFull(c.in, long[8-extended:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes", n)
	}
	if uint64(cap(c.buf)) < n {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	_, err = io.ReadFull(c.in, c.buf)
	return op, c.buf, err
}

// abandon ends the connection with a reset, which leaves no TIME_WAIT behind.
func (c *wsClient) abandon() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.conn.Close()
}
