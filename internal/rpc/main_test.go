package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errGone    = errors.New("the peer has gone")
	errDropped = errors.New("message too large")
	errGarbled = errors.New("message not readable")
)

func isDropped(err error) bool { return errors.Is(err, errDropped) }
func isGarbled(err error) bool { return errors.Is(err, errGarbled) }

// garbled is a message that the stream cannot read.
const garbled = "\xff garbled"

// A stream is one end of an in-memory connection.
type stream struct {
	in, out chan []byte
	ended   chan struct{} // shared by both ends
	end     *sync.Once
	maxSend int // what MaxSend says
	maxRecv int // a longer message is dropped with errDropped
}

var _ rpc.Stream = (*stream)(nil)

// pipe returns the two ends of a connection that holds room messages each way
// before Send blocks.
func pipe(room int) (node, client *stream) {
	a, b := make(chan []byte, room), make(chan []byte, room)
	ended, end := make(chan struct{}), new(sync.Once)
	node = &stream{in: a, out: b, ended: ended, end: end, maxSend: 1 << 18, maxRecv: 1 << 18}
	client = &stream{in: b, out: a, ended: ended, end: end, maxSend: 1 << 18, maxRecv: 1 << 18}
	return node, client
}

func (s *stream) Send(ctx context.Context, msg []byte) error {
	select {
	case <-s.ended:
		return errGone
	default:
	}
	select {
	case s.out <- bytes.Clone(msg):
		return nil
	case <-s.ended:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Recv returns what was sent before the end as well.
func (s *stream) Recv() ([]byte, error) {
	select {
	case msg := <-s.in:
		return s.admit(msg)
	default:
	}
	select {
	case msg := <-s.in:
		return s.admit(msg)
	case <-s.ended:
		return nil, errGone
	}
}

func (s *stream) admit(msg []byte) ([]byte, error) {
	if len(msg) > s.maxRecv {
		return nil, errDropped
	}
	if string(msg) == garbled {
		return nil, errGarbled
	}
	return msg, nil
}

func (s *stream) MaxSend() int { return s.maxSend }

// close ends the connection for both ends.
func (s *stream) close() { s.end.Do(func() { close(s.ended) }) }

// send puts a message into the stream.
func (s *stream) send(t testing.TB, msg string) {
	t.Helper()
	if err := s.Send(t.Context(), []byte(msg)); err != nil {
		t.Fatalf("Send(%s) = %v", msg, err)
	}
}

// recv takes a message out of the stream.
func (s *stream) recv(t testing.TB) string {
	t.Helper()
	msg, err := s.Recv()
	if err != nil {
		t.Fatalf("Recv = %v", err)
	}
	return string(msg)
}

// quiet demands that nothing is waiting to be received.
func (s *stream) quiet(t testing.TB) {
	t.Helper()
	select {
	case msg := <-s.in:
		t.Errorf("received %s, want nothing", msg)
	default:
	}
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// config is what the tests serve with unless they say otherwise.
func config() rpc.ServerConfig {
	cfg := rpc.DefaultServerConfig("node")
	cfg.TooLarge, cfg.Malformed = isDropped, isGarbled
	return cfg
}

// serve runs a server on one end of a pipe and returns the other. The server
// ends with the test, and must then do so with errGone.
func serve(t testing.TB, room int, cfg rpc.ServerConfig, h rpc.Handler) *stream {
	t.Helper()
	node, client := pipe(room)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := rpc.Serve(context.Background(), node, cfg, h, discard()); !errors.Is(err, errGone) {
			t.Errorf("Serve = %v, want %v", err, errGone)
		}
	})
	t.Cleanup(func() {
		client.close()
		wg.Wait()
	})
	return client
}

// start runs a client on one end of a pipe and returns the other, the node's.
func start(t testing.TB, room int) (*rpc.Client, *stream) {
	t.Helper()
	node, end := pipe(room)
	c := rpc.NewClient(end, "me")
	c.TooLarge, c.Malformed = isDropped, isGarbled
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Run(); !errors.Is(err, errGone) {
			t.Errorf("Run = %v, want %v", err, errGone)
		}
	})
	t.Cleanup(func() {
		node.close()
		wg.Wait()
	})
	return c, node
}

// echo answers with what the handler was given.
func echo(_ context.Context, r rpc.Request) rpc.Response {
	body := r.Body
	if body == nil {
		body = []byte("null")
	}
	return rpc.JSON(body)
}
