package impair_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/impair"
)

// A meeting point is a line to a server, and both ends of its connections.
type meetingPoint struct {
	t    *testing.T
	line *impair.TCP
	ln   net.Listener
}

func newMeetingPoint(t *testing.T) *meetingPoint {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	line, err := impair.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line.Aim(ln.Addr().String())
	ran := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ran <- line.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return &meetingPoint{t, line, ln}
}

func (m *meetingPoint) dial() (client, server net.Conn) {
	m.t.Helper()
	client, err := net.Dial("tcp", m.line.Addr())
	if err != nil {
		m.t.Fatal(err)
	}
	server, err = m.ln.Accept()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// pass sends a text from one side to the other.
func (m *meetingPoint) pass(from, to net.Conn, text string) {
	m.t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		m.t.Fatal(err)
	}
	m.comes(to, text)
}

func (m *meetingPoint) comes(to net.Conn, text string) {
	m.t.Helper()
	_ = to.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, len(text))
	if _, err := io.ReadFull(to, b); err != nil || string(b) != text {
		m.t.Fatalf("got %q, %v, want %q", b, err, text)
	}
}

// next reads for a moment and returns how that ended.
func next(conn net.Conn, within time.Duration) error {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	_, err := conn.Read(make([]byte, 1))
	return err
}

const moment = 200 * time.Millisecond

func TestConnectionsPass(t *testing.T) {
	m := newMeetingPoint(t)
	client, server := m.dial()
	m.pass(client, server, "question")
	m.pass(server, client, "answer")
	client.Close()
	if err := next(server, patience); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the other side: %v, want EOF", err)
	}
}

// Nobody learns of a severed connection, and new ones pass.
func TestSever(t *testing.T) {
	m := newMeetingPoint(t)
	client, server := m.dial()
	m.pass(client, server, "before")
	if n := m.line.Sever(); n != 1 {
		t.Errorf("Sever = %d, want 1", n)
	}
	if _, err := io.WriteString(client, "lost"); err != nil {
		t.Error(err)
	}
	client.Close()
	if err := next(server, moment); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a severed connection: %v, want nothing at all", err)
	}
	client, server = m.dial()
	m.pass(client, server, "after")
}

func TestReset(t *testing.T) {
	m := newMeetingPoint(t)
	client, server := m.dial()
	m.pass(client, server, "before")
	if n := m.line.Reset(); n != 1 {
		t.Errorf("Reset = %d, want 1", n)
	}
	for name, end := range map[string]net.Conn{"client": client, "server": server} {
		if err := next(end, patience); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v, want a reset", name, err)
		}
	}
}

// A stall lets exactly so many bytes pass, in its direction, on one connection.
func TestStall(t *testing.T) {
	for _, tt := range []struct {
		name      string
		direction impair.Direction
		after     int64
		passes    string
		waits     string
	}{
		{"nothing passes", impair.Up, 0, "", "question"},
		{"a part passes", impair.Up, 5, "quest", "ion"},
		{"all passes, and no more", impair.Up, 8, "question", "!"},
		{"towards the client", impair.Down, 3, "ans", "wer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMeetingPoint(t)
			s := m.line.Stall(tt.direction, tt.after)
			client, server := m.dial()
			from, to := client, server
			if tt.direction == impair.Down {
				from, to = server, client
			}
			m.pass(to, from, "the other way")
			if _, err := io.WriteString(from, tt.passes+tt.waits); err != nil {
				t.Fatal(err)
			}
			m.comes(to, tt.passes)
			select {
			case <-s.Reached():
			case <-time.After(patience):
				t.Fatal("it is never reached")
			}
			if err := next(to, moment); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("more comes: %v", err)
			}
			s.Lift()
			m.comes(to, tt.waits)
			m.pass(from, to, "and on")

			client, server = m.dial()
			m.pass(client, server, "another is not held up")
		})
	}
}

// Where nobody listens a connection is refused, as the server itself would.
func TestNobodyThere(t *testing.T) {
	m := newMeetingPoint(t)
	m.ln.Close()
	client, err := net.Dial("tcp", m.line.Addr())
	if err == nil { // or it was reset as soon as it was made
		defer client.Close()
		err = next(client, patience)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}
