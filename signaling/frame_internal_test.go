package signaling

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

// FuzzQuietConn sends bytes in pieces over TCP and over a pipe, and compares what
// a quietConn reads with what gorilla/websocket reads: messages, pings, pongs, and
// how it ends.
func FuzzQuietConn(f *testing.F) {
	long := masked(0x81, bytes.Repeat([]byte("long "), 2000))
	for _, frames := range [][][]byte{
		{masked(0x81, []byte("hello"))},
		{masked(0x81, heartbeat), masked(0x81, []byte("a")), masked(0x8a, []byte("p")), masked(0x81, heartbeat), masked(0x81, []byte("b"))},
		{masked(0x01, []byte("frag")), masked(0x8a, nil), masked(0x00, []byte("men")), masked(0x80, []byte("ted")), masked(0x82, nil)},
		{masked(0x01, []byte("frag")), masked(0x81, heartbeat)},
		{masked(0x01, nil), masked(0x00, nil), masked(0x80, nil), masked(0x81, nil), masked(0x80, nil)},
		{long, masked(0x89, []byte("ping")), long, masked(0x88, []byte{3, 232})},
		{masked(0x88, nil)},
		{masked(0x88, []byte{3})},
		{masked(0x88, []byte{3, 237})},
		{masked(0x88, []byte{3, 246})}, // 1014
		{masked(0x88, []byte{3, 233, 0xff})},
		{masked(0x88, []byte{19, 136, 'x'})},
		{masked(0x81, bytes.Repeat([]byte("x"), 70000)), {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{{0x81}, {0x05}, []byte("plain")},
		{masked(0x09, nil)},
		{masked(0x83, nil)},
		{masked(0x8b, nil)},
		{masked(0xc1, nil)},
		{masked(0x89, make([]byte, 126))},
		{masked(0x01, bytes.Repeat([]byte("y"), 65536)), masked(0x80, bytes.Repeat([]byte("y"), 65536)), masked(0x81, []byte("next"))},
	} {
		for _, piece := range []uint16{1, 7, 5000} {
			f.Add(bytes.Join(frames, nil), piece)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		if len(data) > 200_000 || len(data)/int(max(piece, 1)) > 5000 {
			t.Skip("too much for one run")
		}
		want := heardBy(t, data, piece, tcpPair, theirs)
		for name, pair := range map[string]func(testing.TB) (near, far net.Conn){"TCP": tcpPair, "a pipe": pipePair} {
			got := heardBy(t, data, piece, pair, ours)
			if diff := cmpHeard(got, want); diff != "" {
				t.Fatalf("over %s: %s", name, diff)
			}
		}
	})
}

// cmpHeard lets three differences pass: gorilla/websocket takes half a close code
// for none, does not wait for the mask of a frame that is too long, and does not
// know 1014, which IANA has registered.
func cmpHeard(got, want []string) string {
	for i := range max(len(got), len(want)) {
		if i == len(got)-1 && i == len(want)-1 && (got[i] == "violation" && want[i] == "close 0" || got[i] == "lost" && want[i] == "too big" || got[i] == "close 1014" && want[i] == "violation") {
			break
		}
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("%.80q, want %.80q", got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
	return ""
}

// heardBy returns what a server hears, as read tells it.
func heardBy(t *testing.T, data []byte, piece uint16, pair func(testing.TB) (near, far net.Conn), read func(*testing.T, net.Conn) []string) []string {
	t.Helper()
	near, far := pair(t)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer near.Close()
	sending.Go(func() {
		defer closeWrite(far)
		for rest := data; len(rest) > 0; {
			n := min(len(rest), max(int(piece), 1))
			if _, err := far.Write(rest[:n]); err != nil {
				return // the reader has seen enough
			}
			rest = rest[n:]
		}
	})
	if _, ok := far.(*net.TCPConn); ok { // gorilla/websocket answers
		sending.Go(func() { _, _ = io.Copy(io.Discard, far) })
	}
	return read(t, near)
}

func closeWrite(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
		return
	}
	conn.Close()
}

const heardLimit = 100_000 // bytes of a message

// ours tells what a quietConn reads. Lone signs of life are told as what they are.
func ours(t *testing.T, conn net.Conn) []string {
	var e ear
	var q quietConn
	q.init(conn, newQuietKit(time.Second, heardLimit), &e)
	for {
		err := q.await(func(bool) {})
		if err == nil {
			var begun bool
			if _, begun, err = q.begin(); begun {
				var msg []byte
				if msg, err = io.ReadAll(&q); err == nil && !bytes.Equal(msg, heartbeat) {
					e = append(e, "message "+string(msg))
				}
			}
		}
		if bye, ok := errors.AsType[*goodbye](err); ok {
			return append(e, fmt.Sprintf("close %d", bye.code))
		}
		if v, ok := errors.AsType[*violation](err); ok {
			if v.code == websocket.CloseMessageTooBig {
				return append(e, "too big")
			}
			return append(e, "violation")
		}
		if err != nil {
			return append(e, "lost")
		}
	}
}

// An ear notes control frames. Pongs are not told: some never get this far.
type ear []string

func (e *ear) control(op byte, payload []byte) error {
	switch op {
	case opClose:
		code, v := closeCode(payload)
		if v != nil {
			return v
		}
		return &goodbye{code: code}
	case opPing:
		*e = append(*e, "ping "+string(payload))
	}
	return nil
}

func (*ear) continued() {}

// theirs tells what gorilla/websocket reads.
func theirs(t *testing.T, conn net.Conn) []string {
	var heard []string
	ws := upgraded(t, conn)
	ws.SetReadLimit(heardLimit)
	ws.SetPingHandler(func(payload string) error {
		heard = append(heard, "ping "+payload)
		return nil
	})
	for {
		_, msg, err := ws.ReadMessage()
		if err == nil {
			if !bytes.Equal(msg, heartbeat) {
				heard = append(heard, "message "+string(msg))
			}
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		_, network := errors.AsType[net.Error](err)
		switch {
		case ok && closed.Code == websocket.CloseAbnormalClosure, errors.Is(err, io.EOF), network:
			return append(heard, "lost")
		case ok && closed.Code == websocket.CloseNoStatusReceived:
			return append(heard, "close 0")
		case ok:
			return append(heard, fmt.Sprintf("close %d", closed.Code))
		case errors.Is(err, websocket.ErrReadLimit):
			return append(heard, "too big")
		}
		return append(heard, "violation")
	}
}

func pipePair(t testing.TB) (near, far net.Conn) {
	near, far = net.Pipe()
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
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
	var up websocket.Upgrader
	ws, err := up.Upgrade(hijacked{httptest.NewRecorder(), conn}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
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

// TestQuietConnWrite shows that a frame that does not fit at once waits for its
// reader, and no longer than it may.
func TestQuietConnWrite(t *testing.T) {
	near, far := tcpPair(t)
	big := bytes.Repeat([]byte("0123456789"), 2<<20)
	var q quietConn
	q.init(near, newQuietKit(10*time.Second, 0), nil)
	frame := append(appendHeader(nil, opText, len(big)), big...)
	read := make(chan []byte, 1)
	go func() {
		got := make([]byte, len(frame))
		n, _ := io.ReadFull(far, got)
		read <- got[:n]
	}()
	if err := q.write(nil, opText, big); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(<-read, frame) {
		t.Fatal("what was read is not what was written")
	}
	q.kit.limit = 50 * time.Millisecond
	err := q.write(nil, opText, big) // nobody reads
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("write = %v, want a timeout", err)
	}
	far.Close()
	near.Close()
	if err := q.write(nil, opPing, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close = %v", err)
	}
	if err := q.await(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("await after Close = %v", err)
	}
}

// What the server writes is read by gorilla/websocket as what it is.
func TestFramesWritten(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 4096, 65535, 65536, 200_000} {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			payload := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
			short := payload[:min(n, maxShort)]
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var q quietConn
				q.init(hijack(t, w, r), newQuietKit(time.Second, 0), nil)
				defer q.conn.Close()
				if err := errors.Join(q.write(nil, opPing, short), q.write(nil, opText, payload), q.write(nil, opClose, websocket.FormatCloseMessage(1001, ""))); err != nil {
					t.Error(err)
				}
			}))
			defer web.Close()
			ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			pinged := ""
			ws.SetPingHandler(func(s string) error { pinged = s; return nil })
			kind, got, err := ws.ReadMessage()
			if kind != websocket.TextMessage || !bytes.Equal(got, payload) || err != nil {
				t.Errorf("read a message of kind %d and %d bytes, %v", kind, len(got), err)
			}
			if pinged != string(short) {
				t.Errorf("read a ping of %d bytes", len(pinged))
			}
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, 1001) {
				t.Errorf("read %v, want close code 1001", err)
			}
		})
	}
}

// hijack makes the connection of a request that of a WebSocket.
func hijack(t *testing.T, w http.ResponseWriter, r *http.Request) net.Conn {
	h := &keptHijacker{ResponseWriter: w}
	var up websocket.Upgrader
	if _, err := up.Upgrade(h, r, nil); err != nil {
		t.Error(err)
	}
	if _, err := h.held.Conn.Write(h.held.answer); err != nil {
		t.Error(err)
	}
	return h.held.Conn
}
