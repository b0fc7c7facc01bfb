package signaling

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// masked makes a frame as a client sends it.
func masked(first byte, payload []byte) []byte {
	mask := [4]byte{1, 2, 3, 4}
	b := []byte{first}
	switch n := len(payload); {
	case n <= maxShort:
		b = append(b, maskedBit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskedBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskedBit|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i%4])
	}
	return b
}

func TestSignOfLife(t *testing.T) {
	beat, pong := masked(0x81, heartbeat), masked(0x8a, []byte("now"))
	unmasked := append([]byte{0x8a, 3}, "now"...)
	for _, tt := range []struct {
		name       string
		bytes      []byte
		fragmented bool
		want       int
	}{
		{"heartbeat", beat, false, len(beat)},
		{"heartbeat and more", append(bytes.Clone(beat), 0x81), false, len(beat)},
		{"heartbeat amid a message", beat, true, 0},
		{"heartbeat cut short", beat[:len(beat)-1], false, 0},
		{"first fragment of a heartbeat", masked(0x01, heartbeat), false, 0},
		{"compressed heartbeat", masked(0xc1, heartbeat), false, 0},
		{"something as long", masked(0x81, bytes.ToLower(heartbeat)), false, 0},
		{"longer heartbeat", masked(0x81, append(bytes.Clone(heartbeat), ' ')), false, 0},
		{"pong", pong, false, len(pong)},
		{"pong amid a message", pong, true, len(pong)},
		{"empty pong", masked(0x8a, nil), false, 6},
		{"unmasked pong", append(unmasked, "enough"...), false, 0},
		{"pong that is too long", masked(0x8a, make([]byte, 126)), false, 0},
		{"pong without the final bit", masked(0x0a, nil), false, 0},
		{"ping", masked(0x89, nil), false, 0},
		{"nothing", nil, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := signOfLife(tt.bytes, tt.fragmented); got != tt.want {
				t.Errorf("signOfLife = %d, want %d", got, tt.want)
			}
		})
	}
}

// FuzzQuietConn sends bytes in pieces through a quietConn over TCP, and compares
// what a WebSocket reads there with what one reads without it.
func FuzzQuietConn(f *testing.F) {
	long := masked(0x81, bytes.Repeat([]byte("long "), 2000))
	for _, frames := range [][][]byte{
		{masked(0x81, []byte("hello"))},
		{masked(0x81, heartbeat), masked(0x81, []byte("a")), masked(0x8a, []byte("p")), masked(0x81, heartbeat), masked(0x81, []byte("b"))},
		{masked(0x01, []byte("frag")), masked(0x8a, nil), masked(0x00, []byte("men")), masked(0x80, []byte("ted")), masked(0x82, nil)},
		{masked(0x01, []byte("frag")), masked(0x81, heartbeat)},
		{long, masked(0x89, []byte("ping")), long, masked(0x88, []byte{3, 232})},
		{masked(0x81, bytes.Repeat([]byte("x"), 70000)), {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{{0x81}, {0x05}, []byte("plain")},
	} {
		for _, piece := range []uint16{1, 7, 5000} {
			f.Add(bytes.Join(frames, nil), piece)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		if len(data) > 200_000 || len(data)/int(max(piece, 1)) > 5000 {
			t.Skip("too much for one run")
		}
		want := messagesOf(t, data, piece, func(c net.Conn) net.Conn { return c })
		pool := &sync.Pool{New: func() any { return new(inbuf) }}
		got := messagesOf(t, data, piece, func(c net.Conn) net.Conn { return newQuietConn(c, pool, time.Second) })
		if len(got) != len(want) {
			t.Fatalf("%d messages, want %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d is %.60q, want %.60q", i, got[i], want[i])
			}
		}
	})
}

// messagesOf returns the messages that a server reads, HEARTBEATs apart.
func messagesOf(t *testing.T, data []byte, piece uint16, wrap func(net.Conn) net.Conn) [][]byte {
	t.Helper()
	near, far := tcpPair(t)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer near.Close()
	sending.Go(func() {
		defer far.(*net.TCPConn).CloseWrite()
		for rest := data; len(rest) > 0; {
			n := min(len(rest), max(int(piece), 1))
			if _, err := far.Write(rest[:n]); err != nil {
				return // the reader has seen enough
			}
			rest = rest[n:]
		}
	})
	sending.Go(func() { _, _ = io.Copy(io.Discard, far) })

	conn := wrap(near)
	ws := upgraded(t, conn)
	var messages [][]byte
	for {
		if q, ok := conn.(*quietConn); ok && q.await(func() {}) != nil {
			return messages
		}
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return messages
		}
		if !bytes.Equal(msg, heartbeat) {
			messages = append(messages, msg)
		}
	}
}

// upgraded makes conn the server's end of a WebSocket.
func upgraded(t *testing.T, conn net.Conn) *websocket.Conn {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	up := websocket.Upgrader{ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer}
	ws, err := up.Upgrade(hijacked{httptest.NewRecorder(), conn}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	return ws
}

type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

func tcpPair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
}

// TestQuietConnWrite shows that a write that does not fit at once waits for its
// reader, and no longer than it may.
func TestQuietConnWrite(t *testing.T) {
	near, far := tcpPair(t)
	big := bytes.Repeat([]byte("0123456789"), 2<<20)
	q := newQuietConn(near, nil, 10*time.Second)
	read := make(chan []byte, 1)
	go func() {
		got := make([]byte, len(big))
		n, _ := io.ReadFull(far, got)
		read <- got[:n]
	}()
	if n, err := q.Write(big); n != len(big) || err != nil {
		t.Fatalf("Write = %d, %v, want %d", n, err, len(big))
	}
	if !bytes.Equal(<-read, big) {
		t.Fatal("what was read is not what was written")
	}
	_ = q.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := q.Write(big) // nobody reads
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || n == len(big) {
		t.Errorf("Write = %d, %v, want a timeout", n, err)
	}
	far.Close()
	near.Close()
	if _, err := q.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close = %v", err)
	}
	if err := q.await(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("await after Close = %v", err)
	}
}
