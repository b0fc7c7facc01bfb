package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A socket is a WebSocket whose reader keeps what comes.
type socket struct {
	c    *check
	id   string
	conn *websocket.Conn
	in   chan string // what came: frames, then "close N" or "lost"
	rude atomic.Bool // does not answer a close frame, and may go on sending
	echo int
}

const keptFrames = 4096

func newSocket(c *check, conn *websocket.Conn) *socket {
	s := &socket{c: c, conn: conn, in: make(chan string, keptFrames)}
	answer := conn.CloseHandler()
	conn.SetCloseHandler(func(code int, text string) error {
		if s.rude.Load() {
			return nil
		}
		return answer(code, text)
	})
	conn.SetPongHandler(func(payload string) error { s.in <- "pong " + payload; return nil })
	go s.read() // ends when the connection does: see drop
	return s
}

func (s *socket) read() {
	defer close(s.in)
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			s.in <- ended(err)
			return
		}
		text := string(data)
		if kind != websocket.TextMessage {
			text = "binary frame " + text
		}
		s.in <- text
	}
}

func ended(err error) string {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return fmt.Sprintf("close %d", closed.Code)
	}
	return "lost"
}

// drop closes the connection without a word.
func (s *socket) drop() {
	_ = s.conn.Close()
	for range s.in { // until the reader has ended
	}
}

// reset ends the connection so that the other end sees a reset.
func (s *socket) reset() {
	if tcp, ok := s.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	s.drop()
}

// leave closes the WebSocket as a browser does, and waits for the answer.
func (s *socket) leave() {
	s.sayClose()
	if got := s.collect(patience); !slices.Contains(got, "close 1005") {
		s.c.fail("the close frame of %s is answered with %q", s.id, got)
	}
	s.drop()
}

// sayClose sends a close frame and nothing more.
func (s *socket) sayClose() {
	_ = s.conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience))
}

func (s *socket) send(frames ...string) {
	for _, f := range frames {
		if err := s.trySend(f); err != nil {
			s.c.fail("send as %s: %w", s.id, err)
		}
	}
}

func (s *socket) trySend(frame string) error {
	return s.conn.WriteMessage(websocket.TextMessage, []byte(frame))
}

// next returns what comes next, or nothing.
func (s *socket) next() string { return s.nextWithin(patience) }

func (s *socket) nextWithin(d time.Duration) string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case text, ok := <-s.in:
		if !ok {
			return "ended"
		}
		return text
	case <-timer.C:
		return nothing
	}
}

// take returns the next n things that come.
func (s *socket) take(n int) []string {
	var got []string
	for range n {
		got = append(got, s.next())
	}
	return got
}

// collect returns all that comes within d, or until the end.
func (s *socket) collect(d time.Duration) []string {
	var got []string
	for deadline := time.Now().Add(d); ; {
		text := s.nextWithin(time.Until(deadline))
		if text == nothing || text == "ended" {
			return got
		}
		got = append(got, text)
	}
}

// heard returns what has come by now: what s sends to itself arrives after it.
// All that s sent before has been handled then.
func (s *socket) heard() string {
	s.ask()
	return s.answered(patience)
}

// ask begins heard.
func (s *socket) ask() {
	s.echo++
	_ = s.trySend(message("OFFER", s.id, quoted(s.mark()))) // answered sees the end, if there is one
}

func (s *socket) mark() string { return fmt.Sprintf("echo %d", s.echo) }

func (s *socket) answered(within time.Duration) string {
	var got []string
	for deadline := time.Now().Add(within); ; {
		text := s.nextWithin(time.Until(deadline))
		switch {
		case strings.Contains(text, s.mark()):
			return list(got)
		case text == nothing:
			return list(append(got, "hangs"))
		case text == "ended":
			return list(got)
		}
		got = append(got, text)
	}
}

func list(frames []string) string {
	if len(frames) == 0 {
		return nothing
	}
	return join(frames...)
}

// message is a frame from a client; an empty payload is left out.
func message(typ, dst, payload string) string {
	text := fmt.Sprintf(`{"type":%s,"dst":%s`, quoted(typ), quoted(dst))
	if payload != "" {
		text += `,"payload":` + payload
	}
	return text + "}"
}

// delivered is that frame as the destination gets it.
func delivered(typ, src, dst, payload string) string {
	text := fmt.Sprintf(`{"type":%s,"src":%s,"dst":%s`, quoted(typ), quoted(src), quoted(dst))
	if payload != "" {
		text += `,"payload":` + payload
	}
	return text + "}"
}

func expire(about, to string) string { return delivered("EXPIRE", about, to, "") }

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string can always be encoded
	return string(b)
}
