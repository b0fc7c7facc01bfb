package signaling

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// A keptHijacker hands out a connection to which the handshake's answer is not
// written yet: that goes out in one with the first frame, since a packet of its
// own would be a tenth of what a connect costs.
type keptHijacker struct {
	http.ResponseWriter
	held heldConn // once hijacked
}

// Hijack implements [http.Hijacker].
func (h *keptHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	limitUnread(conn)
	h.held.Conn = conn
	return &h.held, rw, nil
}

// A heldConn keeps what is written.
type heldConn struct {
	net.Conn
	answer []byte
}

// Write implements [net.Conn].
func (h *heldConn) Write(p []byte) (int, error) {
	h.answer = append(h.answer, p...)
	return len(p), nil
}

// refuse answers the handshake and closes the WebSocket at once.
func (h *heldConn) refuse(code int) {
	_ = h.SetWriteDeadline(time.Now().Add(controlWait))
	bye := websocket.FormatCloseMessage(code, "")
	_, _ = h.Conn.Write(append(appendHeader(h.answer, opClose, len(bye)), bye...)) // an error is the peer's going away
	_ = h.Close()
}

// unreadBytes is what the system may keep of one socket that is not read; Linux
// takes twice that, for what it needs beside. By itself it would keep megabytes,
// and a thousand sockets that are read slowly, because they say too much, would
// take all that it has for TCP: then every connection of the machine stalls.
const unreadBytes = 128 << 10

// limitUnread sees to unreadBytes. It does nothing to what is not TCP.
func limitUnread(conn net.Conn) {
	if tcp, ok := bare(conn).(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(unreadBytes) // an error means that the connection has ended
	}
}

// bare returns the connection under TLS, and under whatever is below TLS.
func bare(conn net.Conn) net.Conn {
	for {
		upper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = upper.NetConn()
	}
}
